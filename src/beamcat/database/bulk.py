"""Many rows of one table in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from psycopg import AsyncConnection

from beamcat.database.naming import column_name, quoted, table_name
from beamcat.database.tables import DERIVED_COLUMNS
from beamcat.model import Attribute, Entity, Kind, ToOne

COPY_FROM = 4
"""Rows from which COPY is faster than INSERT (measured on datafiles: 0.57 and 0.61 ms for 4, 13 and 34 ms for 1000)."""

_TYPES = {
    Kind.STRING: "text",
    Kind.ENUM: "text",
    Kind.LONG: "int8",
    Kind.INTEGER: "int4",
    Kind.DOUBLE: "float8",
    Kind.BOOLEAN: "bool",
    Kind.DATETIME: "timestamptz",
}


async def copy_rows(
    conn: AsyncConnection[Any], entity: Entity, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Add rows to the entity's table. `columns` are names of columns, each row has one value for each of them.

    Rows of one owner belong together, in the order of their names: 4 times faster than random order on a large table.
    Raises psycopg's `IntegrityError`s, see `violations`; then no row is added.
    """
    if not rows:
        return
    if len(rows) < COPY_FROM:
        await _insert(conn, entity, columns, rows)
    else:
        await _copy(conn, entity, columns, rows)


async def _copy(
    conn: AsyncConnection[Any], entity: Entity, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    types = _column_types(entity)
    names = ", ".join(map(quoted, columns))
    async with (
        conn.cursor() as cursor,
        cursor.copy(f"COPY {quoted(table_name(entity))} ({names}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.set_types([types[column] for column in columns])
        for row in rows:
            await copy.write_row(row)


async def _insert(
    conn: AsyncConnection[Any], entity: Entity, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    types = _column_types(entity)
    names = ", ".join(map(quoted, columns))
    row_of_values = "(" + ", ".join(f"%s::{types[column]}" for column in columns) + ")"
    values = ", ".join([row_of_values] * len(rows))
    statement = f"INSERT INTO {quoted(table_name(entity))} ({names}) VALUES {values}"
    await conn.execute(statement, [value for row in rows for value in row])


@cache
def _column_types(entity: Entity) -> Mapping[str, str]:
    types = dict.fromkeys(DERIVED_COLUMNS.get(entity.name, ()), "int8")
    for member in entity.fields.values():
        if isinstance(member, Attribute):
            types[column_name(member)] = _TYPES[member.kind]
        elif isinstance(member, ToOne):
            types[column_name(member)] = "int8"
    return types
