"""The uploads of a worker, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from beamcat.access.caller import Caller
from beamcat.catalogue.catalogue import Catalogue
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.digests.table import DigestTable
from beamcat.store.selection import Selections
from beamcat.store.storage.contract import MainStorage, Pieces
from beamcat.store.units.levels import TwoLevels
from beamcat.store.uploads.incoming import Stored, Upload
from beamcat.store.uploads.journal import Journal
from beamcat.store.uploads.keeping import UploadKeeper
from beamcat.store.uploads.putting import Putting
from beamcat.store.uploads.resumable import ResumableUploads
from beamcat.store.uploads.spool import Spool, uploads_wait_in
from beamcat.store.uploads.storing import Storing
from beamcat.store.uploads.table import UploadTable

LONGEST_HOLD_S = 15.0
"""How long an upload is held by a request of which nothing comes."""
LONGEST_ROUND_S = 15.0


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes datafiles in: whole, or bit by bit."""

    putting: Putting
    resumable: ResumableUploads
    keeper: UploadKeeper
    journal: Journal
    spool: Spool | None

    async def put(self, caller: Caller, upload: Upload, pieces: Pieces) -> Stored:
        """Store bytes that come in one request, and catalogue them; see `Putting`."""
        return await self.putting.put(caller, upload, pieces)

    async def keep(self) -> None:
        """Look after uploads, until cancelled."""
        work: list[Coroutine[Any, Any, None]] = [self.journal.keep(), self.keeper.keep()]
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Let the threads go."""
        if self.spool is not None:
            self.spool.close()


def open_uploads(
    settings: Settings,
    database: Database,
    selections: Selections,
    catalogue: Catalogue,
    storage: MainStorage,
    *,
    digests: DigestTable,
    levels: TwoLevels | None,
) -> Uploads:
    """The uploads of this worker."""
    wanted = settings.uploads
    lease_s = settings.ids.lease_s
    waiting = uploads_wait_in(storage, wanted.spool, settings.home)
    table = UploadTable(
        database,
        lease=timedelta(seconds=min(LONGEST_HOLD_S, lease_s)),
        life=timedelta(hours=wanted.keep_hours),
        most_per_user=wanted.max_per_user,
    )
    journal = Journal(database, timedelta(seconds=lease_s))
    storing = Storing(database, catalogue, storage, waiting, digests, journal=journal, levels=levels)
    return Uploads(
        Putting(selections, storage, storing, levels=levels),
        ResumableUploads(table, selections, catalogue, waiting, storing, levels=levels, max_bytes=wanted.max_bytes),
        UploadKeeper(database, table, waiting, storage, storing, round_s=min(LONGEST_ROUND_S, lease_s / 2)),
        journal,
        waiting if isinstance(waiting, Spool) else None,
    )
