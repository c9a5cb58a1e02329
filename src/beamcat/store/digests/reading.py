"""Hashing what lies in a storage: large files by chunks that are read side by side, and many files at once.

Threads do the hashing, and hold up nobody. What is read before it can be hashed is bounded, whatever the files are.
Files that can be opened here are read by the thread that hashes them, while their bytes are in its cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from beamcat.errors import BeamcatError, ErrorKind, Unavailable
from beamcat.store.digests.hashing import Hashing, Lane, Sums, sums_of
from beamcat.store.digests.values import Also, Digests, FileVersion, Hashed
from beamcat.store.sending import OpensFiles
from beamcat.store.storage.contract import MainStorage, NoSuchData, Stat

CHUNK = 4 << 20
"""Bytes of a large file that are read side by side with others."""
CHUNKS = 16
"""Chunks that are in memory at once, beside one for each thread."""
FILES_AT_ONCE = 16
BATCH_SECONDS = 2.0
"""How long what has been computed waits for others before it is handed on."""
BATCH = 4096
STEP = 256 << 10
"""Bytes that a thread reads and hashes before it reads more: they fit into its cache."""

T = TypeVar("T")

Told = Callable[[int], None]
"""Is told how many more bytes have been hashed."""


class ChangedWhileRead(BeamcatError):
    """The bytes are not those that were meant, or became others while they were read."""

    kind = ErrorKind.UNAVAILABLE

    def __init__(self, location: str) -> None:
        super().__init__(f"the data at {location} changed while it was read; try again")
        self.location = location


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read, or changed meanwhile (`ChangedWhileRead`)."""

    file: FileVersion
    error: BeamcatError


Outcome = Hashed | Unread


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some bytes of a file, in pieces, with their sums; no pieces where nobody needs them any more."""

    pieces: Sequence[bytes | memoryview]
    sums: Sums


def untold(_: int) -> None:
    """For nobody who wants to know."""


class HashingReader:
    """Reads and hashes files of one storage. To be closed at the end."""

    def __init__(self, storage: MainStorage, threads: int) -> None:
        self.storage = storage
        self._files = storage if isinstance(storage, OpensFiles) else None
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="hashing")
        self._room = asyncio.Semaphore(CHUNKS + threads)
        self._buffers: list[memoryview] = []
        """Those that are free: of the size of a chunk, kept because new memory is slow."""

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash(self, file: FileVersion, also: Also = Also.NOTHING, told: Told = untold) -> Digests:
        """The digests of the bytes that are there; `batches` looks afterwards whether they are still the ones meant.

        Raises `NoSuchData`, `Unavailable`, and `ChangedWhileRead` for a file that is seen to be another one.
        """
        hashing = Hashing(also, file.size)
        if file.size <= CHUNK:
            async with self._room:
                await self._hash_small(file, hashing)
            told(file.size)
            return hashing.digests()
        async with contextlib.aclosing(self._chunks_of(file, hashing)) as chunks:
            async for chunk in chunks:
                hashing.take(chunk.sums)
                await asyncio.gather(*(self._run(_feed, lane, chunk.pieces) for lane in hashing.lanes))
                told(chunk.sums.size)
        return hashing.digests()

    async def batches(
        self, files: Iterable[FileVersion], also: Also = Also.NOTHING, told: Told = untold
    ) -> AsyncGenerator[list[Outcome], None]:
        """What became of each file, in no order: every few seconds those that are done by then.

        To be closed (`contextlib.aclosing`) by who leaves before the end.
        """
        waiting, running, done = iter(files), set[asyncio.Task[Outcome]](), list[Outcome]()
        due = time.monotonic() + BATCH_SECONDS
        try:
            while True:
                while len(running) < FILES_AT_ONCE and (file := next(waiting, None)) is not None:
                    running.add(asyncio.create_task(self._outcome(file, also, told)))
                if not running:
                    break
                patience = max(0.0, due - time.monotonic()) if done else None
                ready, running = await asyncio.wait(running, timeout=patience, return_when="FIRST_COMPLETED")
                if ready and not done:
                    due = time.monotonic() + BATCH_SECONDS
                done += [task.result() for task in ready]
                if done and (time.monotonic() >= due or len(done) >= BATCH):
                    yield await self._unchanged(done)
                    done = []
            if done:
                yield await self._unchanged(done)
        finally:
            await _cancelled(running)

    async def stat(self, locations: Sequence[str]) -> list[Stat | BeamcatError]:
        """What is known of the bytes at each location, or why it is not. One bad location harms no other.

        Raises `Unavailable` when the storage does not answer.
        """
        if not locations:
            return []
        try:
            found = await self.storage.stat(locations)
        except Unavailable:
            raise
        except (BeamcatError, OSError) as error:
            if len(locations) == 1:
                return [_told_kindly(error, locations[0])]
            return [one for location in locations for one in await self.stat([location])]
        return [stat or NoSuchData(location) for stat, location in zip(found, locations, strict=True)]

    async def _outcome(self, file: FileVersion, also: Also, told: Told) -> Outcome:
        try:
            return Hashed(file, await self.hash(file, also, told))
        except (BeamcatError, OSError) as error:
            return Unread(file, _told_kindly(error, file.location))

    async def _unchanged(self, outcomes: list[Outcome]) -> list[Outcome]:
        """The same, but those whose bytes have become others could not be read."""
        hashed = [outcome for outcome in outcomes if isinstance(outcome, Hashed)]
        stats = await self.stat([outcome.file.location for outcome in hashed])
        unread = [outcome for outcome in outcomes if isinstance(outcome, Unread)]
        return [*unread, *map(_still_the_same, hashed, stats)]

    async def _hash_small(self, file: FileVersion, hashing: Hashing) -> None:
        if self._files is not None:
            buffer = self._free_buffer()
            await self._run(_hash_opened, self._files, file, hashing, buffer)
            self._buffers.append(buffer)
        else:
            await self._run(_feed, hashing, await self._read(file, 0, file.size))

    async def _chunks_of(self, file: FileVersion, hashing: Hashing) -> AsyncGenerator[_Chunk, None]:
        """The bytes in their order, with their sums. Some chunks are read ahead, as far as there is room."""
        ahead = deque[tuple[asyncio.Task[_Chunk], memoryview]]()
        firsts = iter(range(0, file.size, CHUNK))
        first = next(firsts, None)
        try:
            while first is not None or ahead:
                while first is not None and not (ahead and self._room.locked()):
                    await self._room.acquire()
                    buffer = self._free_buffer()
                    ahead.append((asyncio.create_task(self._chunk(file, first, hashing, buffer)), buffer))
                    first = next(firsts, None)
                yield await ahead[0][0]
                self._buffers.append(ahead.popleft()[1])
                self._room.release()
        finally:
            await _cancelled([task for task, _ in ahead])
            for _ in ahead:  # their buffers are not used again: threads may still write into them
                self._room.release()

    async def _chunk(self, file: FileVersion, first: int, hashing: Hashing, buffer: memoryview) -> _Chunk:
        stop = min(first + CHUNK, file.size)
        if self._files is not None:
            return await self._run(_read_opened, self._files, file, range(first, stop), hashing, buffer)
        pieces = await self._read(file, first, stop)
        return _Chunk(pieces, await self._run(_sums, pieces, hashing.wants_adler32))

    async def _read(self, file: FileVersion, first: int, stop: int) -> list[bytes]:
        pieces = [piece async for piece in self.storage.read(file.location, first, stop)]
        if sum(map(len, pieces)) != stop - first:
            raise ChangedWhileRead(file.location)
        return pieces

    def _free_buffer(self) -> memoryview:
        return self._buffers.pop() if self._buffers else memoryview(bytearray(CHUNK))

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def _hash_opened(storage: OpensFiles, file: FileVersion, hashing: Hashing, buffer: memoryview) -> None:
    with _opened(storage, file) as descriptor:
        for part in _parts(descriptor, file, range(file.size), buffer, keep=False):
            hashing.update(part)


def _read_opened(storage: OpensFiles, file: FileVersion, bytes_: range, hashing: Hashing, buffer: memoryview) -> _Chunk:
    keep = bool(hashing.lanes)
    with _opened(storage, file) as descriptor:
        sums = sums_of(_parts(descriptor, file, bytes_, buffer, keep=keep), adler32=hashing.wants_adler32)
    return _Chunk((buffer[: len(bytes_)],) if keep else (), sums)


@contextlib.contextmanager
def _opened(storage: OpensFiles, file: FileVersion) -> Iterator[int]:
    descriptor, stat = storage.open(file.location)
    try:
        if FileVersion.of(file.location, stat) != file:
            raise ChangedWhileRead(file.location)
        yield descriptor
    finally:
        os.close(descriptor)


def _parts(
    descriptor: int, file: FileVersion, bytes_: range, buffer: memoryview, *, keep: bool
) -> Iterator[memoryview]:
    """Bytes of the file as they come into the buffer; without `keep` each part takes the place of the one before."""
    first, place = bytes_.start, 0
    while first < bytes_.stop:
        part = buffer[place : place + min(STEP, bytes_.stop - first)]
        length = os.preadv(descriptor, [part], first)
        if not length:
            raise ChangedWhileRead(file.location)
        yield part[:length]
        first += length
        place += length if keep else 0


def _feed(lane: Lane, pieces: Sequence[bytes | memoryview]) -> None:
    for piece in pieces:
        lane.update(piece)


def _sums(pieces: Sequence[bytes], adler32: bool) -> Sums:
    return sums_of(pieces, adler32=adler32)


def _still_the_same(hashed: Hashed, stat: Stat | BeamcatError) -> Outcome:
    if isinstance(stat, BeamcatError):
        return Unread(hashed.file, stat)
    if FileVersion.of(hashed.file.location, stat) != hashed.file:
        return Unread(hashed.file, ChangedWhileRead(hashed.file.location))
    return hashed


def _told_kindly(error: BeamcatError | OSError, location: str) -> BeamcatError:
    if isinstance(error, BeamcatError):
        return error
    return Unavailable(f"the storage cannot read {location}: {error.strerror or error}")


async def _cancelled(tasks: Collection[asyncio.Task[T]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
