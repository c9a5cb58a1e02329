"""Locks on datasets: of whoever reads their bytes (shared) or changes which there are (exclusive).

Never blocking, all datasets or none (data service specification, A.9). A lock is a lease: workers renew those of their
own every few seconds, and those of a worker that was killed are gone after `LEASE_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import logger

LEASE_S = 60.0
"""How long a lock is there that nobody renews."""
RENEW_S = 15.0
"""How often locks are renewed."""
BUSY_RETRY_S = 10
"""When to come back for data that are busy."""

_LOCK = """
INSERT INTO unit_lock (dataset_id, holder, exclusive, until)
SELECT w.id, %s, %s, now() + %s FROM unnest(%s::bigint[]) AS w (id) ORDER BY w.id
"""
_HINDERED = """
SELECT EXISTS (SELECT FROM unit_lock l
                WHERE l.dataset_id = ANY(%(ids)s) AND l.until > now() AND l.holder <> %(holder)s
                  AND (l.exclusive OR %(exclusive)s))
    OR EXISTS (SELECT FROM unit u
                WHERE u.dataset_id = ANY(%(ids)s) AND u.running IS NOT NULL
                  AND CASE WHEN %(exclusive)s THEN true
                           ELSE u.kind = 'dataset' AND u.running IN ('ARCHIVE', 'RESTORE') END)
"""
_RENEW = "UPDATE unit_lock SET until = now() + %s WHERE holder = ANY(%s)"
_RELEASE = "DELETE FROM unit_lock WHERE holder = %s OR until < now() - interval '1 minute'"
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


class Locks:
    """The locks of this worker."""

    def __init__(self, database: Database, *, lease: timedelta = timedelta(seconds=LEASE_S)) -> None:
        self._database = database
        self._lease = lease
        self._held: set[UUID] = set()

    async def acquire(self, datasets: Sequence[int], *, exclusive: bool) -> UUID:
        """Lock all of the datasets until the lock is released. Raises `Busy` when one of them is busy.

        An exclusive lock is not given either while anything is being done to a unit of the dataset.
        """
        holder = uuid4()
        ids = sorted(set(datasets))

        async def lock(connection: Connection) -> None:
            await connection.execute(_LOCK, (holder, exclusive, self._lease, ids))

        if not ids:
            return holder
        self._held.add(holder)
        try:
            await self._database.run(lock)
            # a statement of its own, after the commit: of two that hinder each other one sees the other
            params = {"ids": ids, "holder": holder, "exclusive": exclusive}
            async with self._database.connection() as connection:
                row = await (await connection.execute(_HINDERED, params)).fetchone()
            if row == (True,):
                raise Busy
        except BaseException:
            await self.release(holder)
            raise
        return holder

    async def release(self, holder: UUID) -> None:
        """Let go of a lock. When the database is away it goes by itself, after its lease."""
        if holder not in self._held:
            return
        self._held.discard(holder)
        try:
            async with self._database.connection() as connection:
                await connection.execute(_RELEASE, (holder,))
        except BeamcatError as error:
            logger().warning("a lock stays until its lease is over", error=error.message)

    async def locked(self, datasets: Sequence[int], *, shared_too: bool) -> set[int]:
        """Those of the datasets that are locked, exclusively or, if that matters, by readers."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(_LOCKED, (sorted(set(datasets)), shared_too))
            return {dataset for (dataset,) in await cursor.fetchall()}

    async def keep(self) -> None:
        """Renew the locks of this worker, until cancelled."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() * RENEW_S / LEASE_S)
            if not self._held:
                continue
            try:
                async with self._database.connection() as connection:
                    await connection.execute(_RENEW, (self._lease, list(self._held)))
            except BeamcatError as error:
                logger().warning("locks could not be renewed", error=error.message)


class Reading:
    """One answer that reads bytes: the lock it holds, and whether what is missing is to be restored for it."""

    def __init__(self, locks: Locks | None, *, restores: bool = True) -> None:
        self.restores = restores
        self._locks = locks
        self._holders: list[UUID] = []

    async def lock(self, datasets: Sequence[int]) -> None:
        """Keep the datasets from being moved or deleted until the answer is given. Raises `Busy`."""
        if self._locks is not None and self.restores:
            self._holders.append(await self._locks.acquire(datasets, exclusive=False))

    async def end(self) -> None:
        """The answer is given, or will not be."""
        while self._holders and self._locks is not None:
            await self._locks.release(self._holders.pop())
