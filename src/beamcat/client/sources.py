"""What is to be sent: files and folders of this computer, and the names that their files get."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from beamcat.errors import BadParameter

READ_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file, and the name of the datafile it is to be: relative, with slashes."""

    path: Path
    name: str
    size: int
    modified_ns: int

    @property
    def modified_ms(self) -> int:
        """When it was modified, in milliseconds since 1970."""
        return self.modified_ns // 1_000_000

    def has_changed(self) -> bool:
        """Whether it is another one than when it was found. It blocks."""
        known = self.path.stat()
        return (known.st_size, known.st_mtime_ns) != (self.size, self.modified_ns)

    def read(self, first: int, length: int) -> bytes:
        """Bytes of it; fewer where it ends. It blocks."""
        with self.path.open("rb", buffering=0) as opened:
            data, rest = b"", length
            while rest and (more := os.pread(opened.fileno(), rest, first + len(data))):
                data += more
                rest -= len(more)
            return data


class Hash:
    """The SHA-256 of a file whose bytes are read in order, some of them more than once."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._at = 0

    def feed(self, first: int, data: bytes) -> None:
        """Bytes of the file, the first of them at that place. It blocks, and reads what is missing before them."""
        self.catch_up(first)
        new = memoryview(data)[self._at - first :] if self._at - first < len(data) else b""
        self._digest.update(new)
        self._at += len(new)

    def catch_up(self, stop: int) -> None:
        """Read up to there. It blocks."""
        while self._at < stop:
            data = self._file.read(self._at, min(READ_AT_ONCE, stop - self._at))
            if not data:
                return
            self._digest.update(data)
            self._at += len(data)

    def digest(self) -> bytes:
        """Of what was read."""
        return self._digest.digest()


def sha256_of(file: LocalFile) -> str:
    """The digits of the SHA-256. It blocks."""
    digest = Hash(file)
    digest.catch_up(file.size)
    return digest.digest().hex()


def files_in(sources: Sequence[Path], skipped: Callable[[str], None]) -> list[LocalFile]:
    """The files that are meant: those named, and all below folders, by their paths below these.

    `skipped` is told of what is neither file nor folder, and of links to folders. Raises `BadParameter` for what is not
    there, and for two files of one name.
    """
    found: dict[str, LocalFile] = {}
    for source in sources:
        if not source.exists():
            raise BadParameter(f"there is no {source}")
        for file in _walk(source, skipped):
            other = found.setdefault(file.name, file)
            if other is not file and not other.path.samefile(file.path):
                raise BadParameter(f"{other.path} and {file.path} would both be called {file.name}")
    return list(found.values())


def _walk(source: Path, skipped: Callable[[str], None]) -> Iterator[LocalFile]:
    if not source.is_dir():
        yield from _file(source, Path(source.resolve().name if source.name in {"", ".."} else source.name), skipped)
        return
    for folder, folders, names in os.walk(source, onerror=_refuse):
        folders.sort()
        for name in folders:
            if (Path(folder) / name).is_symlink():
                skipped(f"{Path(folder) / name} is a link to a folder, which is not followed")
        for name in sorted(names):
            path = Path(folder) / name
            yield from _file(path, path.relative_to(source), skipped)


def _refuse(error: OSError) -> NoReturn:
    raise error


def _file(path: Path, name: Path, skipped: Callable[[str], None]) -> Iterator[LocalFile]:
    try:
        text = name.as_posix().encode().decode()
    except UnicodeEncodeError:
        raise BadParameter(f"{os.fsencode(path)!r} has a name that is not UTF-8; rename it") from None
    try:
        known = path.stat()
    except FileNotFoundError:
        skipped(f"{path} is a link that leads nowhere")
        return
    if stat.S_ISREG(known.st_mode):
        yield LocalFile(path, text, known.st_size, known.st_mtime_ns)
    else:
        skipped(f"{path} is no file")
