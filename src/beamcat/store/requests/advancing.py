"""Bringing requested downloads forward: preparing, watching what is restored, starting what is queued.

One worker of all does so at a time. What is under way is in the table `download` alone, so another worker goes on after
any crash: at worst something is prepared twice, which costs nothing. Users' sessions are not needed: what they may have
is asked of the rules when it is prepared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import DownloadSettings
from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import logger
from beamcat.store.prepared import NotPrepared
from beamcat.store.requests.downloads import Downloads, announce
from beamcat.store.requests.items import Kind, Reference, wanted_of
from beamcat.store.requests.transports import is_fetched
from beamcat.store.selection import Wanted
from beamcat.store.service import Form
from beamcat.store.targets.opening import TargetRequests

AT_ONCE = 4
"""Downloads that are prepared, or looked at, at a time."""
BATCH = 200
"""Downloads that are looked at in one turn."""
LOOK_EVERY_S = 2.0
"""How often a download that is restored is looked at."""
FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 300.0

PASSES = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.TIMED_OUT, ErrorKind.INTERNAL, ErrorKind.TOO_MANY_ATTEMPTS})
"""What may be over when it is tried again."""

_TO_PREPARE = """
SELECT id, user_name, transport, two_level, compress, form FROM download
 WHERE status = 'PREPARING' AND NOT is_deleted AND next_look <= now()
 ORDER BY next_look, id LIMIT %s
"""
_TO_LOOK_AT = """
SELECT id, transport, prepared_id FROM download
 WHERE status = 'RESTORING' AND NOT is_deleted AND next_look <= now()
 ORDER BY next_look, id LIMIT %s
"""
_ITEMS = "SELECT entity_type, entity_id FROM download_item WHERE download_id = %s"
_PREPARED = """
UPDATE download
   SET status = %(status)s, prepared_id = %(prepared)s, next_look = now(), tries = 0, failing_since = NULL,
       problem = NULL, completed = CASE WHEN %(status)s = 'COMPLETE' THEN now() END
 WHERE id = %(id)s AND status = 'PREPARING' AND NOT is_deleted
RETURNING id
"""
_COMPLETE = """
UPDATE download
   SET status = 'COMPLETE', completed = now(), tries = 0, failing_since = NULL, problem = NULL
 WHERE id = ANY(%s::bigint[]) AND status = 'RESTORING' AND NOT is_deleted
RETURNING id
"""
_LATER = """
UPDATE download
   SET next_look = now() + %s, tries = 0, failing_since = NULL, problem = NULL
 WHERE id = ANY(%s::bigint[]) AND status = 'RESTORING'
"""
_NO_MORE = """
UPDATE download
   SET next_look = 'infinity', tries = 0, failing_since = NULL, problem = NULL
 WHERE id = ANY(%s::bigint[]) AND status = 'RESTORING'
"""
_AGAIN = """
UPDATE download
   SET status = 'PREPARING', prepared_id = NULL, tries = tries + 1, problem = %(problem)s,
       failing_since = coalesce(failing_since, now()),
       next_look = now() + least(%(first)s * 2 ^ least(tries, 20), %(longest)s) * interval '1 second'
 WHERE id = %(id)s AND status = 'RESTORING'
"""
_FAILED = """
UPDATE download
   SET status = CASE WHEN %(for_good)s OR failing_since < now() - %(give_up)s THEN 'EXPIRED' ELSE status END,
       tries = tries + 1, problem = %(problem)s, failing_since = coalesce(failing_since, now()),
       next_look = now() + least(%(first)s * 2 ^ least(tries, 20), %(longest)s) * interval '1 second'
 WHERE id = %(id)s AND status = %(status)s
"""
_START_QUEUED = """
UPDATE download SET status = 'PREPARING', next_look = now()
 WHERE status = 'QUEUED' AND id = (
       SELECT id FROM download WHERE status = 'QUEUED' AND NOT is_deleted
        ORDER BY priority < 1, priority, created, id LIMIT 1)
   AND (%(most)s < 0 OR %(most)s > (
       SELECT count(*) FROM download
        WHERE NOT is_deleted AND (status = 'RESTORING' OR (status = 'PREPARING' AND tries = 0))))
RETURNING id
"""


class Preparing(Protocol):
    """What is needed of the data service."""

    async def prepare(self, caller: Caller, wanted: Wanted, form: Form) -> UUID:
        """Freeze a selection and have it restored; the id by which it can be fetched."""
        ...

    async def is_prepared(self, identifier: UUID) -> bool:
        """Whether all of it can be fetched now; `NotPrepared` when it is known no longer."""
        ...


@dataclass(frozen=True, slots=True)
class _ToPrepare:
    id: int
    user_name: str
    transport: str
    two_level: bool
    compress: bool
    form: str


class Advancing:
    """Brings downloads forward, a turn at a time. Only one at a time may take turns."""

    def __init__(
        self,
        database: Database,
        rulebooks: Rulebooks,
        data: Preparing,
        downloads: Downloads,
        settings: DownloadSettings,
        *,
        targets: TargetRequests | None = None,
    ) -> None:
        self._database = database
        self._rulebooks = rulebooks
        self._data = data
        self._downloads = downloads
        self._targets = targets
        self._most_active = settings.queue.max_active
        self._give_up = timedelta(hours=settings.give_up_hours)

    async def prepare(self) -> bool:
        """Prepare what is to be prepared; whether there was anything."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_TO_PREPARE, (AT_ONCE,))).fetchall()
        await asyncio.gather(*(self._prepare(_ToPrepare(*row)) for row in rows))
        return bool(rows)

    async def look(self) -> bool:
        """Complete what has been restored; whether more is to be looked at.

        Looking has the data service restore what is missing. What others see to is only looked at until it is there.
        """
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_TO_LOOK_AT, (BATCH,))).fetchall()
        if not rows:
            return False
        turns = asyncio.Semaphore(AT_ONCE)
        there, left, waiting = list[int](), list[int](), list[int]()

        async def look(identifier: int, transport: str, prepared: UUID) -> None:
            async with turns:
                is_there = await self._is_prepared(identifier, prepared)
            if is_there is not None:
                (waiting if not is_there else there if is_fetched(transport) else left).append(identifier)

        await asyncio.gather(*(look(*row) for row in rows))
        await self._complete(there)
        async with self._database.transaction() as connection:
            if self._targets is not None:
                going = await self._targets.hand_over(connection, left)
                waiting += [identifier for identifier, goes in going.items() if not goes]
                left = [identifier for identifier in left if going.get(identifier, True)]
            await connection.execute(_LATER, (timedelta(seconds=LOOK_EVERY_S), waiting))
            await connection.execute(_NO_MORE, (left,))
        return len(rows) == BATCH

    async def start_queued(self) -> bool:
        """Start the next download of the queue if the settings allow one more; whether it was started."""
        if self._most_active == 0:
            return False
        async with self._database.transaction() as connection:
            started = await (await connection.execute(_START_QUEUED, {"most": self._most_active})).fetchone()
            if started is not None:
                await announce(connection)
        return started is not None

    async def _prepare(self, order: _ToPrepare) -> None:
        try:
            caller = await self._rulebooks.caller(order.user_name)
            form = Form(zip=True, compress=order.compress, tar=order.form == "tar")
            prepared = await self._data.prepare(caller, wanted_of(await self._references(order.id)), form)
        except Exception as error:  # a download that fails stops no other one
            await self._failed(order.id, "PREPARING", error)
            return
        status = "RESTORING" if order.two_level or not is_fetched(order.transport) else "COMPLETE"
        changes = {"id": order.id, "prepared": prepared, "status": status}
        async with self._database.transaction() as connection:
            done = await (await connection.execute(_PREPARED, changes)).fetchone()
            if done is not None and status == "COMPLETE":
                await self._downloads.write_mails(connection, [order.id])
                await announce(connection)

    async def _references(self, identifier: int) -> list[Reference]:
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_ITEMS, (identifier,))).fetchall()
        return [Reference(Kind(kind), entity) for kind, entity in rows]

    async def _is_prepared(self, identifier: int, prepared: UUID) -> bool | None:
        """Whether it is there; None when that cannot be said now."""
        try:
            return await self._data.is_prepared(prepared)
        except NotPrepared as error:  # forgotten, as older ones are: make it anew
            retry = {"first": FIRST_RETRY_S, "longest": LONGEST_RETRY_S}
            async with self._database.connection() as connection:
                await connection.execute(_AGAIN, {"id": identifier, "problem": error.message, **retry})
        except Exception as error:  # a download that fails stops no other one
            await self._failed(identifier, "RESTORING", error)
        return None

    async def _complete(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        async with self._database.transaction() as connection:
            rows = await (await connection.execute(_COMPLETE, (list(ids),))).fetchall()
            await self._downloads.write_mails(connection, [identifier for (identifier,) in rows])
            await announce(connection)

    async def _failed(self, identifier: int, status: str, error: Exception) -> None:
        """What may pass is tried again for as long as the settings say; the rest is the end of this download."""
        if isinstance(error, BeamcatError):
            problem, for_good = error.message, error.kind not in PASSES
            logger().warning("a download does not get on", download=identifier, status=status, error=problem)
        else:
            problem, for_good = "something went wrong in the server", False
            logger().error("a download does not get on", download=identifier, status=status, exc_info=error)
        changes = {
            **{"id": identifier, "status": status, "problem": problem, "for_good": for_good},
            **{"give_up": self._give_up, "first": FIRST_RETRY_S, "longest": LONGEST_RETRY_S},
        }
        async with self._database.connection() as connection:
            await connection.execute(_FAILED, changes)
