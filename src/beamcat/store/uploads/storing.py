"""From bytes that are complete to a datafile: stored at their place, then catalogued, or neither."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from beamcat.access.caller import Caller
from beamcat.catalogue.catalogue import Catalogue
from beamcat.database.pool import Connection, Database
from beamcat.observability.logs import logger
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Digests, FileVersion, Hashed
from beamcat.store.removal import of_datafiles
from beamcat.store.storage.contract import DatasetPlace, KeepsUploads, MainStorage
from beamcat.store.units.levels import TwoLevels
from beamcat.store.uploads.incoming import Stored, Upload, draft_of
from beamcat.store.uploads.journal import Entry, Journal, TakenForDead

Settle = Callable[[Connection, int], Awaitable[None]]
"""What belongs into the transaction that makes the datafile, whose id it is told."""


class Storing:
    """Makes datafiles of bytes, and removes those of which none was made."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        storage: MainStorage,
        waiting: KeepsUploads,
        digests: DigestTable,
        *,
        journal: Journal,
        levels: TwoLevels | None,
    ) -> None:
        self.journal = journal
        self.levels = levels
        self._database = database
        self._catalogue = catalogue
        self._storage = storage
        self._waiting = waiting
        self._digests = digests

    async def place(self, identifier: UUID, waiting: str, dataset: DatasetPlace, name: str) -> str:
        """Make a file of an upload that waits; where it is. The journal knows of it before it is there."""
        known = await self._waiting.stat_upload(waiting)
        if known is None:
            raise TakenForDead
        location = self._waiting.new_location(dataset, name)
        is_the_file = isinstance(self._storage, KeepsUploads)
        await self.journal.place(identifier, location, known.etag if is_the_file else None)
        await self._waiting.place_upload(waiting, location)
        return location

    async def catalogue(
        self,
        caller: Caller,
        upload: Upload,
        identifier: UUID,
        location: str,
        digests: Digests,
        *,
        size: int,
        settle: Settle | None = None,
    ) -> Stored:
        """The datafile for bytes of the journal that are at a location."""

        async def also(connection: Connection, datafile: int) -> None:
            await self.journal.settle(connection, identifier)
            if self.levels is not None:
                await self.levels.created(connection, datafile, upload.dataset_id, caller.name)
            if settle is not None:
                await settle(connection, datafile)

        if self.levels is not None:
            await self.levels.announce([upload.dataset_id], caller.name)
        datafile = await self._catalogue.create_datafile(caller, draft_of(upload, location, digests, size), also)
        if self.levels is not None:  # the delay of what a dataset waits with begins anew
            await self.levels.announce([upload.dataset_id], caller.name)
        await self._remember(location, digests)
        return Stored(datafile, location, size, digests.crc32)

    async def end(self, identifier: UUID) -> None:
        """Remove what is left of bytes: all of them, unless there is a datafile. Later, if that is not possible now."""
        try:
            await self.remove([await self.journal.give_up(identifier)])
        except Exception as problem:
            self.journal.let_go(identifier)
            logger().warning("what is left of an upload is removed later", error=str(problem))

    async def remove(self, entries: Sequence[Entry]) -> None:
        """Remove bytes of which no datafile was made, wherever they are, and forget them."""
        await self._waiting.forget_uploads([str(entry.id) for entry in entries if entry.waits])
        etags: dict[str, set[str | None]] = {}
        for entry in entries:
            if entry.location is not None:
                etags.setdefault(entry.location, set()).add(entry.etag)
        if etags:
            async with self._database.connection() as connection:
                used = await of_datafiles(connection, list(etags))
            free = [location for location in etags if location not in used]
            stats = await self._storage.stat(free)
            ours = [
                location
                for location, stat in zip(free, stats, strict=True)
                if stat is not None and not etags[location].isdisjoint({None, stat.etag})
            ]
            await self._storage.delete(ours)
        await self.journal.forget([entry.id for entry in entries])

    async def _remember(self, location: str, digests: Digests) -> None:
        """Keep the digests. The datafile is there whether that works or not: they can be computed again."""
        try:
            (stat,) = await self._storage.stat([location])
            if stat is not None:
                await self._digests.store([Hashed(FileVersion.of(location, stat), digests)])
        except Exception as problem:
            logger().warning("the digests of an upload are not kept", location=location, error=str(problem))


async def through(work: Awaitable[None]) -> None:
    """Do it to its end, also when the one who waits for it is cancelled."""
    await asyncio.shield(asyncio.ensure_future(work))
