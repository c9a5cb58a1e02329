"""An archive as a whole: how long it is, what its bytes are worth, and any window of them.

Its entries are kept in runs; only those that a window touches are read. Three numbers are remembered of each run: where
its entries begin, where what the directory says of them begins, and how many they are.
"""

from __future__ import annotations

import base64
import hashlib
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from beamcat.store.archives.entries import Entries, Framed, Integers, Piece, Stretch, starts_of

LoadRun = Callable[[int], Awaitable[Entries]]
"""Reads the entries of a run, by its number."""


class Layout(Protocol):
    """A form of archive whose length follows from names, sizes and times. All methods are pure."""

    version: str
    """The name of the layout; it changes with every change of what the same entries are made into."""
    tag: str
    """What entity tags begin with."""
    media_type: str
    suffix: str

    def body_lengths(self, entries: Entries) -> Integers:
        """The length of each entry, with everything that belongs to it."""
        ...

    def record_lengths(self, entries: Entries, offsets: Integers) -> Integers:
        """The length of what the directory says of each entry; `offsets` are where they begin."""
        ...

    def body(self, entries: Entries, index: int) -> Iterator[Piece]:
        """One entry."""
        ...

    def record(self, entries: Entries, index: int, offset: int) -> bytes:
        """What the directory says of an entry that begins at `offset`."""
        ...

    def end(self, entries: int, directory: int, directory_bytes: int) -> bytes:
        """What follows the directory, which begins at `directory`."""
        ...

    def manifest_line(self, entries: Entries, index: int) -> bytes:
        """What the bytes of one entry depend on, as a line of ASCII text."""
        ...


@dataclass(frozen=True, slots=True)
class Runs:
    """Where each run begins: its first entry, its first byte, and its first byte in the directory.

    Each tuple ends with what comes after the last run.
    """

    entries: tuple[int, ...]
    bodies: tuple[int, ...]
    records: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What can be said of an archive before its first byte is sent."""

    layout: Layout
    runs: Runs
    size: int
    etag: str
    """A strong entity tag, with its quotes: equal for equal bytes, whoever measures."""

    @property
    def entries(self) -> int:
        """How many files are in it."""
        return self.runs.entries[-1]

    @property
    def directory(self) -> int:
        """Where the directory begins."""
        return self.runs.bodies[-1]

    @property
    def end(self) -> bytes:
        """What follows the directory."""
        return self.layout.end(self.entries, self.directory, self.runs.records[-1])


class Measuring:
    """Measures an archive, run after run."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._digest = hashlib.sha256(f"{layout.version}\n".encode("ascii"))
        self._entries, self._bodies, self._records = [0], [0], [0]

    def add(self, entries: Entries) -> None:
        """Measure the next run."""
        offsets = starts_of(self._layout.body_lengths(entries), self._bodies[-1])
        records = self._layout.record_lengths(entries, offsets[:-1])
        self._digest.update(b"".join(self._layout.manifest_line(entries, index) for index in range(len(entries))))
        self._entries.append(self._entries[-1] + len(entries))
        self._bodies.append(int(offsets[-1]))
        self._records.append(self._records[-1] + int(np.sum(records)))

    def done(self) -> Measured:
        """The archive of all runs."""
        runs = Runs(tuple(self._entries), tuple(self._bodies), tuple(self._records))
        tail = len(self._layout.end(runs.entries[-1], runs.bodies[-1], runs.records[-1]))
        worth = base64.b32encode(self._digest.digest()[:20]).decode("ascii").lower()
        size = runs.bodies[-1] + runs.records[-1] + tail
        return Measured(self._layout, runs, size, f'"{self._layout.tag}-{worth}"')


def measure(layout: Layout, runs: Iterable[Entries]) -> Measured:
    """The archive of these runs."""
    measuring = Measuring(layout)
    for entries in runs:
        measuring.add(entries)
    return measuring.done()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an archive; a file it reads is an entry of that run."""

    run: int
    entries: Entries
    piece: Piece


async def window(archive: Measured, load: LoadRun, first: int, stop: int) -> AsyncIterator[Part]:
    """The bytes from `first` up to `stop`, in order.

    Each part is made when it is asked for: whoever writes the CRC-32 of a file that passed into `entries.crcs` makes it
    known to what follows. Raises `CrcNeeded` at a byte that depends on a CRC-32 which nobody has computed yet.
    """
    layout, runs = archive.layout, archive.runs
    async for run, entries in _touched(runs.bodies, load, first, min(stop, archive.directory)):
        offsets = starts_of(layout.body_lengths(entries), runs.bodies[run])
        for index in _between(offsets, first, stop):
            for piece in _cut(layout.body(entries, index), int(offsets[index]), first, stop):
                yield Part(run, entries, piece)
    directory = archive.directory
    before, after = first - directory, min(stop - directory, runs.records[-1])
    async for run, entries in _touched(runs.records, load, before, after):
        offsets = starts_of(layout.body_lengths(entries), runs.bodies[run])
        places = starts_of(layout.record_lengths(entries, offsets[:-1]), runs.records[run])
        records = (
            _sliced(layout.record(entries, index, int(offsets[index])), int(places[index]), before, after)
            for index in _between(places, before, after)
        )
        yield Part(run, entries, b"".join(records))
    end = _sliced(archive.end, directory + runs.records[-1], first, stop)
    if end:
        yield Part(0, NOTHING, end)


async def _touched(starts: Sequence[int], load: LoadRun, first: int, stop: int) -> AsyncIterator[tuple[int, Entries]]:
    """The runs that a window touches."""
    first = max(first, 0)
    run = max(0, bisect_right(starts, first) - 1)
    while run < len(starts) - 1 and starts[run] < stop:
        if starts[run + 1] > first:
            yield run, await load(run)
        run += 1


def _between(starts: Integers, first: int, stop: int) -> range:
    """The entries that a window touches, by their starts and the end of the last one."""
    begin = max(0, int(np.searchsorted(starts, first, "right")) - 1)
    end = int(np.searchsorted(starts[:-1], stop, "left"))
    return range(begin, end)


def _cut(pieces: Iterator[Piece], at: int, first: int, stop: int) -> Iterator[Piece]:
    """What of the pieces, the first of which begins at `at`, lies in the window. Those behind it are not asked for."""
    while at < stop:
        piece = next(pieces, None)
        if piece is None:
            return
        length = len(piece) if isinstance(piece, bytes) else piece.stop - piece.first
        before, after = max(0, first - at), min(length, stop - at)
        if before < after:
            match piece:
                case bytes():
                    yield piece[before:after]
                case Stretch() | Framed():
                    yield replace(piece, first=piece.first + before, stop=piece.first + after)
        at += length


def _sliced(data: bytes, at: int, first: int, stop: int) -> bytes:
    return data[max(0, first - at) : max(0, stop - at)]


NOTHING = Entries((), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), ())
"""No entries."""
