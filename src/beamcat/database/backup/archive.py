"""The archive as a file: a tar, readable by any tool, whose tables are gzipped pieces of binary COPY streams.

It appears under its name when it is complete, and holds the checksums of everything in it.
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from beamcat.database.backup.home import checked_path, described
from beamcat.database.backup.manifest import (
    HEADER,
    HOME,
    MANIFEST,
    PIECE_BYTES,
    SEAL,
    SETTINGS,
    TABLES,
    Damaged,
    HomeContent,
    Manifest,
    read_manifest,
    read_origin,
    written,
)
from beamcat.errors import AlreadyExists

COMPRESSION = 1
"""zlib's fastest: a third larger than the default, four times faster."""
LARGEST_MEMBER = PIECE_BYTES + 2**20
"""Bytes of a member that is read as a whole, compressed. No backup writes a larger one."""
READ_BYTES = 2**20


@contextlib.contextmanager
def new_archive(file: Path) -> Iterator[BinaryIO]:
    """A file to write an archive to, readable for its owner only. It gets its name at the end, if there is no error."""
    partial = file.with_name(f"{file.name}.partial")
    with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyExists(f"another backup is writing {partial}; wait for it, or choose another name") from None
        try:
            os.fchmod(opened.fileno(), 0o600)
            opened.truncate()
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
    folder = os.open(file.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class ArchiveWriter:
    """Writes members one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._home = hashlib.sha256()
        self._entries = 0
        self._home_bytes = 0

    def add(self, name: str, content: bytes) -> None:
        """A member that is at hand as a whole."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        self._file.write(_head(info))
        self._file.write(content)
        self._pad(info.size)

    def add_piece(self, table: str, number: int, compressed: bytes) -> None:
        """One piece of a table; numbers begin with 1."""
        self.add(f"{TABLES}/{table}/{number:06}.gz", compressed)

    def add_home_entry(self, info: tarfile.TarInfo, content: IO[bytes] | None) -> bool:
        """An entry of the home, named by its path there. False, and nothing is added, when it shrinks meanwhile."""
        begin = self._file.tell()
        vouched = described(info)
        digest = self._home.copy()
        digest.update(vouched)
        named = _renamed(info, f"{HOME}/{info.name}")
        self._file.write(_head(named))
        left = info.size
        while left and content is not None:
            if not (piece := content.read(min(left, READ_BYTES))):
                self._file.seek(begin)
                self._file.truncate()
                return False
            digest.update(piece)
            self._file.write(piece)
            left -= len(piece)
        self._pad(info.size)
        self._home = digest
        self._entries += 1
        self._home_bytes += info.size
        return True

    def home(self) -> HomeContent:
        """All entries of the home so far."""
        return HomeContent(self._entries, self._home_bytes, self._home.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """The last members, and the end of the archive."""
        text = written(manifest)
        self.add(MANIFEST, text)
        self.add(SEAL, f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode())
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._file.flush()

    def _pad(self, size: int) -> None:
        self._file.write(bytes(-size % tarfile.BLOCKSIZE))


@dataclass(frozen=True, slots=True)
class TablePiece:
    """A piece of a table's binary COPY stream, compressed."""

    table: str
    compressed: bytes


@dataclass(frozen=True, slots=True)
class HomeEntry:
    """An entry of the home, whose content has to be read before the next one is asked for."""

    path: PurePosixPath
    info: tarfile.TarInfo
    content: Iterator[bytes]


class ArchiveReader:
    """Reads an archive from its beginning to its end, and believes nothing: every oddity raises `Damaged`.

    `manifest` is there when `entries` has ended. What is in the tables is checked by `verifying`.
    """

    def __init__(self, path: Path, moved: Callable[[int, int], None] = lambda done, total: None) -> None:
        self._path = path
        self._moved = moved
        self._home = hashlib.sha256()
        self._entries = 0
        self._home_bytes = 0
        self._links: set[PurePosixPath] = set()
        self._settings: str | None = None
        self._manifest: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        """What the archive says about itself."""
        assert self._manifest is not None
        return self._manifest

    def entries(self) -> Iterator[TablePiece | HomeEntry]:
        """Pieces of tables, then entries of the home. Raises `Damaged` at the latest at the end."""
        with _Limited(self._path.open("rb", buffering=0), READ_BYTES) as file:
            total = os.fstat(file.fileno()).st_size
            try:
                with tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as tar:
                    yield from self._read(tar, file, total)
            except tarfile.TarError as error:
                raise Damaged(str(error)) from None

    def _read(self, tar: tarfile.TarFile, file: _Limited, total: int) -> Iterator[TablePiece | HomeEntry]:
        origin = read_origin(_content(file, _expected(tar, HEADER)))
        manifest: bytes | None = None
        while (info := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # would grow with the archive
            if manifest is not None:
                self._check_seal(manifest, info, _content(file, info))
                break
            top, _, rest = info.name.partition("/")
            if top == TABLES and info.isreg():
                yield TablePiece(rest.partition("/")[0], _content(file, info))
            elif top == HOME and (info.isreg() or info.isdir() or info.issym()):
                yield from self._home_entry(file, info, rest)
            elif info.name == SETTINGS and info.isreg():
                self._settings = hashlib.sha256(_content(file, info)).hexdigest()
            elif info.name == MANIFEST and info.isreg():
                manifest = _content(file, info)
            else:
                raise Damaged(f"it holds {info.name!r}, which no backup holds")
            self._moved(min(info.offset_data + info.size, total), total)
        if self._manifest is None:
            raise Damaged("its end is missing")
        self._check(origin == self._manifest.origin, "its beginning and its end do not belong together")
        found = HomeContent(self._entries, self._home_bytes, self._home.hexdigest())
        self._check(found == self._manifest.home, "the files of the home are not what they were")
        self._check(self._settings == self._manifest.settings_sha256, f"{SETTINGS} is not what it was")

    def _home_entry(self, file: _Limited, info: tarfile.TarInfo, name: str) -> Iterator[HomeEntry]:
        path = checked_path(name)
        if any(parent in self._links for parent in path.parents):
            raise Damaged(f"it holds {name!r} behind a link")
        if info.issym():
            self._links.add(path)
        here = _renamed(info, name)
        self._home.update(described(here))
        self._entries += 1
        content = self._home_content(file, info)
        yield HomeEntry(path, here, content)
        for _ in content:  # what was not read
            pass

    def _home_content(self, file: _Limited, info: tarfile.TarInfo) -> Iterator[bytes]:
        file.seek(info.offset_data)
        left = info.size if info.isreg() else 0
        while left:
            if not (piece := file.read(min(left, READ_BYTES))):
                raise Damaged("it is cut off")
            self._home.update(piece)
            self._home_bytes += len(piece)
            left -= len(piece)
            yield piece

    def _check_seal(self, manifest: bytes, info: tarfile.TarInfo, seal: bytes) -> None:
        said = seal.partition(b" ")[0].decode("ascii", "replace")
        self._check(
            info.name == SEAL and said == hashlib.sha256(manifest).hexdigest(), "its manifest is not what it was"
        )
        self._manifest = read_manifest(manifest)

    @staticmethod
    def _check(good: bool, otherwise: str) -> None:
        if not good:
            raise Damaged(otherwise)


def compressed(piece: bytes) -> bytes:
    """A piece of a table, gzipped."""
    return gzip.compress(piece, COMPRESSION, mtime=0)


def decompressed(piece: TablePiece) -> tuple[str, bytes]:
    """The table and the piece as it was. Raises `Damaged`, also for one larger than any backup writes."""
    try:
        unpacker = zlib.decompressobj(wbits=31)
        content = unpacker.decompress(piece.compressed, PIECE_BYTES + 1)
    except zlib.error as error:
        raise Damaged(f"the table {piece.table} is damaged: {error}") from None
    if len(content) > PIECE_BYTES or not unpacker.eof or unpacker.unused_data:
        raise Damaged(f"the table {piece.table} is damaged")
    return piece.table, content


class _Limited(io.BufferedReader):
    """A file of which nothing is read in larger parts than a backup needs, whatever its headers say."""

    def __init__(self, raw: io.RawIOBase, buffer_bytes: int) -> None:
        super().__init__(raw, buffer_bytes)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= LARGEST_MEMBER:
            raise Damaged("it announces more than a backup holds")
        return super().read(size)


def _head(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _renamed(info: tarfile.TarInfo, name: str) -> tarfile.TarInfo:
    other = copy.copy(info)
    other.name = name
    return other


def _expected(tar: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    info = tar.next()
    if info is None or info.name != name or not info.isreg():
        raise Damaged("it does not begin as a backup of Beamcat")
    return info


def _content(file: _Limited, info: tarfile.TarInfo) -> bytes:
    file.seek(info.offset_data)
    content = file.read(info.size)
    if len(content) != info.size:
        raise Damaged("it is cut off")
    return content
