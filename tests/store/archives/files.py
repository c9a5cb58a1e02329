"""Files in memory or full of zeros, and archives of them written out, whole or in windows."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from beamcat.store.archives.archive import Layout, Measured, measure, window
from beamcat.store.archives.entries import UNKNOWN_CRC, Entries, Framed, Stretch, integers
from beamcat.store.archives.zip_framed import framed, source_range

CHUNK = 1 << 20
NOON = 1286600400
"""2010-10-09 05:00:00 UTC."""


@dataclass(frozen=True)
class File:
    """A file with `content`, or with `zeros` zero bytes."""

    name: str
    content: bytes = b""
    zeros: int = 0
    time: int = NOON

    @property
    def size(self) -> int:
        return self.zeros or len(self.content)

    def read(self, first: int, stop: int) -> bytes:
        return bytes(stop - first) if self.zeros else self.content[first:stop]

    def crc(self) -> int:
        crc = 0
        for first in range(0, self.size, CHUNK):
            crc = zlib.crc32(self.read(first, min(first + CHUNK, self.size)), crc)
        return crc


def entries_of(files: Sequence[File], *, crcs: bool = True) -> Entries:
    return Entries(
        names=[file.name.encode() for file in files],
        sizes=integers([file.size for file in files]),
        crcs=integers([file.crc() if crcs else UNKNOWN_CRC for file in files]),
        times=integers([file.time for file in files]),
        etags=[f"{file.content[:9].hex()}-{file.zeros}".encode() for file in files],
    )


class Written:
    """An archive of files, in runs of `run` entries."""

    def __init__(self, layout: Layout, files: Sequence[File], *, run: int = 3, crcs: bool = True) -> None:
        self._files = [files[first : first + run] for first in range(0, len(files), run)]
        self._runs = [entries_of(some, crcs=crcs) for some in self._files]
        self.loaded: list[int] = []
        self.measured: Measured = measure(layout, self._runs)

    async def _load(self, run: int) -> Entries:
        self.loaded.append(run)
        return self._runs[run]

    async def bytes(self, first: int = 0, stop: int | None = None) -> bytes:
        """The bytes of a window; the CRC-32 of a file whose last byte passes is known from then on."""
        parts = []
        stop = self.measured.size if stop is None else stop
        async for part in window(self.measured, self._load, first, stop):
            piece = part.piece
            if isinstance(piece, bytes):
                parts.append(piece)
                continue
            file = self._files[part.run][piece.index]
            if isinstance(piece, Framed):
                parts += map(bytes, framed(piece, file.read(*source_range(piece))))
            else:
                parts.append(file.read(piece.first, piece.stop))
            part.entries.crcs[piece.index] = file.crc()
        return b"".join(parts)

    async def write(self, path: Path) -> Path:
        """The archive as a file, with holes where its files are zeros. Its checksums have to be known."""
        with path.open("wb") as out:
            async for part in window(self.measured, self._load, 0, self.measured.size):
                piece = part.piece
                if isinstance(piece, bytes):
                    out.write(piece)
                    continue
                file = self._files[part.run][piece.index]
                if isinstance(piece, Stretch) and file.zeros:
                    out.seek(piece.stop - piece.first, 1)
                elif isinstance(piece, Stretch):
                    out.write(file.read(piece.first, piece.stop))
                else:
                    _write_framed(out, file, piece)
            out.truncate(self.measured.size)
        return path


def _write_framed(out: BinaryIO, file: File, piece: Framed) -> None:
    step = 65_540 * 1000
    for first in range(piece.first, piece.stop, step):
        some = Framed(piece.index, first, min(first + step, piece.stop), piece.size)
        for part in framed(some, file.read(*source_range(some))):
            if file.zeros and len(part) > 5:
                out.seek(len(part), 1)
            else:
                out.write(part)
