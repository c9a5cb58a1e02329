"""Rows written straight into the tables, for tests of the tables themselves."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection, sql

BASE = {"create_id": "test", "create_time": "2024-01-01Z", "mod_id": "test", "mod_time": "2024-01-01Z"}


async def add(conn: AsyncConnection[Any], table: str, **values: Any) -> int:
    """The id of a new row."""
    every = {**BASE, **values}
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, every)),
        sql.SQL(", ").join([sql.Placeholder()] * len(every)),
    )
    row = await (await conn.execute(statement, list(every.values()))).fetchone()
    assert row is not None
    return int(row[0])


async def add_facility(conn: AsyncConnection[Any]) -> int:
    """The id of facility 1, with an investigation type 1 and a dataset type 1."""
    facility = await add(conn, "facility", name="ISIS")
    await add(conn, "investigation_type", name="experiment", facility_id=facility)
    await add(conn, "dataset_type", name="raw", facility_id=facility)
    return facility


async def add_investigation(conn: AsyncConnection[Any], name: str) -> int:
    """The id of an investigation of the facility."""
    return await add(conn, "investigation", name=name, visit_id="1", title=name, facility_id=1, type_id=1)


async def add_dataset(conn: AsyncConnection[Any], investigation: int, name: str) -> int:
    """The id of a dataset."""
    return await add(conn, "dataset", name=name, investigation_id=investigation, type_id=1)


async def add_datafile(conn: AsyncConnection[Any], dataset: int, name: str, size: int | None = 1) -> int:
    """The id of a datafile whose investigation is left to the database."""
    return await add(conn, "datafile", name=name, dataset_id=dataset, file_size=size)


async def every(conn: AsyncConnection[Any], query: str, *values: Any) -> list[Any]:
    """All rows of an answer; bare values when there is one column."""
    cursor = await conn.execute(query, values or None)
    found = await cursor.fetchall()
    return [row[0] for row in found] if cursor.description and len(cursor.description) == 1 else found
