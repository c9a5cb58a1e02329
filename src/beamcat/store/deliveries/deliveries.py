"""Delivery accounting of one worker: beside the responses, never in their way.

What has arrived is written down every few seconds, all running responses of the worker together. A worker that is
killed loses what arrived since: less is counted then, never more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError
from beamcat.observability.logs import logger
from beamcat.observability.metrics import Metrics
from beamcat.store.deliveries.counting import Account, Counting, Note, Stretch
from beamcat.store.deliveries.sockets import Connections
from beamcat.store.deliveries.table import ROWS, DeliveryTable

WRITE_EVERY_S = 5.0
"""How long what arrived waits at most to be written down."""
WRITE_AFTER_BYTES = 64 << 20
"""Bytes of one response after which it is written down at once."""
SOON_S = 0.1
"""How long it waits when a response has ended, so that others that end too are written down with it."""
LOOK_EVERY_S = 0.05
"""How often those who may have ended are looked at."""
LAST_LOOK_S = 2.0
"""How long a worker that stops waits for clients that still take their last bytes, and for the database."""
MOST_WAITING = 10_000
"""Deliveries of which something waits to be written down while the database is away; further ones are dropped."""
TIDY_EVERY_S = 60.0


class Deliveries:
    """Counts what responses deliver: `begin` each; `start` when the database is there, `close` at the end."""

    def __init__(self, database: Database, metrics: Metrics, *, keep_days: float) -> None:
        self.table = DeliveryTable(database)
        self._metrics = metrics
        self._keep = timedelta(days=keep_days)
        self._connections = Connections()
        self._running: set[Counting] = set()
        self._settling: set[Counting] = set()
        self._waiting: dict[UUID, Note] = {}
        self._lock = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._is_away = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to write down."""
        self._tasks = [asyncio.create_task(work()) for work in (self._keep_writing, self._keep_looking, self._tidy)]

    async def close(self) -> None:
        """Write down what is known, and end."""
        deadline = asyncio.get_running_loop().time() + LAST_LOOK_S
        while self._settling and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(LOOK_EVERY_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for counting in [*self._running, *self._settling]:
            counting.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_LOOK_S):
                await self.flush()

    async def begin(self, account: Account, stretches: Sequence[Stretch], scope: Mapping[str, Any]) -> Counting:
        """Count a response with that body, which answers a request with that ASGI scope."""
        client = scope.get("client")
        counting = Counting(account, stretches, client[0] if client else None)
        await counting.watch(scope, self._connections)
        self._running.add(counting)
        return counting

    def progressed(self, counting: Counting) -> None:
        """More of the response is on its way."""
        if counting.unnoted >= WRITE_AFTER_BYTES:
            self._collect([counting])
            self._wanted.set()

    def ended(self, counting: Counting) -> None:
        """There will be no more bytes, whether the last one went out or the response broke off."""
        self._running.discard(counting)
        if counting.has_ended:
            self._collect([counting])
            self._wanted.set()
        else:
            self._settling.add(counting)

    async def flush(self) -> None:
        """Write down all that is known now, unless the database is away."""
        self._settle()
        for counting in self._running:
            counting.look()
        self._collect(self._running)
        async with self._lock:
            while self._waiting:
                notes = [self._waiting.pop(id) for id in list(self._waiting)[:ROWS]]
                try:
                    change = await self.table.add(notes)
                except psycopg.DataError as error:  # not to be expected, but it must not keep all others out
                    logger().error("deliveries cannot be written down", exc_info=error, deliveries=len(notes))
                    continue
                except (BeamcatError, psycopg.Error) as error:
                    self._put_back(notes, error)
                    return
                except BaseException:
                    self._put_back(notes, None)
                    raise
                self._is_away = False
                self._tell(change.begun, change.completed, change.restarts, sum(note.sent for note in notes))

    def _tell(self, begun: Sequence[UUID], completed: Sequence[tuple[Account, str]], restarts: int, sent: int) -> None:
        self._metrics.delivered(len(begun), len(completed), restarts, sent)
        for account, user in completed:
            logger().info(
                "download complete",
                delivery=str(account.id),
                user=user,
                prepared=account.prepared_id is not None,
                etag=account.etag,
                size=account.size,
            )

    def _put_back(self, notes: Sequence[Note], error: Exception | None) -> None:
        for note in notes:
            self._keep_note(note)
        if error is not None and not self._is_away:
            self._is_away = True
            logger().warning("what was delivered waits to be written down", error=str(error))

    def _collect(self, countings: Sequence[Counting] | set[Counting]) -> None:
        for counting in countings:
            note = counting.note()
            if note is not None:
                self._keep_note(note)

    def _keep_note(self, note: Note) -> None:
        id = note.account.id
        if id in self._waiting:
            self._waiting[id].add(note)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting[id] = note
        else:
            logger().error("a delivery is not written down: the database is away for too long", delivery=str(id))

    def _settle(self) -> None:
        for counting in list(self._settling):
            counting.look()
            if counting.has_ended:
                self._settling.discard(counting)
                self._collect([counting])
                self._wanted.set()

    async def _keep_looking(self) -> None:
        while True:
            self._settle()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _keep_writing(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITE_EVERY_S):
                    await self._wanted.wait()
            if self._wanted.is_set():
                await asyncio.sleep(SOON_S)
            self._wanted.clear()
            try:
                await self.flush()
            except Exception as error:  # whatever is wrong with one batch, the accounting goes on
                logger().error("what was delivered could not be written down", exc_info=error)
                await asyncio.sleep(WRITE_EVERY_S)

    async def _tidy(self) -> None:
        while True:
            try:
                self._metrics.stalled_deliveries(await self.table.stalled())
                if self._keep:
                    await self.table.prune(datetime.now(UTC) - self._keep)
            except (BeamcatError, psycopg.Error) as error:
                logger().warning("deliveries cannot be looked through", error=str(error))
            await asyncio.sleep(TIDY_EVERY_S)
