"""The main storage that comes with Beamcat: a directory of a file system, local or shared."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

from beamcat.errors import BadParameter
from beamcat.store.storage.contract import DatasetPlace, Pieces, Stat
from beamcat.store.storage.folder import Folder, stat_of
from beamcat.store.storage.paths import new_location
from beamcat.store.storage.waiting import WaitingUpload, WaitingUploads

LONGEST_PART = 255
"""Bytes of a file name."""

Layout = Literal["uuid", "name"]


class PosixStorage:
    """A `MainStorage` of files.

    New bytes go to `<investigation id>/<dataset id>/<UUID>`, or with the layout `name` to
    `<facility>/<investigation>/<visit>/<dataset>/<name>`. Files that others put below the directory can be catalogued
    where they are: their location is their path below it.
    """

    def __init__(self, base: Path, *, layout: Layout = "uuid", also_below: Sequence[Path] = ()) -> None:
        self._folder = Folder(base, also_below=also_below)
        self._uploads = WaitingUploads(self._folder)
        self._layout = layout

    def close(self) -> None:
        """Let the threads go."""
        self._folder.close()

    async def put(self, dataset: DatasetPlace, name: str, pieces: Pieces, size: int | None = None) -> str:
        """Store the bytes at a new location; that location."""
        location = self.new_location(dataset, name)
        try:
            await self._folder.write(location, pieces, replace=False)
        except FileExistsError:
            raise BadParameter(f"there is a file {name} in dataset {dataset.name} already") from None
        return location

    async def put_at(self, location: str, pieces: Pieces, size: int | None = None) -> None:
        """Store the bytes at a location known beforehand."""
        await self._folder.write(location, pieces, replace=True)

    def read(self, location: str, first: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `first` up to `stop`."""
        return self._folder.read(location, first, stop)

    async def stat(self, locations: Sequence[str]) -> list[Stat | None]:
        """What is known of the bytes at each location."""
        return await self._folder.stat(locations)

    async def room(self) -> int:
        """Bytes that are free on its disk."""
        return await self._folder.room()

    async def delete(self, locations: Sequence[str]) -> None:
        """Remove bytes, and folders that become empty."""
        await self._folder.delete(locations)

    def open(self, location: str) -> tuple[int, Stat]:
        """A descriptor to read the bytes with, and what is known of them. It blocks."""
        descriptor = self._folder.open(location)
        return descriptor, stat_of(os.fstat(descriptor))

    def local_path(self, location: str) -> Path:
        """The file that holds the bytes."""
        return self._folder.path(location)

    async def forget_unfinished(self, older_than: float) -> int:
        """Remove what writers that died have left, last touched before that time; how many."""
        return await self._uploads.forget_unfinished(older_than)

    async def open_upload(self, upload: str) -> WaitingUpload:
        """An upload to write to."""
        return await self._uploads.open(upload)

    async def stat_upload(self, upload: str) -> Stat | None:
        """What is known of its bytes; None when there is no such upload."""
        return await self._uploads.stat(upload)

    def read_upload(self, upload: str) -> AsyncIterator[bytes]:
        """Its bytes."""
        return self._uploads.read(upload)

    async def place_upload(self, upload: str, location: str) -> None:
        """Make it a file: a second name for the same bytes."""
        await self._uploads.place(upload, location)

    async def forget_uploads(self, uploads: Sequence[str]) -> None:
        """Remove uploads."""
        await self._uploads.forget(uploads)

    def new_location(self, dataset: DatasetPlace, name: str) -> str:
        """Where a new file of that name goes."""
        if self._layout == "uuid":
            return new_location(dataset)
        folders = (dataset.facility, dataset.investigation, dataset.visit_id, dataset.name)
        parts = [part.replace("/", "_") for part in folders] + name.split("/")
        if any(part in {"", ".", ".."} or "\0" in part or len(part.encode()) > LONGEST_PART for part in parts):
            raise BadParameter(f"{name[:200]!r} cannot be the name of a file")
        return "/".join(parts)
