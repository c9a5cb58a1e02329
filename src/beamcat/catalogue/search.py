"""Asking the catalogue: search and get (ICAT specification D, E.5, E.6 and F.7)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import CatalogueSettings
from beamcat.database.pool import Database
from beamcat.errors import BadParameter
from beamcat.observability.requests import about
from beamcat.observability.slow_queries import Watch
from beamcat.query.compile import compile_get, compile_search
from beamcat.query.cursor import ParseLimits
from beamcat.query.parse import parse_get, parse_search
from beamcat.query.plan import GetPlan, Plan
from beamcat.query.result import Answer, Record
from beamcat.query.run import Engine

PLANS_KEPT = 2000
"""Compiled questions a worker remembers; clients ask the same few hundred over and over."""

Remembered = TypeVar("Remembered")


class Searches:
    """Answers searches and gets, with the rights of the caller in the SQL.

    A compiled plan is shared by all callers to whom the same rules apply, until the rules change.
    """

    def __init__(self, database: Database, rulebooks: Rulebooks, settings: CatalogueSettings, watch: Watch) -> None:
        self._rulebooks = rulebooks
        self._engine = Engine(database, watch, settings.max_entities)
        self._max_entities = settings.max_entities
        self._limits = ParseLimits(
            max_length=settings.max_query_length,
            max_nesting=settings.max_query_nesting,
            max_includes=settings.max_includes,
        )
        self._plans: _Recent[Plan] = _Recent(PLANS_KEPT)
        self._gets: _Recent[GetPlan] = _Recent(PLANS_KEPT)

    async def search(self, caller: Caller, text: str | None) -> Answer:
        """The rows a search query selects, of what the caller may read."""
        if text is None:
            raise BadParameter("query may not be null")
        subject = about("search", query=text)
        caller.require(Scope.READ)
        rights = (await self._rulebooks.current()).rights(caller)
        plan = self._plans.get(
            (text, rights.key),
            lambda: compile_search(parse_search(text, self._limits), rights, self._max_entities),
        )
        answer = await self._engine.search(plan, caller, text)
        if answer.rows and isinstance(first := answer.rows[0][0], Record):
            subject.entity, subject.object_id = first.entity.name, first.id
        return answer

    async def get(self, caller: Caller, text: str, object_id: int) -> Record:
        """The object of a get query and what it includes. Raises `NoSuchObject` and `Forbidden`."""
        subject = about("get", query=text)
        caller.require(Scope.READ)
        rights = (await self._rulebooks.current()).rights(caller)
        plan = self._gets.get(
            (text, rights.key), lambda: compile_get(parse_get(text, self._limits), rights, self._max_entities)
        )
        subject.entity, subject.object_id = plan.entity.name, object_id
        return await self._engine.get(plan, object_id, caller, text)


class _Recent(Generic[Remembered]):
    """The values made last, by key; the one not used for longest is forgotten first."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._values: OrderedDict[Hashable, Remembered] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Remembered]) -> Remembered:
        """The value of the key, made if it is not there."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        if len(self._values) > self._kept:
            self._values.popitem(last=False)
        return value
