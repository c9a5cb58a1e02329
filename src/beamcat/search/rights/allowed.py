"""What a caller may see of the documents of an entity."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import SearchRightsSettings
from beamcat.database.pool import Database
from beamcat.model import icat_entity
from beamcat.query.rights import Extent, RuleQuery
from beamcat.search.question import AllOf, AnyOf, Everything, Has, Not, Nothing, OneOf, Predicate
from beamcat.search.rights.held import Held, check_is_searched
from beamcat.search.rights.plans import Either, Every, Fields, Ids, Plan, planned
from beamcat.search.rights.sets import Found, IdSets

PLANS_KEPT = 1_000
"""Combinations of rules whose plans a worker keeps."""


@dataclass(frozen=True)
class Allowed:
    """What a caller may see of the documents of an entity.

    When `exact`, these are the documents that match; else the caller may see some of those that match, and no other.
    """

    predicate: Predicate
    exact: bool


class SearchRights:
    """Says what callers may see.

    `ticks` are seconds that never go back, `clock` seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        rulebooks: Rulebooks,
        settings: SearchRightsSettings | None = None,
        *,
        ticks: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rulebooks = rulebooks
        self._settings = settings or SearchRightsSettings()
        self._clock = clock
        self._sets = IdSets(database, self._settings, ticks)
        self._plans: OrderedDict[int, tuple[Sequence[RuleQuery], Plan]] = OrderedDict()

    async def allowed(self, caller: Caller, entity: str) -> Allowed:
        """What the caller may see of the documents of `entity`, as of at most a second ago.

        Raises `Forbidden` when the caller came without the scope to read, `BadParameter` when there are no documents.
        """
        caller.require(Scope.READ)
        check_is_searched(entity)
        readable = (await self._rulebooks.current()).rights(caller).readable(icat_entity(entity))
        if readable is Extent.EVERYTHING:
            return _EVERYTHING
        if isinstance(readable, Extent):
            return _NOTHING
        return await self._said(await self._plan(entity, readable), caller, round(self._clock() * 1000))

    async def _plan(self, entity: str, rules: Sequence[RuleQuery]) -> Plan:
        """A rulebook hands out the same value for the same rules as long as it lives: plans are found by it."""
        known = self._plans.get(id(rules))
        if known is None or known[0] is not rules:
            # hundreds of rules take a while; other callers are served meanwhile
            plan = await asyncio.to_thread(planned, entity, rules, self._settings.ids)
            known = self._plans[id(rules)] = (rules, plan)
            if len(self._plans) > PLANS_KEPT:
                self._plans.popitem(last=False)
        self._plans.move_to_end(id(rules))
        return known[1]

    async def _said(self, plan: Plan, caller: Caller, now: int) -> Allowed:
        match plan:
            case Fields(made):
                return Allowed(made(now), exact=True)
            case Ids(field, reading, otherwise):
                # a field of several values may hold one of the set and one that is not in it
                found = await self._sets.get(reading, caller, may_exclude=not field.several)
                if found is not None:
                    return Allowed(_one_of(field, found), exact=True)
                rest = await self._said(otherwise, caller, now)
                return rest if rest.predicate == Nothing() else Allowed(rest.predicate, exact=False)
            case Every(parts):
                return _every([await self._said(part, caller, now) for part in parts])
            case Either(parts):
                return _either([await self._said(part, caller, now) for part in parts])
            case _:
                assert_never(plan)


_EVERYTHING = Allowed(Everything(), exact=True)
_NOTHING = Allowed(Nothing(), exact=True)


def _one_of(field: Held, found: Found) -> Predicate:
    one_of = OneOf(field.field, found.ids)
    if not found.excluded:
        return one_of if found.ids else Nothing()
    return _all([*([] if field.always else [Has(field.field)]), *([Not(one_of)] if found.ids else [])])


def _every(parts: Sequence[Allowed]) -> Allowed:
    if _NOTHING in parts:
        return _NOTHING
    kept = [part.predicate for part in parts if part.predicate != Everything()]
    return Allowed(_all(kept), exact=all(part.exact for part in parts))


def _either(parts: Sequence[Allowed]) -> Allowed:
    if _EVERYTHING in parts:
        return _EVERYTHING
    if any(part.predicate == Everything() for part in parts):
        return Allowed(Everything(), exact=False)
    kept = [part.predicate for part in parts if part.predicate != Nothing()]
    if not kept:
        return _NOTHING
    return Allowed(kept[0] if len(kept) == 1 else AnyOf(tuple(kept)), exact=all(part.exact for part in parts))


def _all(parts: Sequence[Predicate]) -> Predicate:
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))
