"""The rulebook of this moment, and callers with their groups.

A worker keeps the rulebook and asks once a second whether `rulebook_version` has moved, which triggers see to whenever
rules, public steps, groups, memberships or users change: a change holds everywhere at the latest one second after its
commit. Who belongs to which groups is read per caller, never for everybody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

import structlog

from beamcat.access.caller import Caller
from beamcat.access.rulebook import Rulebook, RuleRow
from beamcat.access.rules import CompiledRule, compile_rule
from beamcat.access.short_memory import ShortMemory
from beamcat.config import CatalogueSettings
from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, Unavailable

CHECKED_EVERY_S = 1.0
"""How long a worker trusts its rulebook, and what it knows of a caller."""
CALLERS_REMEMBERED = 20_000
"""Callers whose groups a worker keeps."""

_VERSION = "SELECT version FROM rulebook_version"
_RULES = "SELECT id, grouping_id, crud_flags, what FROM rule"
_PUBLIC_STEPS = "SELECT origin, field FROM public_step"
_CALLER = """
SELECT u.id, array_remove(array_agg(g.grouping_id), NULL)
  FROM "user" u
  LEFT JOIN user_group g ON g.user_id = u.id
 WHERE u.name = %s
 GROUP BY u.id
"""

log = structlog.get_logger(__name__)


class Rulebooks:
    """Hands out the current `Rulebook` and `Caller`s."""

    def __init__(
        self,
        database: Database,
        settings: CatalogueSettings,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._root_user_names = frozenset(settings.root_user_names)
        self._ticks = ticks
        self._rulebook: Rulebook | None = None
        self._version: int | None = None
        self._checked = float("-inf")
        self._changes_here = 0
        self._checking = asyncio.Lock()
        self._compiled: dict[tuple[str, str], CompiledRule | None] = {}
        self._callers = ShortMemory[str, Caller](self._read_caller, CHECKED_EVERY_S, CALLERS_REMEMBERED, ticks)

    async def current(self) -> Rulebook:
        """The rules as committed at most one second ago."""
        if self._rulebook is None or not self._is_fresh():
            async with self._checking:
                if self._rulebook is None or not self._is_fresh():
                    await self._check()
        assert self._rulebook is not None
        return self._rulebook

    async def caller(self, name: str) -> Caller:
        """The user of a session, with the groups as committed at most one second ago.

        The name need not belong to a `User`: such a caller has no groups and, unless root, only everybody's rules.
        """
        caller = await self._callers.get(name)
        assert caller is not None
        return caller

    def expire(self) -> None:
        """Look at the database again for whatever is asked next: for the worker that just committed a change."""
        self._changes_here += 1
        self._checked = float("-inf")
        self._callers.forget_all()

    def _is_fresh(self) -> bool:
        return self._ticks() - self._checked < CHECKED_EVERY_S

    async def _check(self) -> None:
        started, changes = self._ticks(), self._changes_here
        async with self._database.connection() as conn:
            row = await (await conn.execute(_VERSION)).fetchone()
        if row is None:
            raise Unavailable("The catalogue has not been initialised")
        if self._rulebook is None or row[0] != self._version:
            await self._load()
        if changes == self._changes_here:  # else a commit came in between: look again next time
            self._checked = started

    async def _load(self) -> None:
        async with self._database.snapshot() as conn:
            version = await (await conn.execute(_VERSION)).fetchone()
            rules = await (await conn.execute(_RULES)).fetchall()
            steps = await (await conn.execute(_PUBLIC_STEPS)).fetchall()
        # Thousands of rules take a while to compile the first time; other callers are served meanwhile.
        rulebook, compiled = await asyncio.to_thread(_build, rules, steps, self._compiled)
        self._compiled = compiled
        self._version = None if version is None else version[0]
        if self._rulebook is None or self._rulebook.edition != rulebook.edition:
            self._rulebook = rulebook

    async def _read_caller(self, name: str) -> Caller:
        async with self._database.connection() as conn:
            return await read_caller(conn, name, self._root_user_names)


async def read_caller(connection: Connection, name: str, root_user_names: Collection[str]) -> Caller:
    """The user of that name with the groups as they are now; the name need not belong to a `User`."""
    row = await (await connection.execute(_CALLER, (name,))).fetchone()
    user_id, groups = (None, ()) if row is None else row
    return Caller(name, name in root_user_names, user_id, frozenset(groups))


_Compiled = dict[tuple[str, str], CompiledRule | None]


def _build(
    rules: list[tuple[int, int | None, str, str]], steps: list[tuple[str, str]], known: _Compiled
) -> tuple[Rulebook, _Compiled]:
    """The rulebook of these rows, and its rules by text for the next time: an unchanged rule is not compiled again."""
    compiled: _Compiled = {}
    rows = []
    for identifier, grouping_id, flags, what in rules:
        text = (flags, what)
        if text not in compiled:
            compiled[text] = known[text] if text in known else _compile(identifier, flags, what)
        rows.append(RuleRow(identifier, grouping_id, compiled[text]))
    return Rulebook(rows, steps), compiled


def _compile(identifier: int, flags: str, what: str) -> CompiledRule | None:
    try:
        return compile_rule(flags, what)
    except BeamcatError as error:
        log.error("a stored rule is not valid and allows nothing", rule=identifier, what=what, error=error.message)
        return None
