"""Uploads that wait in a directory until all of their bytes are there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

from beamcat.errors import BadParameter
from beamcat.store.storage.contract import NoSuchData, Stat
from beamcat.store.storage.folder import PIECE, UPLOADS, Folder, stat_of


class WaitingUploads:
    """The uploads of a folder: files in `.uploads`, named by UUIDs."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def path(self, upload: str) -> Path:
        """The file of an upload."""
        return self._folder.base / UPLOADS / str(UUID(upload))

    async def open(self, upload: str) -> WaitingUpload:
        """An upload to write to."""
        return WaitingUpload(self._folder, await self._folder.run(_open, self.path(upload)))

    async def stat(self, upload: str) -> Stat | None:
        """What is known of its bytes; None when there is no such upload."""
        return await self._folder.run(_stat, self.path(upload))

    async def read(self, upload: str) -> AsyncIterator[bytes]:
        """Its bytes."""
        try:
            descriptor = await self._folder.run(os.open, self.path(upload), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NoSuchData(upload) from None
        try:
            first = 0
            while piece := await self._folder.run(os.pread, descriptor, PIECE, first):
                first += len(piece)
                yield piece
        finally:
            await self._folder.run(os.close, descriptor)

    async def place(self, upload: str, location: str) -> None:
        """Make it a file."""
        try:
            await self._folder.place(self.path(upload), location)
        except FileNotFoundError:
            raise NoSuchData(upload) from None
        except FileExistsError:
            raise BadParameter(f"there is a file {location.rpartition('/')[2]} in this dataset already") from None

    async def forget(self, uploads: Sequence[str]) -> None:
        """Remove uploads."""
        await self._folder.run(_unlink, [self.path(upload) for upload in uploads])

    async def forget_unfinished(self, older_than: float) -> int:
        """Remove what nobody has touched since that time (seconds since 1970), left by writers too; how many."""
        return await self._folder.forget_unfinished(older_than, UPLOADS)


class WaitingUpload:
    """An upload that is open."""

    def __init__(self, folder: Folder, descriptor: int) -> None:
        self._folder = folder
        self._descriptor = descriptor

    async def write(self, first: int, data: bytes) -> None:
        """Write bytes, the first of them at that place."""
        await self._folder.run(_write, self._descriptor, data, first)

    async def sync(self) -> None:
        """Have all of it on disk."""
        await self._folder.run(os.fsync, self._descriptor)

    async def close(self) -> None:
        """Let go of it."""
        await self._folder.run(os.close, self._descriptor)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, flags)
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, flags | os.O_CREAT, 0o640)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return descriptor


def _stat(path: Path) -> Stat | None:
    try:
        return stat_of(path.stat())
    except FileNotFoundError:
        return None


def _write(descriptor: int, data: bytes, first: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, first)
        rest, first = rest[written:], first + written


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
