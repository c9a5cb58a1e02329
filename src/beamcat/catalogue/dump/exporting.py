"""The catalogue written as a dump (ICAT specification G.6).

One statement per entity: the keys of what its objects refer to are joined in, the rights of the reader are part of the
WHERE clause, and PostgreSQL puts the lines together. All statements see the same moment.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import psycopg

from beamcat.access.caller import Caller
from beamcat.catalogue.dump.layout import (
    NULL,
    TABLES,
    VERSION,
    Attributes,
    Column,
    KeyReference,
    Label,
    columns_of,
    header,
)
from beamcat.database.pool import Connection, Database, translated
from beamcat.model import Attribute, Entity, Kind
from beamcat.query.condition_sql import where_sql
from beamcat.query.predicates import readable_condition
from beamcat.query.result import Answer, Record
from beamcat.query.rights import Extent, Rights
from beamcat.query.run import Asker
from beamcat.query.scope import Scope, Table
from beamcat.query.sql import CallerValue, Parameters, Statement
from beamcat.query.tree import FromEntity, FromPath, Path

ROWS_AT_ONCE = 2000
"""Rows that are fetched, and sent on, at a time."""

Ids = Mapping[str, Sequence[int]]
"""Ids of objects, by the names of their entities."""
Told = Callable[[Entity, int], None]
"""Is called with the entity and the number of rows written since the last call."""

_ESCAPE = re.compile(r"\\(?:u00([0-9a-f]{2})|.)")


async def export(
    database: Database, caller: Caller, rights: Rights, attributes: Attributes, told: Told | None = None
) -> AsyncGenerator[bytes, None]:
    """Everything the caller may read, in pieces."""
    async with database.snapshot() as connection:
        yield _first_lines(caller)
        for entity in TABLES:
            yield f"\n{header(entity, attributes)}\n".encode()
            statement = all_rows(entity, attributes, rights)
            if statement is not None:
                async for count, piece in _rows(connection, statement, caller):
                    if told is not None:
                        told(entity, count)
                    yield piece


async def export_objects(
    database: Database, caller: Caller, ids: Ids, attributes: Attributes
) -> AsyncGenerator[bytes, None]:
    """These objects, in pieces. That the caller may read them has been found out before."""
    async with database.snapshot() as connection:
        yield _first_lines(caller)
        for entity in TABLES:
            if entity.name in ids:
                yield f"\n{header(entity, attributes)}\n".encode()
                statement = listed_rows(entity, attributes)
                async for _, piece in _rows(connection, statement, caller, list(ids[entity.name])):
                    yield piece


def objects_in(answer: Answer) -> Ids:
    """The objects of an answer, and those that came with them. Empty when it does not hold objects."""
    ids: dict[str, set[int]] = {}
    waiting: list[Record] = []
    if len(answer.columns) == 1 and answer.columns[0].entity is not None:
        waiting = [row[0] for row in answer.rows if isinstance(row[0], Record)]
    while waiting:
        record = waiting.pop()
        ids.setdefault(record.entity.name, set()).add(record.id)
        for related in record.related.values():
            waiting += [related] if isinstance(related, Record) else related
    return {name: sorted(some) for name, some in ids.items()}


def _first_lines(caller: Caller) -> bytes:
    name = " ".join(caller.name.split())
    return f"# ICAT Export file written by {name}\n{VERSION}\n".encode(errors="replace")


# -- SQL -----------------------------------------------------------------------------------------------


def all_rows(entity: Entity, attributes: Attributes, rights: Rights) -> Statement | None:
    """The lines of all objects that may be read; None when there are none."""
    readable = rights.readable(entity)
    if readable is Extent.NOTHING:
        return None
    lines = _Lines(entity, attributes)
    condition = readable_condition(lines.table, readable, lines.scope)
    return lines.statement([] if condition is None else [condition])


def listed_rows(entity: Entity, attributes: Attributes) -> Statement:
    """The lines of the objects whose ids are bound as `CallerValue.IDS`."""
    lines = _Lines(entity, attributes)
    return lines.statement([f"{lines.table.id} = ANY({lines.parameters.bind(CallerValue.IDS, 'bigint[]')})"])


class _Lines:
    """The statement for the lines of one entity, in the making."""

    def __init__(self, entity: Entity, attributes: Attributes) -> None:
        self.parameters = Parameters(few_rows=False)
        self.scope = Scope(self.parameters)
        self.scope.declare(FromEntity(entity.name, "o"))
        self.table = self.scope.variable("o", "FROM")
        columns = columns_of(entity, attributes)
        self._line = f"concat_ws(',', {', '.join(self._cell(column, self.table, 'o', False) for column in columns)})"

    def statement(self, conditions: list[str]) -> Statement:
        """The lines by ascending id."""
        order = f" ORDER BY {self.table.id}"
        return self.parameters.statement(f"SELECT {self._line}{self.scope.from_sql}{where_sql(conditions)}{order}")

    def _cell(self, column: Column, table: Table, variable: str, optional: bool) -> str:
        """SQL of what stands in a column, or in all columns of a reference. `optional`: the table may have no row."""
        match column:
            case Label():
                return f"""'"' || {table.id} || '"'"""
            case Attribute():
                return _value(column, table)
            case KeyReference():
                return self._reference(column, table, variable, optional)

    def _reference(self, reference: KeyReference, table: Table, variable: str, optional: bool) -> str:
        relation = reference.relation
        foreign_key = table.column(relation)
        if isinstance(reference.key[0], Label):
            return f"""coalesce('"' || {foreign_key} || '"', '{NULL}')"""
        optional = optional or not relation.required
        inner = f"{variable}.{relation.name}"
        self.scope.declare(FromPath(Path(variable, (relation.name,)), inner, left=optional))
        target = self.scope.variable(inner, "FROM")
        cells = ", ".join(self._cell(part, target, inner, optional) for part in reference.key)
        written = f"concat_ws(',', {cells})"
        if relation.required:
            return written
        return f"CASE WHEN {foreign_key} IS NULL THEN '{reference.null}' ELSE {written} END"


def _value(attribute: Attribute, table: Table) -> str:
    column = f"{table.column(attribute)}"
    match attribute.kind:
        case Kind.STRING:
            text = f"to_json({column})::text"
        case Kind.DOUBLE:
            text = f"replace({column}::text, 'e+', 'e')"
        case Kind.DATETIME:
            text = f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
        case _:
            text = f"{column}::text"
    return f"coalesce({text}, '{NULL}')"


async def _rows(
    connection: Connection, statement: Statement, asker: Asker, ids: list[int] | None = None
) -> AsyncGenerator[tuple[int, bytes], None]:
    """The lines a statement yields, with their number, piece by piece."""
    with translated():
        async with psycopg.AsyncRawServerCursor(connection, "dump") as cursor:
            await cursor.execute(statement.sql.encode(), statement.bind(asker.name, asker.user_id, ids))
            while rows := await cursor.fetchmany(ROWS_AT_ONCE):
                text = "\n".join([row[0] for row in rows])
                yield len(rows), f"{_ESCAPE.sub(_plain, text) if _has_json_escapes(text) else text}\n".encode()


def _has_json_escapes(text: str) -> bool:
    """Whether there may be an escape that JSON has and a dump has not: control characters are written as they are."""
    return "\\u00" in text


def _plain(match: re.Match[str]) -> str:
    return match[0] if match[1] is None else chr(int(match[1], 16))
