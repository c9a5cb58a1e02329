"""What a user may read, entity by entity: how many objects, and by which rules.

Counting stops at a number, and at a time, so that the answer comes at a facility of any size.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from enum import Enum
from time import perf_counter

from beamcat.access.explain import limit_seconds
from beamcat.access.rules import Operation
from beamcat.access.stored_rules import KnownUser, StoredRule, StoredRules, read_rules, read_user
from beamcat.database.pool import Database
from beamcat.errors import BeamcatError
from beamcat.model import ICAT_ENTITIES, Entity
from beamcat.query.asked import compile_count
from beamcat.query.rights import Extent
from beamcat.query.run import run_statement

COUNTED_AT_MOST = 10_000
"""Objects of one entity that are counted."""
SECONDS_PER_ENTITY = 2.0
"""How long counting the objects of one entity may take."""


class Part(Enum):
    """How much of an entity somebody may read."""

    EVERYTHING = "everything"
    SOME = "some"
    """What rules select, which may be nothing at the moment."""
    NOTHING = "nothing"
    """No rule lets the user read it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How many objects of an entity a user may read, and by which rules.

    `count` None: it could not be counted, and `problem` says why. `more`: there are more than that.
    """

    entity: Entity
    part: Part
    rules: tuple[StoredRule, ...]
    count: int | None
    more: bool
    elapsed_ms: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Reaching:
    """A user, and all rules: what `reaches` starts from."""

    user: KnownUser
    rules: StoredRules


async def reaching(database: Database, root_user_names: Collection[str], user_name: str) -> Reaching:
    """The user of that name and the rules of this moment."""
    async with database.snapshot() as connection:
        return Reaching(await read_user(connection, user_name, root_user_names), await read_rules(connection))


async def reaches(
    database: Database,
    reaching: Reaching,
    *,
    most: int = COUNTED_AT_MOST,
    seconds: float = SECONDS_PER_ENTITY,
) -> AsyncIterator[Reach]:
    """What the user may read of each of ICAT's entities, by name, as it is found out."""
    caller = reaching.user.caller
    for entity in ICAT_ENTITIES.values():
        extent = reaching.rules.rulebook.rights(caller).readable(entity)
        part = Part(extent.value) if isinstance(extent, Extent) else Part.SOME
        rules = tuple(rule for rule in reaching.rules.about(entity, Operation.READ) if rule.is_for(caller))
        if part is Part.NOTHING:
            yield Reach(entity, part, rules, 0, False, 0.0)
            continue
        started = perf_counter()
        count, problem = None, None
        try:
            async with database.snapshot() as connection:
                await limit_seconds(connection, seconds)
                ((count,),) = await run_statement(connection, compile_count(entity, extent, most + 1), caller)
        except BeamcatError as error:
            problem = error.message
        elapsed_ms = (perf_counter() - started) * 1000
        more = count is not None and count > most
        yield Reach(entity, part, rules, most if more else count, more, elapsed_ms, problem)
