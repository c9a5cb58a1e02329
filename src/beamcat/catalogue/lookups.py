"""What the database already has, asked for many objects at once.

All of these look at one entity and take lists, so that a call costs a few statements whatever its length.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from beamcat.database.naming import column_name, quoted, table_name
from beamcat.database.pool import Connection
from beamcat.errors import AlreadyExists
from beamcat.model import Attribute, Entity, Kind, ToMany, ToOne

ARRAY_TYPES = {
    Kind.STRING: "text[]",
    Kind.ENUM: "text[]",
    Kind.LONG: "bigint[]",
    Kind.INTEGER: "integer[]",
    Kind.DOUBLE: "double precision[]",
    Kind.BOOLEAN: "boolean[]",
    Kind.DATETIME: "timestamptz[]",
}

Key = tuple[Any, ...]
"""The values of an entity's unique members, in their order; ids for relations."""


def stored(entity: Entity, name: str) -> Attribute | ToOne:
    """The member of that name that has a column."""
    member = entity.fields[name]
    assert not isinstance(member, ToMany)
    return member


def column(entity: Entity, name: str) -> str:
    """The quoted column of a member."""
    return quoted(column_name(stored(entity, name)))


def array_type(entity: Entity, name: str) -> str:
    """The SQL type of many values of a member."""
    member = stored(entity, name)
    return "bigint[]" if isinstance(member, ToOne) else ARRAY_TYPES[member.kind]


async def first_taken(connection: Connection, entity: Entity, keys: Sequence[Key]) -> int | None:
    """The place of the first key that an object in the database has; None when all are free."""
    names = [f"k{place}" for place in range(len(entity.unique))]
    arrays = ", ".join(f"%s::{array_type(entity, name)}" for name in entity.unique)
    matches = " AND ".join(
        f"t.{column(entity, name)} = k.{key}" for key, name in zip(names, entity.unique, strict=True)
    )
    cursor = await connection.execute(
        f"SELECT min(k.place) FROM unnest({arrays}) WITH ORDINALITY AS k({', '.join(names)}, place) "
        f"JOIN {quoted(table_name(entity))} t ON {matches}",
        [list(values) for values in zip(*keys, strict=True)],
    )
    row = await cursor.fetchone()
    return None if row is None or row[0] is None else row[0] - 1


async def missing(connection: Connection, entity: Entity, ids: Collection[int]) -> set[int]:
    """Those of the ids that no object of the entity has. The others stay until the transaction ends."""
    if not ids:
        return set()
    cursor = await connection.execute(
        f"SELECT id FROM {quoted(table_name(entity))} WHERE id = ANY(%s::bigint[]) ORDER BY id FOR KEY SHARE",
        [list(ids)],
    )
    return set(ids) - {row[0] for row in await cursor.fetchall()}


def clash(entity: Entity, key: Key, offset: int | None) -> AlreadyExists:
    """The error for a key that is taken (section F.1); relations show as `id:<n>`."""
    shown = ", ".join(
        f"{name} = '{_shown(entity, name, value)}'" for name, value in zip(entity.unique, key, strict=True)
    )
    return AlreadyExists(f"{entity.name} exists with {shown}", offset)


def _shown(entity: Entity, name: str, value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"id:{value}" if isinstance(stored(entity, name), ToOne) else str(value)
