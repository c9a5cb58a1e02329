"""`put`: a datafile that comes in one request (data service specification, A.6.7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from beamcat.access.caller import Caller, Scope
from beamcat.store.digests.hashing import Hashing
from beamcat.store.digests.values import Also
from beamcat.store.selection import Selections, Wanted
from beamcat.store.storage.contract import DatasetPlace, KeepsUploads, MainStorage, Pieces
from beamcat.store.units.levels import TwoLevels
from beamcat.store.uploads.incoming import Stored, Upload, check
from beamcat.store.uploads.receiving import Receiving
from beamcat.store.uploads.spool import location_for
from beamcat.store.uploads.storing import Storing, through

EVERYTHING = 1 << 62


@dataclass(frozen=True, slots=True)
class _Passing:
    """Bytes on their way into the storage, and what they come to."""

    pieces: Pieces
    hashing: Hashing

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self.pieces:
            if piece:
                await asyncio.to_thread(self.hashing.update, piece)
                yield piece


class Putting:
    """Takes datafiles in."""

    def __init__(
        self,
        selections: Selections,
        storage: MainStorage,
        storing: Storing,
        *,
        levels: TwoLevels | None = None,
    ) -> None:
        self._selections = selections
        self._storage = storage
        self._storing = storing
        self._levels = levels

    async def put(self, caller: Caller, upload: Upload, pieces: Pieces) -> Stored:
        """Store the bytes and catalogue them as the caller.

        Raises `NoSuchObject` and `Forbidden` for the dataset, `BadParameter` for a name that the storage refuses and
        for bytes that are not those announced, and whatever the catalogue says. Nothing stays stored then.
        """
        caller.require(Scope.WRITE)
        async with self._selections.select(caller, Wanted(datasets=(upload.dataset_id,))) as selected:
            dataset = selected.datasets[upload.dataset_id]
        if self._levels is None:
            return await self._put(caller, upload, dataset, pieces)
        holder = await self._levels.changing([dataset.id], caller.name)
        try:
            return await self._put(caller, upload, dataset, pieces)
        finally:
            await self._levels.locks.release(holder)

    async def _put(self, caller: Caller, upload: Upload, dataset: DatasetPlace, pieces: Pieces) -> Stored:
        waits = isinstance(self._storage, KeepsUploads)
        location = location_for(self._storage, dataset, upload.name)
        identifier = await self._storing.journal.begin(waits=waits, location=None if waits else location)
        hashing = Hashing(Also.USUAL, upload.size)
        try:
            if isinstance(self._storage, KeepsUploads):
                await self._receive(self._storage, identifier, pieces, hashing)
            else:
                await self._storage.put_at(location, _Passing(pieces, hashing), upload.size)
            digests = hashing.digests()
            check(upload, digests, hashing.size)
            if waits:
                location = await self._storing.place(identifier, str(identifier), dataset, upload.name)
            return await self._storing.catalogue(caller, upload, identifier, location, digests, size=hashing.size)
        finally:
            await through(self._storing.end(identifier))

    async def _receive(self, storage: KeepsUploads, identifier: UUID, pieces: Pieces, hashing: Hashing) -> None:
        opened = await storage.open_upload(str(identifier))
        try:
            await Receiving(opened, 0, EVERYTHING, [hashing]).take(pieces)
            await opened.sync()
        finally:
            await opened.close()
