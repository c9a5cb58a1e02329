"""Sets of ids that rules select, kept for as long as nothing they are made from has changed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from beamcat.access.caller import Caller
from beamcat.config import SearchRightsSettings
from beamcat.database.pool import Database
from beamcat.errors import BadParameter, TimedOut
from beamcat.observability.logs import logger
from beamcat.query.run import run_statement
from beamcat.query.sql import CallerValue, Statement
from beamcat.search.rights.changes import Changes
from beamcat.search.rights.statements import Reading, others, unpacked

LIFE_S = 600.0
"""How long a set is kept at most: changes that left no event, such as those by SQL, are seen then."""
TIMED_LIFE_S = 10.0
"""The same for one that time alone may change."""
FAILED_LIFE_S = 300.0
"""How long it is remembered that a set cannot be had."""
KEPT_BYTES = 64 * 1024**2
"""Memory for all sets of a worker."""
ENTRY_BYTES = 1_000
"""What an empty one takes."""
READ_AT_ONCE = 4
"""Statements that run at a time."""
FEW = 2_000
"""From so many ids on it is looked whether those that are not in the set are fewer."""


@dataclass(frozen=True, slots=True)
class Found:
    """The ids, ascending; with `excluded`, those that are not in the set."""

    ids: Sequence[int]
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    found: Found | None
    look: int
    until: float

    @property
    def bytes(self) -> int:
        return ENTRY_BYTES + (0 if self.found is None else 8 * len(self.found.ids))


_Key = tuple[Statement, bool, str | None, int | None]


class IdSets:
    """Reads sets, or hands out what is kept. Callers for whom the same statement gives the same share one."""

    def __init__(self, database: Database, settings: SearchRightsSettings, ticks: Callable[[], float]) -> None:
        self._database = database
        self._settings = settings
        self._ticks = ticks
        self._changes = Changes(database, ticks)
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0
        self._reading: dict[_Key, tuple[int, asyncio.Task[Found | None]]] = {}
        self._at_once = asyncio.Semaphore(READ_AT_ONCE)

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, reading: Reading, caller: Caller, *, may_exclude: bool = True) -> Found | None:
        """The set as of at most a second ago; None when it has too many ids, or takes too long to find.

        With `may_exclude`, those that are not in it may be named where they are fewer.
        """
        look = await self._changes.look()
        key = _key(reading.statement, caller, may_exclude)
        kept = self._kept.get(key)
        if kept is not None and self._holds(kept, reading):
            self._kept.move_to_end(key)
            return kept.found
        begun = self._reading.get(key)
        if begun is None or self._changes.since(begun[0], reading.seen):
            begun = (look, asyncio.create_task(self._read_and_keep(key, reading, caller, look)))
            begun[1].add_done_callback(_retrieve)
            self._reading[key] = begun
        return await asyncio.shield(begun[1])  # one who gives up does not stop it for the others

    def _holds(self, kept: _Kept, reading: Reading) -> bool:
        if self._ticks() >= kept.until:
            return False
        return kept.found is None or not self._changes.since(kept.look, reading.seen)

    async def _read_and_keep(self, key: _Key, reading: Reading, caller: Caller, look: int) -> Found | None:
        try:
            started = self._ticks()
            async with self._at_once:
                found = await self._read(reading, caller, may_exclude=key[1])
            life_s = FAILED_LIFE_S if found is None else TIMED_LIFE_S if reading.timed else LIFE_S
            if self._is_latest(key):
                self._keep(key, _Kept(found, look, started + life_s))
            return found
        finally:
            if self._is_latest(key):
                del self._reading[key]

    def _is_latest(self, key: _Key) -> bool:
        begun = self._reading.get(key)
        return begun is not None and begun[1] is asyncio.current_task()

    def _keep(self, key: _Key, kept: _Kept) -> None:
        before = self._kept.pop(key, None)
        self._bytes += kept.bytes - (0 if before is None else before.bytes)
        self._kept[key] = kept
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.bytes

    async def _read(self, reading: Reading, caller: Caller, *, may_exclude: bool) -> Found | None:
        most = self._settings.ids
        ids = await self._ids(reading.statement, caller)
        if ids is None:
            return None
        if may_exclude and len(ids) > min(FEW, most):
            fewer = len(ids) - 1
            excluded = await self._ids(others(reading, fewer), caller)
            if excluded is not None and len(excluded) <= fewer:
                return Found(excluded, excluded=True)
        return Found(ids) if len(ids) <= most else None

    async def _ids(self, statement: Statement, caller: Caller) -> Sequence[int] | None:
        timeout_ms = f"{max(1, round(self._settings.statement_s * 1000))}"
        try:
            async with self._database.transaction() as conn:
                await conn.execute("SELECT set_config('statement_timeout', %s, true)", (timeout_ms,))
                rows = await run_statement(conn, statement, caller)
        except TimedOut:
            logger().info("a rule takes too long to be a filter of searches", sql=statement.sql)
            return None
        except BadParameter as error:
            logger().warning("a rule cannot be a filter of searches", sql=statement.sql, error=error.message)
            return None
        return unpacked(rows[0][0])


def _key(statement: Statement, caller: Caller, may_exclude: bool) -> _Key:
    """What the answer depends on."""
    name = caller.name if CallerValue.USER_NAME in statement.params else None
    user_id = caller.user_id if CallerValue.USER_ID in statement.params else None
    return statement, may_exclude, name, user_id


def _retrieve(task: asyncio.Task[Found | None]) -> None:
    """Look at the outcome, which asyncio would complain about if everybody had given up."""
    if not task.cancelled():
        task.exception()
