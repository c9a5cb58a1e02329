"""Uploads that wait in a directory of Beamcat's, for storages in which they cannot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from beamcat.store.storage.contract import (
    ChoosesLocations,
    DatasetPlace,
    KeepsUploads,
    MainStorage,
    NoSuchData,
    OpenUpload,
    Stat,
)
from beamcat.store.storage.folder import Folder
from beamcat.store.storage.paths import new_location
from beamcat.store.storage.waiting import WaitingUploads


class Spool:
    """A `KeepsUploads` in front of a main storage: bytes that are complete are copied into it."""

    def __init__(self, folder: Path, storage: MainStorage) -> None:
        self._folder = Folder(folder)
        self._uploads = WaitingUploads(self._folder)
        self._storage = storage

    def close(self) -> None:
        """Let the threads go."""
        self._folder.close()

    def new_location(self, dataset: DatasetPlace, name: str) -> str:
        """Where a new file of that name goes."""
        return location_for(self._storage, dataset, name)

    async def open_upload(self, upload: str) -> OpenUpload:
        """An upload to write to."""
        return await self._uploads.open(upload)

    async def stat_upload(self, upload: str) -> Stat | None:
        """What is known of its bytes; None when there is no such upload."""
        return await self._uploads.stat(upload)

    def read_upload(self, upload: str) -> AsyncIterator[bytes]:
        """Its bytes."""
        return self._uploads.read(upload)

    async def place_upload(self, upload: str, location: str) -> None:
        """Copy it into the storage."""
        known = await self._uploads.stat(upload)
        if known is None:
            raise NoSuchData(upload)
        await self._storage.put_at(location, self._uploads.read(upload), known.size)

    async def forget_uploads(self, uploads: Sequence[str]) -> None:
        """Remove uploads."""
        await self._uploads.forget(uploads)

    async def forget_unfinished(self, older_than: float) -> int:
        """Remove what nobody has touched since that time; how many."""
        return await self._uploads.forget_unfinished(older_than)


def location_for(storage: MainStorage, dataset: DatasetPlace, name: str) -> str:
    """Where a new file of that name goes in a storage."""
    if isinstance(storage, ChoosesLocations):
        return storage.new_location(dataset, name)
    return new_location(dataset)


def uploads_wait_in(storage: MainStorage, folder: Path | None, home: Path) -> KeepsUploads | Spool:
    """Where uploads wait: in the storage itself, if it keeps them, else in the folder, by default one of the home."""
    if isinstance(storage, KeepsUploads):
        return storage
    if folder is None:
        folder = home / "uploads"
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return Spool(folder, storage)
