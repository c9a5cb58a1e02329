"""Datafiles that come in: stored whole, then catalogued, or not at all (data service specification, A.6.7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from beamcat.access.caller import Caller, Scope
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.drafts import Draft, Reference, Value
from beamcat.errors import BadParameter
from beamcat.model import ENTITIES
from beamcat.observability.logs import logger
from beamcat.store.digests.hashing import Hashing
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Also, Digests, FileVersion, Hashed
from beamcat.store.selection import Selections, Wanted
from beamcat.store.storage.contract import DatasetPlace, MainStorage, Pieces
from beamcat.store.units.levels import TwoLevels


@dataclass(frozen=True, slots=True)
class Upload:
    """What a client says of the bytes it sends. `sha256` and `size`, where they are given, have to be right."""

    dataset_id: int
    format_id: int
    name: str
    description: str | None = None
    doi: str | None = None
    created: datetime | None = None
    modified: datetime | None = None
    sha256: bytes | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A datafile that has come in."""

    id: int
    location: str
    size: int
    crc32: int


@dataclass(slots=True)
class _Passing:
    """Bytes on their way into the storage, and what they come to."""

    pieces: Pieces
    hashing: Hashing = field(default_factory=lambda: Hashing(Also.USUAL))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self.pieces:
            if piece:
                await asyncio.to_thread(self.hashing.update, piece)
                yield piece


class Uploads:
    """Takes datafiles in."""

    def __init__(
        self,
        selections: Selections,
        catalogue: Catalogue,
        storage: MainStorage,
        digests: DigestTable,
        *,
        levels: TwoLevels | None = None,
    ) -> None:
        self._selections = selections
        self._catalogue = catalogue
        self._storage = storage
        self._digests = digests
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
        passing = _Passing(pieces)
        location = await self._storage.put(dataset, upload.name, passing, size=upload.size)
        try:
            digests = passing.hashing.digests()
            _check(upload, digests, passing.hashing.size)
            draft = _draft(upload, location, digests, passing.hashing.size)
            if self._levels is not None:
                await self._levels.announce([dataset.id], caller.name)
            identifier = await self._catalogue.create_datafile(caller, draft)
        except BaseException:
            await asyncio.shield(self._storage.delete([location]))
            raise
        if self._levels is not None:
            await self._levels.changed([(identifier, dataset.id)], caller.name)
        await self._remember(location, digests)
        return Stored(identifier, location, passing.hashing.size, digests.crc32)

    async def _remember(self, location: str, digests: Digests) -> None:
        """Keep the digests. The datafile is there whether that works or not: they can be computed again."""
        try:
            (stat,) = await self._storage.stat([location])
            if stat is not None:
                await self._digests.store([Hashed(FileVersion.of(location, stat), digests)])
        except Exception as problem:
            logger().warning("the digests of an upload are not kept", location=location, error=str(problem))


def _check(upload: Upload, digests: Digests, size: int) -> None:
    if upload.size is not None and upload.size != size:
        raise BadParameter(f"{size} bytes have arrived, and {upload.size} were announced")
    if upload.sha256 is not None and upload.sha256 != digests.sha256:
        raise BadParameter("the bytes that have arrived do not have the SHA-256 that was announced")


def _draft(upload: Upload, location: str, digests: Digests, size: int) -> Draft:
    values: Mapping[str, Value] = {
        "name": upload.name,
        "location": location,
        "fileSize": size,
        "checksum": f"{digests.crc32:x}",
        "description": upload.description,
        "doi": upload.doi,
        "datafileCreateTime": upload.created,
        "datafileModTime": upload.modified,
    }
    return Draft(
        ENTITIES["Datafile"],
        {name: value for name, value in values.items() if value is not None},
        {
            "dataset": Reference(ENTITIES["Dataset"], upload.dataset_id),
            "datafileFormat": Reference(ENTITIES["DatafileFormat"], upload.format_id),
        },
    )
