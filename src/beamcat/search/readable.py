"""What a caller may read, asked of the database for a few objects at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from beamcat.access.caller import Caller
from beamcat.access.rulebook import CallerRights
from beamcat.access.rulebooks import Rulebooks
from beamcat.database.pool import Database
from beamcat.model import Attribute, icat_entity
from beamcat.query.compile import compile_allowed
from beamcat.query.rights import Extent
from beamcat.query.run import run_statement
from beamcat.query.sql import Statement

STATEMENTS_KEPT = 1_000
AT_ONCE = 10_000
"""Ids of one statement."""


class Readable:
    """Says which objects a caller may read, and which relations lead on for everybody."""

    def __init__(self, database: Database, rulebooks: Rulebooks) -> None:
        self._database, self._rulebooks = database, rulebooks

    async def rights(self, caller: Caller) -> CallerRights:
        """What the caller may read, as rules."""
        return (await self._rulebooks.current()).rights(caller)

    async def of(self, caller: Caller, entity: str, ids: Collection[int]) -> set[int]:
        """Those of the objects that the caller may read; objects that are not there are not among them."""
        statement = _statement(entity, await self.rights(caller))
        if statement is None or not ids:
            return set()
        wanted = list(ids)
        found: set[int] = set()
        async with self._database.connection() as connection:
            for first in range(0, len(wanted), AT_ONCE):
                rows = await run_statement(connection, statement, caller, wanted[first : first + AT_ONCE])
                found.update(row[0] for row in rows)
        return found

    async def are_open(self, caller: Caller, steps: Iterable[str]) -> bool:
        """Whether each relation, as `Entity.relation`, may be followed without looking at what it leads to."""
        return all_open(steps, await self.rights(caller))


def all_open(steps: Iterable[str], rights: CallerRights) -> bool:
    """The same for rights that are at hand (ICAT specification E.5)."""
    for step in steps:
        origin, _, name = step.partition(".")
        relation = icat_entity(origin).members[name]
        assert not isinstance(relation, Attribute)
        if not rights.step_is_public(icat_entity(origin), relation):
            return False
    return True


@lru_cache(maxsize=STATEMENTS_KEPT)
def _statement(entity: str, rights: CallerRights) -> Statement | None:
    """The same for all callers to whom the same rules apply; none: they may read nothing."""
    extent = rights.readable(icat_entity(entity))
    return None if extent is Extent.NOTHING else compile_allowed(icat_entity(entity), extent)
