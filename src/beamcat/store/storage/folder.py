"""A folder that holds files by relative paths, and lets nobody out of it or see a file before it is whole.

Blocking calls run in threads of the folder's own, so that a slow disk holds up nobody but its readers.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from beamcat.errors import BadParameter, Unavailable
from beamcat.store.storage.contract import NoSuchData, Pieces, Stat, StorageFull
from beamcat.store.storage.paths import checked

PIECE = 1 << 20
"""Bytes that are read or written at a time."""
INCOMING = ".incoming"
"""The folder of files that are being written."""
UPLOADS = ".uploads"
"""The folder of uploads that are not complete."""
_OURS = frozenset({INCOMING, UPLOADS})
STATS_AT_ONCE = 4096

_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG}

T = TypeVar("T")


class Folder:
    """Files below one directory. `also_below` are other directories that symbolic links in it may lead to."""

    def __init__(self, base: Path, *, threads: int = 16, also_below: Sequence[Path] = ()) -> None:
        if not base.is_dir():
            raise Unavailable(f"the storage folder {base} is not there; make it, or mount its disk")
        self.base = base.resolve()
        self._roots = tuple(f"{root.resolve()}{os.sep}" for root in (base, *also_below))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="storage")

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)

    async def room(self) -> int:
        """Bytes that are free on its disk."""
        known = await self.run(os.statvfs, self.base)
        return known.f_bavail * known.f_frsize

    def path(self, location: str) -> Path:
        """The file of a location. Raises `BadParameter` for one that leads out of the folder, by its letters."""
        return Path(self._path_text(location))

    async def write(self, location: str, pieces: Pieces, *, replace: bool) -> None:
        """Store a file: complete and on disk under its name, or not at all.

        Without `replace`, raises `FileExistsError` when there is one of that name.
        """
        target = self.path(location)
        incoming = self.base / INCOMING / str(uuid4())
        descriptor = await self.run(_create, incoming)
        try:
            try:
                async for piece in pieces:
                    await self.run(_write_all, descriptor, piece)
                await self.run(os.fsync, descriptor)
            finally:
                await self.run(os.close, descriptor)
            await self.run(self._place, incoming, target, replace)
        finally:
            await self.run(incoming.unlink, True)

    async def read(self, location: str, first: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes of a file, a mebibyte at a time."""
        descriptor = await self.run(self.open, location)
        try:
            while first < stop:
                piece = await self.run(os.pread, descriptor, min(PIECE, stop - first), first)
                if not piece:
                    return
                first += len(piece)
                yield piece
        finally:
            await self.run(os.close, descriptor)

    def open(self, location: str) -> int:
        """A descriptor to read a file. It blocks. A file that links lead out of the folder to is not opened."""
        try:
            descriptor = os.open(self.path(location), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise _told(error, location) from error
        real = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if not real.startswith(self._roots) or not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NoSuchData(location)
        return descriptor

    async def stat(self, locations: Sequence[str]) -> list[Stat | None]:
        """What is known of each file; None where there is none."""
        found: list[Stat | None] = []
        for first in range(0, len(locations), STATS_AT_ONCE):
            some = [self._path_text(location) for location in locations[first : first + STATS_AT_ONCE]]
            found += await self.run(lambda paths: list(map(_stat, paths)), some)
        return found

    async def delete(self, locations: Sequence[str]) -> None:
        """Remove files, and folders that become empty; those that are not there are no error."""
        await self.run(self._delete, [self.path(location) for location in locations])

    async def forget_unfinished(self, older_than: float, *folders: str) -> int:
        """Remove what writers that died have left, last touched before that time (seconds since 1970); how many.

        `folders` are others that hold nothing but files on their way.
        """
        return await self.run(self._forget_unfinished, older_than, (INCOMING, *folders))

    async def place(self, upload: Path, location: str) -> None:
        """Give a file that is on disk a second name. Raises `FileExistsError` when another one has it."""
        target = self.path(location)
        try:
            await self.run(self._place, upload, target, False)
        except FileExistsError:
            if not await self.run(target.samefile, upload):
                raise

    def _path_text(self, location: str) -> str:
        """The same as text: with millions of them, each `Path` made counts."""
        if checked(location).split("/", 1)[0] in _OURS:
            raise BadParameter(f"{location[:200]!r} is no location in this storage")
        return f"{self.base}{os.sep}{location}"

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """What `work` returns, done in a thread. Raises `StorageFull` where the disk has no room."""
        working = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            # a thread cannot be stopped: the descriptor it works on must not be closed, and given to another file
            await asyncio.wait({working})
            working.exception()
            raise
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull(f"there is no room left in {self.base}") from error
            raise

    def _place(self, incoming: Path, target: Path, replace: bool) -> None:
        parents = list(_missing_parents(target.parent))
        while True:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not f"{os.path.realpath(target.parent)}{os.sep}".startswith(self._roots):
                raise BadParameter(f"{target.relative_to(self.base)} lies behind a link that leads out of this storage")
            try:
                if replace:
                    incoming.rename(target)
                else:
                    target.hardlink_to(incoming)
            except FileNotFoundError:
                if not incoming.exists():
                    raise
                continue  # somebody removed the folder because it was empty
            break
        for folder in (target.parent, *parents):
            _sync_folder(folder)

    def _delete(self, paths: Sequence[Path]) -> None:
        for path in paths:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()
            for parent in path.parents:
                if parent == self.base:
                    break
                try:
                    parent.rmdir()
                except OSError:
                    break  # others are in it

    def _forget_unfinished(self, older_than: float, folders: Sequence[str]) -> int:
        forgotten = 0
        for path in (path for folder in folders for path in (self.base / folder).glob("*")):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < older_than:
                    path.unlink()
                    forgotten += 1
        return forgotten


def _stat(path: str | Path) -> Stat | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - see `_path_text`
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return None
        raise
    if not stat.S_ISREG(found.st_mode):
        return None
    return stat_of(found)


def stat_of(found: os.stat_result) -> Stat:
    """What is known of a file, from what the system says of it."""
    return Stat(found.st_size, found.st_mtime_ns, f"{found.st_mtime_ns:x}-{found.st_size:x}")


def _missing_parents(folder: Path) -> Iterator[Path]:
    """The folders that have to be synced because a new one is made in them."""
    while not folder.exists():
        folder = folder.parent
        yield folder


def _create(path: Path) -> int:
    path.parent.mkdir(exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(error: OSError, location: str) -> Exception:
    if error.errno in _NOTHING_THERE:
        return NoSuchData(location)
    return Unavailable(f"the storage cannot read {location}: {os.strerror(error.errno or 0)}")
