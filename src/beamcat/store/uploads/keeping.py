"""What uploads leave behind is removed: of processes that were killed, and of clients that did not come back."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError
from beamcat.events.leading import leadership
from beamcat.observability.logs import logger
from beamcat.store.storage.contract import KeepsUploads, LeavesUnfinished, MainStorage
from beamcat.store.uploads.storing import Storing
from beamcat.store.uploads.table import UploadTable

AT_ONCE = 100
"""Uploads that are removed together."""
SWEEP_EVERY_S = 3600.0
"""How often there is a look for files that no table knows of: the machine may have lost power."""
GRACE = timedelta(days=1)
"""How long after their time such files are left."""


class UploadKeeper:
    """Removes what is left of uploads; one worker of all at a time."""

    def __init__(
        self,
        database: Database,
        table: UploadTable,
        waiting: KeepsUploads,
        storage: MainStorage,
        storing: Storing,
        *,
        round_s: float,
    ) -> None:
        self._database = database
        self._table = table
        self._waiting = waiting
        self._storage = storage
        self._storing = storing
        self._round_s = round_s
        self._swept = -SWEEP_EVERY_S

    async def keep(self) -> None:
        """Look every now and then, until cancelled."""
        while True:
            try:
                async with leadership(self._database, "uploads") as connection:
                    while True:
                        await connection.execute("SELECT")  # this worker still leads
                        await self.look()
                        await asyncio.sleep(self._round_s)
            except BeamcatError as error:
                logger().warning("what uploads have left stays for now", error=error.message)
            except Exception:
                logger().exception("what uploads have left stays for now")
            await asyncio.sleep(self._round_s)

    async def look(self) -> None:
        """Remove what there is to be removed."""
        while entries := await self._storing.journal.dead(AT_ONCE):
            await self._storing.remove(entries)
            logger().info("what uploads that were broken off had stored is removed", uploads=len(entries))
        while True:
            old, holder = await self._table.old(AT_ONCE)
            if not old:
                break
            await self._waiting.forget_uploads(list(map(str, old)))
            await self._table.delete(old, holder)
        while useless := await self._table.useless(AT_ONCE):
            await self._waiting.forget_uploads(list(map(str, useless)))
            await self._table.dropped(useless)
        if time.monotonic() - self._swept > SWEEP_EVERY_S:
            self._swept = time.monotonic()
            await self.sweep(time.time())

    async def sweep(self, now: float) -> int:
        """Remove files that nobody has touched for longer than any upload lives; how many."""
        before = now - (self._table.life + GRACE).total_seconds()
        places = {id(place): place for place in (self._waiting, self._storage)}.values()
        return sum([await place.forget_unfinished(before) for place in places if isinstance(place, LeavesUnfinished)])
