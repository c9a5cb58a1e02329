"""Locks on datasets: of whoever reads their bytes (shared) or changes which there are (exclusive).

Never blocking, all datasets or none (data service specification, A.9). A lock is a lease: workers renew those of their
own every few seconds, and those of a worker that was killed are gone after `LEASE_S`. The answers of a worker that read
the same datasets at the same time, such as the ranges of one download, share one lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import logger

LEASE_S = 60.0
"""How long a lock is there that nobody renews."""
RENEW_S = 15.0
"""How often locks are renewed."""
BUSY_RETRY_S = 10
"""When to come back for data that are busy."""

# Locks of readers need not outlive a crash of the database, which no reader does: they do not wait for its disk.
_SOON = "(SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL"
_LOCK = """
INSERT INTO unit_lock (dataset_id, holder, exclusive, until)
SELECT w.id, %s, %s, now() + %s FROM unnest(%s::bigint[]) AS w (id)
"""
_LOCK_SOON = f"{_LOCK} WHERE {_SOON}"
_HINDERED = """
SELECT EXISTS (SELECT FROM unit_lock l
                WHERE l.dataset_id = ANY(%(ids)s) AND l.until > now() AND l.holder <> %(holder)s
                  AND (l.exclusive OR %(exclusive)s))
    OR EXISTS (SELECT FROM unit u
                WHERE u.dataset_id = ANY(%(ids)s) AND u.running IS NOT NULL
                  AND CASE WHEN %(exclusive)s THEN true
                           ELSE u.kind = 'dataset' AND u.running IN ('ARCHIVE', 'RESTORE') END)
"""
_RENEW = "UPDATE unit_lock SET until = now() + %s WHERE holder = ANY(%s) RETURNING holder"
_RELEASE = f"DELETE FROM unit_lock WHERE (holder = %s OR until < now() - interval '1 minute') AND {_SOON}"  # noqa: S608
_LOCKED = """
SELECT DISTINCT dataset_id FROM unit_lock
 WHERE dataset_id = ANY(%s) AND until > now() AND (exclusive OR %s)
"""


class Busy(BeamcatError):
    """Somebody else reads or moves the data."""

    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("Data is busy")
        self.retry_after_s = BUSY_RETRY_S


@dataclass(slots=True)
class Shared:
    """A lock that several readers hold."""

    datasets: tuple[int, ...]
    acquiring: asyncio.Task[UUID]
    readers: int = 0


class Locks:
    """The locks of this worker."""

    def __init__(self, database: Database, *, lease: timedelta = timedelta(seconds=LEASE_S)) -> None:
        self.database = database
        self._lease = lease
        self._held: set[UUID] = set()
        self._renewed: dict[UUID, float] = {}
        self._shared: dict[tuple[int, ...], Shared] = {}

    @property
    def lease_s(self) -> float:
        """How long a lock is there that nobody renews."""
        return self._lease.total_seconds()

    async def acquire(self, datasets: Sequence[int], *, exclusive: bool) -> UUID:
        """Lock all of the datasets until the lock is released. Raises `Busy` when one of them is busy.

        An exclusive lock is not given either while anything is being done to a unit of the dataset.
        """
        holder = uuid4()
        ids = sorted(set(datasets))
        if not ids:
            return holder
        self._held.add(holder)
        self._renewed[holder] = time.monotonic()
        lock = _LOCK if exclusive else _LOCK_SOON
        params = {"ids": ids, "holder": holder, "exclusive": exclusive}
        try:
            async with self.database.connection() as connection, connection.pipeline() as pipeline:
                await connection.execute(lock, (holder, exclusive, self._lease, ids))
                # it is committed, then somebody looks: of two that hinder each other one sees the other
                await pipeline.sync()
                row = await (await connection.execute(_HINDERED, params)).fetchone()
            if row == (True,):
                raise Busy
        except BaseException:
            await self.release(holder)
            raise
        return holder

    async def share(self, datasets: Sequence[int]) -> Shared:
        """Lock the datasets for a reader, with other readers of the very same ones; for `leave`. Raises `Busy`."""
        key = tuple(sorted(set(datasets)))
        shared = self._shared.get(key)
        if shared is None or not self._lives(shared):
            shared = Shared(key, asyncio.create_task(self.acquire(key, exclusive=False)))
            self._shared[key] = shared
        shared.readers += 1
        try:
            await asyncio.shield(shared.acquiring)
        except BaseException:
            await self.leave(shared)
            raise
        return shared

    async def leave(self, shared: Shared) -> None:
        """A reader needs the lock no longer. The last one lets go of it."""
        shared.readers -= 1
        if shared.readers:
            return
        if self._shared.get(shared.datasets) is shared:
            del self._shared[shared.datasets]
        with contextlib.suppress(BeamcatError):  # it was not to be had: then nobody holds it
            await self.release(await shared.acquiring)

    async def release(self, holder: UUID) -> None:
        """Let go of a lock. When the database is away it goes by itself, after its lease."""
        if holder not in self._held:
            return
        self._held.discard(holder)
        self._renewed.pop(holder, None)
        try:
            async with self.database.connection() as connection:
                await connection.execute(_RELEASE, (holder,))
        except BeamcatError as error:
            logger().warning("a lock stays until its lease is over", error=error.message)

    async def locked(self, datasets: Sequence[int], *, shared_too: bool) -> set[int]:
        """Those of the datasets that are locked, exclusively or, if that matters, by readers."""
        async with self.database.connection() as connection:
            cursor = await connection.execute(_LOCKED, (sorted(set(datasets)), shared_too))
            return {dataset for (dataset,) in await cursor.fetchall()}

    async def keep(self) -> None:
        """Renew the locks of this worker, until cancelled."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() * RENEW_S / LEASE_S)
            if not self._held:
                continue
            asked = time.monotonic()
            try:
                async with self.database.connection() as connection:
                    cursor = await connection.execute(_RENEW, (self._lease, list(self._held)))
                    kept = {holder for (holder,) in await cursor.fetchall()}
            except BeamcatError as error:
                logger().warning("locks could not be renewed", error=error.message)
            else:
                self._renewed.update(dict.fromkeys(kept & self._held, asked))

    def _lives(self, shared: Shared) -> bool:
        """Whether others may join: it is being acquired, or was renewed within its lease."""
        task = shared.acquiring
        if not task.done():
            return True
        if task.cancelled() or task.exception() is not None:
            return False
        renewed = self._renewed.get(task.result())
        return not shared.datasets or (renewed is not None and time.monotonic() - renewed < self._lease.total_seconds())


class Reading:
    """One answer that reads bytes: the lock it holds, and whether what is missing is to be restored for it.

    What is about to leave the main storage is kept for it if it `keeps`.
    """

    def __init__(self, locks: Locks | None, *, restores: bool = True, keeps: bool = True) -> None:
        self.restores = restores
        self.keeps = keeps
        self._locks = locks
        self._held: list[Shared] = []

    async def lock(self, datasets: Sequence[int]) -> None:
        """Keep the datasets from being moved or deleted until the answer is given. Raises `Busy`."""
        if self._locks is not None:
            self._held.append(await self._locks.share(datasets))

    async def end(self) -> None:
        """The answer is given, or will not be."""
        while self._held and self._locks is not None:
            await self._locks.leave(self._held.pop())
