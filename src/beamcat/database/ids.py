"""Numbers for new objects, taken before they are written, so that children can point to their parents."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from beamcat.database.naming import table_name
from beamcat.model import Entity


async def take_ids(conn: AsyncConnection[Any], entity: Entity, count: int) -> list[int]:
    """`count` unused ids of the entity, ascending. They are used up even if the transaction is rolled back."""
    if count == 0:
        return []
    sequence = f"{table_name(entity)}_id_seq"
    cursor = await conn.execute(
        f"SELECT array_agg(nextval('\"{sequence}\"')) FROM generate_series(1, %s)",
        (count,),
        binary=True,
    )
    row = await cursor.fetchone()
    assert row is not None
    ids: list[int] = row[0]
    return ids
