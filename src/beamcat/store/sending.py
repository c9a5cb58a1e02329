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
class FromFile:
    """Bytes that a file contributes; of what is `Framed`, the frames are among them."""

    location: str
    size: int
    etag: str
    piece: Stretch | Framed

    @property
    def length(self) -> int:
        """How many they are, with frames."""
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

    def cut(self, length: int) -> tuple[FromFile, FromFile | None]:
        """The first `length` bytes, and the rest."""
        at = self.piece.first + length
        if at >= self.piece.stop:
            return self, None
        head, tail = replace(self.piece, stop=at), replace(self.piece, first=at)
        return replace(self, piece=head), replace(self, piece=tail)


Source = bytes | FromFile
"""Bytes that are sent: made up here, or those of a file."""


@dataclass(slots=True)
class OpenFile:
    """The file that was read last, kept open for the next piece of it."""

    location: str | None = None
    descriptor: int = -1

    def close(self) -> None:
        """Close it."""
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
        return self.paced(self.file_sources(location, stat, first, stop))

    async def file_sources(self, location: str, stat: Stat, first: int, stop: int) -> AsyncIterator[Source]:
        """Where the bytes of one file come from."""
        yield FromFile(location, stat.size, stat.etag, Stretch(0, first, stop))

    def archive(
        self, archive: Measured, load: LoadFrozen, first: int, stop: int, learned: Learned
    ) -> AsyncIterator[bytes]:
        """The bytes of an archive from `first` up to `stop`.

        Raises `DataChanged` when a file is not what it was, and `CrcNeeded` for a byte that depends on a CRC-32 which
        is not known and which this window does not tell: see `beamcat.store.crcs`.
        """
        return self.paced(self.archive_sources(archive, load, first, stop, learned))

    async def archive_sources(
        self, archive: Measured, load: LoadFrozen, first: int, stop: int, learned: Learned
    ) -> AsyncIterator[Source]:
        """Where the bytes of an archive come from, in order. What it raises is what `archive` does."""
        runs: dict[int, Run] = {}

        async def load_entries(number: int) -> Entries:
            runs.clear()
            runs[number] = await load(number)
            return runs[number].entries

        async for part in window(archive, load_entries, first, stop):
            if isinstance(part.piece, bytes):
                yield part.piece
                continue
            run, index = runs[part.run], part.piece.index
            source = FromFile(
                run.locations[index], int(run.entries.sizes[index]), run.entries.etags[index].decode(), part.piece
            )
            if part.entries.crcs[index] == UNKNOWN_CRC:
                async for piece in self._learning(source, part, learned):
                    yield piece
            else:
                yield source

    async def _learning(self, whole: FromFile, part: Part, learned: Learned) -> AsyncIterator[bytes]:
        """A file whose CRC-32 is found while it passes, when all of it does."""
        open_file, crc = OpenFile(), 0
        rest: FromFile | None = whole
        try:
            while rest is not None:
                source, rest = rest.cut(LARGEST_PIECE)
                data = await self._read_one(open_file, source)
                crc = await self.run(crc32, data, crc)
                yield b"".join(source.wrapped(data))
        finally:
            open_file.close()
        piece = whole.piece
        end = stored_length(whole.size) if isinstance(piece, Framed) else whole.size
        if piece.first == 0 and piece.stop == end:
            part.entries.crcs[piece.index] = crc
            learned(part.run, piece.index, crc)

    async def paced(self, sources: AsyncIterator[Source]) -> AsyncIterator[bytes]:
        """The bytes, put together to pieces of a size that suits the client."""
        open_file, pace = OpenFile(), _Pace()
        reading: asyncio.Task[bytes] | None = None
        batches = _batches(sources, pace)
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

    async def _gather(self, open_file: OpenFile, sources: Sequence[Source]) -> bytes:
        if isinstance(self._storage, OpensFiles):
            return await self.run(_gather, self._storage, open_file, sources)
        pieces = await asyncio.gather(*map(self._remote, sources))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _read_one(self, open_file: OpenFile, source: FromFile) -> bytes:
        """The bytes of the file alone, without frames."""
        if isinstance(self._storage, OpensFiles):
            return await self.run(read, self._storage, open_file, source)
        return await self._fetch(source)

    async def _remote(self, source: Source) -> bytes:
        return source if isinstance(source, bytes) else b"".join(source.wrapped(await self._fetch(source)))

    async def _fetch(self, source: FromFile) -> bytes:
        first, stop = source.source
        data = b"".join([piece async for piece in self._storage.read(source.location, first, stop)])
        if len(data) != stop - first:
            raise DataChanged(source.location)
        return data

    @property
    def opens_files(self) -> OpensFiles | None:
        """The storage, if its bytes lie in files that can be opened here."""
        return self._storage if isinstance(self._storage, OpensFiles) else None

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Have work done that blocks. Raises `Unavailable` when the server is stopping."""
        return await self.begun(work, *arguments)

    def begun(self, work: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """The same work, which goes on though nobody waits for it any more."""
        if self._closed:
            raise Unavailable("the server is stopping")
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


async def _batches(sources: AsyncIterator[Source], pace: _Pace) -> AsyncIterator[list[Source]]:
    """The sources in groups, each of about as many bytes as are sent at a time."""
    batch: list[Source] = []
    length = 0
    async for source in sources:
        rest: Source | None = source
        while rest is not None:
            if isinstance(rest, bytes):
                head, rest = rest, None
                length += len(head)
                batch.append(head)
            else:
                part, rest = rest.cut(pace.piece - length)
                length += part.length
                batch.append(part)
            if length >= pace.piece:
                yield batch
                batch, length = [], 0
    if batch:
        yield batch


def _gather(storage: OpensFiles, open_file: OpenFile, sources: Sequence[Source]) -> bytes:
    pieces: list[bytes | memoryview] = []
    for source in sources:
        if isinstance(source, bytes):
            pieces.append(source)
        else:
            pieces += source.wrapped(read(storage, open_file, source))
    if len(pieces) == 1 and isinstance(pieces[0], bytes):
        return pieces[0]
    return b"".join(pieces)


def read(storage: OpensFiles, open_file: OpenFile, source: FromFile) -> bytes:
    """The bytes of the file alone, without frames. Raises `DataChanged`; it blocks."""
    opened(storage, open_file, source)
    first, stop = source.source
    data = os.pread(open_file.descriptor, stop - first, first)
    while len(data) < stop - first:
        more = os.pread(open_file.descriptor, stop - first - len(data), first + len(data))
        if not more:
            raise DataChanged(source.location)
        data += more
    return data


def opened(storage: OpensFiles, open_file: OpenFile, source: FromFile) -> None:
    """Open the file, unless it is. Raises `DataChanged` when it is another one than it was; it blocks."""
    if open_file.location == source.location:
        return
    open_file.close()
    open_file.descriptor, found = storage.open(source.location)
    open_file.location = source.location
    if (found.size, found.etag) != (source.size, source.etag):
        raise DataChanged(source.location)
