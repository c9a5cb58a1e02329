"""Summing up what a search selects: how many, how much, how many of each, how many in each year or month.

Everything is counted with the rights of the caller, and no further than asked for: a list of millions costs what its
first hundred thousand do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter
from typing import Any

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import CatalogueSettings
from beamcat.database.pool import Database
from beamcat.observability.requests import about
from beamcat.observability.slow_queries import Watch
from beamcat.query.compile import compile_rows
from beamcat.query.cursor import ParseLimits
from beamcat.query.parse import parse_search
from beamcat.query.run import run_statement
from beamcat.query.sql import Statement

MOST_GROUPS = 500
"""Groups of one answer."""


class Span(StrEnum):
    """Pieces of time."""

    YEAR = "year"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows there are, and the sum of their second column. `more`: there are more than were counted."""

    number: int
    total: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A value and how many rows have it."""

    value: str
    number: int


class Summaries:
    """Sums up the rows of search queries, which are written as for `Searches` and whose order does not matter."""

    def __init__(self, database: Database, rulebooks: Rulebooks, settings: CatalogueSettings, watch: Watch) -> None:
        self._database = database
        self._rulebooks = rulebooks
        self._watch = watch
        self._limits = ParseLimits(
            max_length=settings.max_query_length,
            max_nesting=settings.max_query_nesting,
            max_includes=settings.max_includes,
        )

    async def count(self, caller: Caller, text: str, at_most: int) -> Counted:
        """How many rows of two columns there are, and the sum of the second, which may be null."""
        rows = await self._sum_up(
            caller,
            text,
            "SELECT count(*), coalesce(sum(r.amount), 0)::bigint FROM"
            f" (SELECT * FROM ({{rows}}) AS counted LIMIT {at_most + 1:d}) AS r(id, amount)",
        )
        if not rows:
            return Counted(0, 0)
        number, total = rows[0]
        return Counted(min(number, at_most), total, number > at_most)

    async def tally(self, caller: Caller, text: str, at_most: int, groups: int = MOST_GROUPS) -> list[Group]:
        """How many rows there are of each value of their first column, the most frequent first. Nulls are left out.

        Their second column is what is counted: only what is selected has to be readable, so it must be there.
        """
        rows = await self._sum_up(
            caller,
            text,
            "SELECT r.value::text, count(*) FROM"
            f" (SELECT * FROM ({{rows}}) AS counted LIMIT {at_most:d}) AS r(value, thing) WHERE r.value IS NOT NULL"
            f" GROUP BY r.value ORDER BY count(*) DESC, r.value LIMIT {min(groups, MOST_GROUPS):d}",
        )
        return [Group(value, number) for value, number in rows]

    async def by_time(self, caller: Caller, text: str, at_most: int, span: Span, zone: str) -> list[Group]:
        """How many rows there are in each year (`2026`) or month (`2026-11`) of their one column, the latest first."""
        form = {Span.YEAR: "YYYY", Span.MONTH: "YYYY-MM"}[span]
        name = zone.replace("'", "''")
        rows = await self._sum_up(
            caller,
            text,
            f"SELECT to_char(r.moment AT TIME ZONE '{name}', '{form}') AS piece, count(*) FROM"
            f" (SELECT * FROM ({{rows}}) AS counted LIMIT {at_most:d}) AS r(moment) WHERE r.moment IS NOT NULL"
            f" GROUP BY piece ORDER BY piece DESC LIMIT {MOST_GROUPS:d}",
        )
        return [Group(value, number) for value, number in rows]

    async def _sum_up(self, caller: Caller, text: str, around: str) -> Sequence[tuple[Any, ...]]:
        about("search", query=text)
        caller.require(Scope.READ)
        rights = (await self._rulebooks.current()).rights(caller)
        inner = compile_rows(parse_search(text, self._limits), rights)
        if inner is None:
            return []
        statement = Statement(around.replace("{rows}", inner.sql), inner.params)
        started = perf_counter()
        async with self._database.connection() as connection:
            rows = await run_statement(connection, statement, caller)
        elapsed_ms = (perf_counter() - started) * 1000
        if elapsed_ms >= self._watch.threshold_ms:
            bound = statement.bind(caller.name, caller.user_id)
            await self._watch.note(self._database.connection, text, caller.name, statement.sql, bound, elapsed_ms)
        return rows
