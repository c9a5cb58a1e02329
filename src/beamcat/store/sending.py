"""The bytes of archives and files on their way out.

Bytes are read in threads, to a fast client a mebibyte at a time and the next one while the last is sent; to a slow one
little at a time, so that ten thousand of them cost little. A client that waits holds no thread, no transaction and no
lock. Small files are read many in one go.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol, TypeVar, runtime_checkable

from zlib_ng.zlib_ng import crc32

from beamcat.errors import BeamcatError, ErrorKind, Unavailable
from beamcat.store.archives.archive import Measured, Part, window
from beamcat.store.archives.entries import UNKNOWN_CRC, Entries, Framed, Stretch
from beamcat.store.archives.zip_framed import framed, source_range, stored_length
from beamcat.store.frozen import Run
from beamcat.store.storage.contract import MainStorage, Stat

LARGEST_PIECE = 1 << 20
"""Bytes that are sent at a time to a fast client."""
SMALLEST_PIECE = 1 << 16
"""Bytes that are sent at a time to a slow client, and at first."""
PIECE_S = 0.1
"""How long a client should be busy with a piece."""
READERS = 16
"""Threads of a worker that read."""

T = TypeVar("T")
LoadFrozen = Callable[[int], Awaitable[Run]]
"""The files of a run, by its number."""
Learned = Callable[[int, int, int], None]
"""Is told the CRC-32 of a file that has passed: its run, its place in it, and the CRC-32."""


class DataChanged(BeamcatError):
    """The bytes in the storage are no longer those that the download was made of."""

    kind = ErrorKind.INTERNAL

    def __init__(self, location: str) -> None:
        super().__init__(f"the data at {location} has changed since the download was prepared")
        self.location = location


@runtime_checkable
class OpensFiles(Protocol):
    """A storage whose bytes lie in files that can be opened here."""

    def open(self, location: str) -> tuple[int, Stat]:
        """A descriptor to read with, and what is known of the bytes behind it. It blocks."""
        ...


@dataclass(frozen=True, slots=True)
class _Read:
    """Bytes that a file contributes; of what is `Framed`, the frames are among them."""

    location: str
    size: int
    etag: str
    piece: Stretch | Framed

    @property
    def length(self) -> int:
        return self.piece.stop - self.piece.first

    @property
    def source(self) -> tuple[int, int]:
        """The bytes of the file: the first, and where they end."""
        if isinstance(self.piece, Framed):
            return source_range(self.piece)
        return self.piece.first, self.piece.stop

    def wrapped(self, data: bytes) -> list[bytes | memoryview]:
        """The bytes of the file as they are sent."""
        return list(framed(self.piece, data)) if isinstance(self.piece, Framed) else [data]

    def cut(self, length: int) -> tuple[_Read, _Read | None]:
        """The first `length` bytes, and the rest."""
        at = self.piece.first + length
        if at >= self.piece.stop:
            return self, None
        head, tail = replace(self.piece, stop=at), replace(self.piece, first=at)
        return replace(self, piece=head), replace(self, piece=tail)


@dataclass(slots=True)
class _OpenFile:
    """The file that was read last, kept open for the next piece of it."""

    location: str | None = None
    descriptor: int = -1

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.location, self.descriptor = None, -1


@dataclass(slots=True)
class _Pace:
    """How fast a client takes what it is sent, and how much it is sent at a time."""

    piece: int = SMALLEST_PIECE
    taken: int = 0

    @property
    def is_fast(self) -> bool:
        """Whether it pays to read ahead."""
        return self.piece == LARGEST_PIECE

    def took(self, length: int, seconds: float) -> None:
        """The client took so many bytes in that time.

        It may have been buffers on the way to it that did: no piece is larger than half of what was taken before.
        """
        self.taken += length
        fitting = int(length / max(seconds, 1e-6) * PIECE_S)
        self.piece = min(LARGEST_PIECE, max(SMALLEST_PIECE, min(fitting, self.taken // 2)))


class Sender:
    """Reads what is sent. One for a worker."""

    def __init__(self, storage: MainStorage) -> None:
        self._storage = storage
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="sending")
        self._closed = False

    def close(self) -> None:
        """Let the threads go. Whatever is still being sent ends with `Unavailable`."""
        self._closed = True
        self._threads.shutdown(wait=False)

    def file(self, location: str, stat: Stat, first: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes of one file. Raises `DataChanged` when it is no longer the one that `stat` tells of."""

        async def reads() -> AsyncIterator[bytes | _Read]:
            yield _Read(location, stat.size, stat.etag, Stretch(0, first, stop))

        return self._paced(reads())

    def archive(
        self, archive: Measured, load: LoadFrozen, first: int, stop: int, learned: Learned
    ) -> AsyncIterator[bytes]:
        """The bytes of an archive from `first` up to `stop`.

        Raises `DataChanged` when a file is not what it was, and `CrcNeeded` for a byte that depends on a CRC-32 which
        is not known and which this window does not tell: see `beamcat.store.crcs`.
        """
        runs: dict[int, Run] = {}

        async def load_entries(number: int) -> Entries:
            runs.clear()
            runs[number] = await load(number)
            return runs[number].entries

        async def reads() -> AsyncIterator[bytes | _Read]:
            async for part in window(archive, load_entries, first, stop):
                if isinstance(part.piece, bytes):
                    yield part.piece
                    continue
                run, index = runs[part.run], part.piece.index
                read = _Read(
                    run.locations[index], int(run.entries.sizes[index]), run.entries.etags[index].decode(), part.piece
                )
                if part.entries.crcs[index] == UNKNOWN_CRC:
                    async for piece in self._learning(read, part, learned):
                        yield piece
                else:
                    yield read

        return self._paced(reads())

    async def _learning(self, whole: _Read, part: Part, learned: Learned) -> AsyncIterator[bytes]:
        """A file whose CRC-32 is found while it passes, when all of it does."""
        open_file, crc = _OpenFile(), 0
        rest: _Read | None = whole
        try:
            while rest is not None:
                read, rest = rest.cut(LARGEST_PIECE)
                data = await self._read_one(open_file, read)
                crc = await self._run(crc32, data, crc)
                yield b"".join(read.wrapped(data))
        finally:
            open_file.close()
        piece = whole.piece
        end = stored_length(whole.size) if isinstance(piece, Framed) else whole.size
        if piece.first == 0 and piece.stop == end:
            part.entries.crcs[piece.index] = crc
            learned(part.run, piece.index, crc)

    async def _paced(self, parts: AsyncIterator[bytes | _Read]) -> AsyncIterator[bytes]:
        """The parts, put together to pieces of a size that suits the client."""
        open_file, pace = _OpenFile(), _Pace()
        reading: asyncio.Task[bytes] | None = None
        batches = _batches(parts, pace)
        try:
            batch = await anext(batches, None)
            while batch is not None:
                pieces = [await (reading or self._gather(open_file, batch))]
                batch = await anext(batches, None)
                reading = None
                if batch is not None and pace.is_fast:
                    reading = asyncio.create_task(self._gather(open_file, batch))
                length, asked = len(pieces[0]), perf_counter()
                yield pieces.pop()  # not kept while a slow client takes its time
                pace.took(length, perf_counter() - asked)
        finally:
            if reading is not None:
                await asyncio.gather(reading, return_exceptions=True)
            open_file.close()

    async def _gather(self, open_file: _OpenFile, parts: Sequence[bytes | _Read]) -> bytes:
        if isinstance(self._storage, OpensFiles):
            return await self._run(_gather, self._storage, open_file, parts)
        pieces = await asyncio.gather(*map(self._remote, parts))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _read_one(self, open_file: _OpenFile, read: _Read) -> bytes:
        """The bytes of the file alone, without frames."""
        if isinstance(self._storage, OpensFiles):
            return await self._run(_read, self._storage, open_file, read)
        return await self._fetch(read)

    async def _remote(self, part: bytes | _Read) -> bytes:
        return part if isinstance(part, bytes) else b"".join(part.wrapped(await self._fetch(part)))

    async def _fetch(self, read: _Read) -> bytes:
        first, stop = read.source
        data = b"".join([piece async for piece in self._storage.read(read.location, first, stop)])
        if len(data) != stop - first:
            raise DataChanged(read.location)
        return data

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        if self._closed:
            raise Unavailable("the server is stopping")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


async def _batches(parts: AsyncIterator[bytes | _Read], pace: _Pace) -> AsyncIterator[list[bytes | _Read]]:
    """The parts in groups, each of about as many bytes as are sent at a time."""
    batch: list[bytes | _Read] = []
    length = 0
    async for part in parts:
        rest: bytes | _Read | None = part
        while rest is not None:
            if isinstance(rest, bytes):
                head, rest = rest, None
                length += len(head)
                batch.append(head)
            else:
                read, rest = rest.cut(pace.piece - length)
                length += read.length
                batch.append(read)
            if length >= pace.piece:
                yield batch
                batch, length = [], 0
    if batch:
        yield batch


def _gather(storage: OpensFiles, open_file: _OpenFile, parts: Sequence[bytes | _Read]) -> bytes:
    pieces: list[bytes | memoryview] = []
    for part in parts:
        if isinstance(part, bytes):
            pieces.append(part)
        else:
            pieces += part.wrapped(_read(storage, open_file, part))
    if len(pieces) == 1 and isinstance(pieces[0], bytes):
        return pieces[0]
    return b"".join(pieces)


def _read(storage: OpensFiles, open_file: _OpenFile, read: _Read) -> bytes:
    if open_file.location != read.location:
        open_file.close()
        open_file.descriptor, found = storage.open(read.location)
        open_file.location = read.location
        if (found.size, found.etag) != (read.size, read.etag):
            raise DataChanged(read.location)
    first, stop = read.source
    data = os.pread(open_file.descriptor, stop - first, first)
    while len(data) < stop - first:
        more = os.pread(open_file.descriptor, stop - first - len(data), first + len(data))
        if not more:
            raise DataChanged(read.location)
        data += more
    return data
