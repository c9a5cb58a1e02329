"""Compiled questions put to the database, and their rows put together into objects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Protocol

import psycopg
from psycopg import errors

from beamcat.database.pool import Database
from beamcat.errors import BadParameter, Forbidden, NoSuchObject, ValidationFailed
from beamcat.model import Entity
from beamcat.observability.slow_queries import Watch
from beamcat.observability.tracing import span
from beamcat.query.plan import GetPlan, IncludePlan, Part, Plan
from beamcat.query.result import Answer, Cell, Record
from beamcat.query.sql import Statement

Connection = psycopg.AsyncConnection[Any]
Row = tuple[Any, ...]

CAUSED_BY_THE_QUESTION = (
    psycopg.DataError,
    errors.GroupingError,
    errors.UndefinedFunction,
    errors.AmbiguousFunction,
    errors.CardinalityViolation,
    errors.ProgramLimitExceeded,
    errors.TooManyColumns,
    errors.StatementTooComplex,
)
"""What PostgreSQL finds wrong with a question that is well-formed: a division by zero, an ungrouped column."""


class Asker(Protocol):
    """For whom a statement runs: the values that `CallerValue` stands for."""

    @property
    def name(self) -> str:
        """The user name of the session."""
        ...

    @property
    def user_id(self) -> int | None:
        """The id of the `User` of that name, if there is one."""
        ...


async def run_statement(
    connection: Connection, statement: Statement, asker: Asker, ids: list[int] | None = None
) -> list[Row]:
    """All rows of one statement, in binary: moments are ints (`database.instants`).

    Raises `BadParameter` when the values of the question do not allow an answer.
    """
    cursor = psycopg.AsyncRawCursor(connection)
    params = statement.bind(asker.name, asker.user_id, ids)
    try:
        with span("database.statement"):
            await cursor.execute(statement.sql.encode(), params, binary=True)
            return await cursor.fetchall()
    except CAUSED_BY_THE_QUESTION as error:
        if isinstance(error, errors.GroupingError):
            reason = "what is selected or sorted by must be grouped by, or be inside an aggregate"
        else:
            reason = error.diag.message_primary or str(error)
        raise BadParameter(f"An exception occurred while executing the query: {reason}") from error


class Engine:
    """Runs plans. Questions with INCLUDE see one state of the database in all their statements."""

    def __init__(self, database: Database, watch: Watch, max_entities: int) -> None:
        self._database = database
        self._watch = watch
        self._max_entities = max_entities

    async def search(self, plan: Plan, asker: Asker, text: str) -> Answer:
        """The answer of a search. Raises `ValidationFailed` when it holds more than `max_entities` objects."""
        if plan.statement is None:
            return Answer(plan.columns, ())
        async with self._connection(plan.includes) as connection:
            rows = await self._timed(connection, plan.statement, asker, None, text)
            if len(rows) > self._max_entities:
                raise ValidationFailed(f"attempt to process more than {self._max_entities} entities")
            answer = Answer(plan.columns, _cells(plan, rows))
            if plan.includes:
                records = [row[0] for row in answer.rows if row[0] is not None]
                await self._include(records, plan.includes, connection, asker, text)
                self._count(records)
        return answer

    async def get(self, plan: GetPlan, object_id: int, asker: Asker, text: str) -> Record:
        """One object. Raises `NoSuchObject`, or `Forbidden` when the caller may not read it."""
        async with self._connection(plan.includes) as connection:
            rows = await self._timed(connection, plan.statement, asker, [object_id], text)
            if not rows:
                raise NoSuchObject(f"{plan.entity.name}[id:{object_id}] not found.")
            if not rows[0][-1]:
                raise Forbidden(f"READ access to this {plan.entity.name} is not allowed.")
            record = Record(plan.entity, rows[0])
            if plan.includes:
                await self._include([record], plan.includes, connection, asker, text)
                self._count([record])
        return record

    @asynccontextmanager
    async def _connection(self, includes: tuple[IncludePlan, ...]) -> AsyncIterator[Connection]:
        async with self._database.snapshot() if includes else self._database.connection() as connection:
            yield connection

    async def _timed(
        self, connection: Connection, statement: Statement, asker: Asker, ids: list[int] | None, text: str
    ) -> list[Row]:
        started = perf_counter()
        rows = await run_statement(connection, statement, asker, ids)
        elapsed_ms = (perf_counter() - started) * 1000
        if elapsed_ms >= self._watch.threshold_ms:
            params = statement.bind(asker.name, asker.user_id, ids)
            await self._watch.note(self._database.connection, text, asker.name, statement.sql, params, elapsed_ms)
        return rows

    async def _include(
        self,
        records: Sequence[Any],
        includes: tuple[IncludePlan, ...],
        connection: Connection,
        asker: Asker,
        text: str,
    ) -> None:
        """Fetch what each plan asks for, for all records at once, and hang it onto them."""
        for plan in includes:
            if plan.statement is None:
                continue
            keys = _keys(records, plan)
            rows = await self._timed(connection, plan.statement, asker, keys, text) if keys else []
            if len(rows) > self._max_entities:
                raise _too_many(self._max_entities)
            found = [Record(plan.entity, row) for row in rows]
            _attach(records, plan, found)
            if plan.includes and found:
                await self._include(found, plan.includes, connection, asker, text)

    def _count(self, records: Iterable[Any]) -> None:
        """Count the objects of the whole answer; one that is reached twice counts twice."""
        left = self._max_entities
        waiting = list(records)
        while waiting:
            left -= 1
            if left < 0:
                raise _too_many(self._max_entities)
            for related in waiting.pop().related.values():
                if isinstance(related, Record):
                    waiting.append(related)
                else:
                    waiting.extend(related)
                if len(waiting) > left:
                    raise _too_many(self._max_entities)


def _too_many(max_entities: int) -> ValidationFailed:
    return ValidationFailed(f"attempt to return more than {max_entities} entities")


def _keys(records: Sequence[Record], plan: IncludePlan) -> list[int]:
    """The ids a relation leads to (to one) or starts from (to many)."""
    position = 0 if plan.key is None else plan.key
    return list({key for record in records if isinstance(key := record.values[position], int)})


def _attach(records: Sequence[Record], plan: IncludePlan, found: list[Record]) -> None:
    name = plan.relation.name
    if plan.key is not None:
        by_id: dict[Any, Record] = {record.id: record for record in found}
        for record in records:
            target = by_id.get(record.values[plan.key])
            if target is not None:
                record.related[name] = target
        return
    members: dict[Any, list[Record]] = {}
    for member in found:
        members.setdefault(member.values[-1], []).append(member)
    for record in records:
        record.related[name] = members.get(record.id, [])


def _cells(plan: Plan, rows: list[Row]) -> Sequence[Sequence[Cell]]:
    """The rows as cells: an entity becomes a `Record`; what was selected only for sorting is left out."""
    if len(plan.parts) == 1:
        entity = plan.columns[0].entity
        if entity is not None:
            return [(_record(entity, row),) for row in rows]
        return [row[:1] for row in rows]
    shapes = list(zip(plan.columns, plan.parts, strict=True))
    return [tuple(_cell(row, column.entity, part) for column, part in shapes) for row in rows]


def _cell(row: Row, entity: Entity | None, part: Part) -> Cell:
    if entity is None:
        value: Cell = row[part.first]
        return value
    return _record(entity, row[part.first : part.first + part.width])


def _record(entity: Entity, cells: Row) -> Record | None:
    """The object; None when the variable of a LEFT JOIN found none."""
    return None if cells[0] is None else Record(entity, cells)
