"""Putting one file of the main storage into a directory, whole or not at all: as a link, a clone, or a copy."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from zlib_ng.zlib_ng import crc32

from beamcat.errors import BeamcatError, ErrorKind
from beamcat.store.sending import OpensFiles
from beamcat.store.storage.contract import MainStorage, Stat
from beamcat.store.storage.folder import stat_of
from beamcat.store.targets.contract import SourceFile

FICLONE = 0x40049409
"""ioctl_ficlone(2): the new file shares the blocks of the other one."""
OF_VERSION = "user.beamcat.version"
"""The extended attribute that says of which version of the source a copy is."""
FILE = 0o640

_NO_CLONE = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.EBADF}

Run = Callable[..., Awaitable[Any]]
Allow = Callable[[Path], None]
"""Gives those who may read a file the right to."""


class SourceChanged(BeamcatError):
    """The bytes in the main storage are others than when the file was looked at."""

    kind = ErrorKind.UNAVAILABLE

    def __init__(self, location: str) -> None:
        super().__init__(f"the data at {location} changed while they were brought to a target")


class DamagedOnTheWay(BeamcatError):
    """Other bytes have arrived than those that are known."""

    kind = ErrorKind.UNAVAILABLE


class Placing:
    """Puts files of one storage into directories."""

    def __init__(self, storage: MainStorage) -> None:
        self._storage = storage
        self._files = storage if isinstance(storage, OpensFiles) else None

    def link(self, file: SourceFile, target: Path, incoming: Path) -> None:
        """Make a hard link. Raises `OSError` where that cannot be done."""
        if self._files is None:
            raise OSError(errno.EXDEV, "the main storage has no files here")
        descriptor, known = self._files.open(file.location)
        try:
            _same(file, known)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            try:
                _link(descriptor, target)
            except FileExistsError:
                name = incoming / str(uuid4())
                _link(descriptor, name)
                name.rename(target)
                name.unlink(missing_ok=True)  # rename leaves it when both are the same file
        finally:
            os.close(descriptor)

    async def copy(
        self, run: Run, file: SourceFile, target: Path, incoming: Path, *, told: Callable[[int], None], allow: Allow
    ) -> None:
        """Clone the file where the file system can, or copy its bytes. `run` does what blocks, in a thread."""
        name = incoming / str(uuid4())
        descriptor = await run(os.open, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE)
        try:
            if self._files is None or not await run(self._cloned, file, descriptor):
                await self._copied(run, file, descriptor, told)
            await run(_end, descriptor, file.version)
            await run(_placed, name, target, allow)
        finally:
            await run(os.close, descriptor)
            await run(name.unlink, True)

    def write(self, content: bytes, target: Path, incoming: Path, allow: Allow) -> None:
        """A file of these bytes, at once and safely."""
        incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = incoming / str(uuid4())
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE)
        try:
            os.write(descriptor, content)
            os.fsync(descriptor)
            _placed(name, target, allow)
        finally:
            os.close(descriptor)
            name.unlink(missing_ok=True)

    def is_source(self, file: SourceFile, target: Path) -> bool:
        """Whether the file is there already: linked, or as a copy of this very version."""
        return self.is_version(target, file.size, file.version)

    def is_version(self, path: Path, size: int, version: str) -> bool:
        """Whether there is a file of that size and version. What is linked has the time of the source."""
        try:
            known = path.lstat()
        except OSError:
            return False
        if not stat.S_ISREG(known.st_mode) or known.st_size != size:
            return False
        with contextlib.suppress(OSError):
            if os.getxattr(path, OF_VERSION, follow_symlinks=False) == version.encode():
                return True
        return stat_of(known).etag == version

    def _cloned(self, file: SourceFile, descriptor: int) -> bool:
        assert self._files is not None
        source, known = self._files.open(file.location)
        try:
            _same(file, known)
            fcntl.ioctl(descriptor, FICLONE, source)
            _same(file, stat_of(os.fstat(source)))
        except OSError as error:
            if error.errno in _NO_CLONE:
                return False
            raise
        finally:
            os.close(source)
        return True

    async def _copied(self, run: Run, file: SourceFile, descriptor: int, told: Callable[[int], None]) -> None:
        size = crc = 0
        async for piece in self._storage.read(file.location, 0, file.size):
            crc = await run(_written, descriptor, piece, crc)
            size += len(piece)
            told(len(piece))
        (known,) = await self._storage.stat([file.location])
        if known is None or size != file.size:
            raise SourceChanged(file.location)
        _same(file, known)
        if file.crc32 is not None and crc != file.crc32:
            raise DamagedOnTheWay(f"the data at {file.location} have the CRC-32 {crc:08x}, and not {file.crc32:08x}")


def _same(file: SourceFile, known: Stat) -> None:
    if known.etag != file.version or known.size != file.size:
        raise SourceChanged(file.location)


def _link(descriptor: int, target: Path) -> None:
    """Link the open file itself. Of a path, somebody could put another file there meanwhile."""
    # with a directory given, Python calls linkat, which follows the link in /proc
    os.link(f"/proc/self/fd/{descriptor}", target, src_dir_fd=descriptor, follow_symlinks=True)


def _written(descriptor: int, piece: bytes, crc: int) -> int:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    return int(crc32(piece, crc))


def _end(descriptor: int, version: str) -> None:
    with contextlib.suppress(OSError):  # without it, a copy is made again after a crash
        os.setxattr(descriptor, OF_VERSION, version.encode())
    os.fsync(descriptor)


def _placed(name: Path, target: Path, allow: Allow) -> None:
    allow(name)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    name.rename(target)
