"""How far the delivery of a prepared download has come, file by file, and whether the client has the right bytes."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

import numpy as np

from beamcat.store.archives.archive import Measured
from beamcat.store.archives.entries import Entries, integers, starts_of


async def files_complete(
    archive: Measured, load: Callable[[int], Awaitable[Entries]], arrived: Sequence[tuple[int, int]]
) -> int:
    """How many files of an archive have arrived in full, by the sorted intervals that did.

    Runs of files that arrived as a whole, or not at all, are not read.
    """
    starts, stops = [first for first, _ in arrived], [stop for _, stop in arrived]
    bodies, entries = archive.runs.bodies, archive.runs.entries
    complete = 0
    for run in range(len(bodies) - 1):
        first, stop = bodies[run], bodies[run + 1]
        place = bisect_right(starts, first) - 1
        if place >= 0 and stops[place] >= stop:
            complete += entries[run + 1] - entries[run]
        elif bisect_left(starts, stop) > bisect_right(stops, first):
            complete += _within(archive, await load(run), first, (starts, stops))
    return complete


async def sha256_of(pieces: AsyncIterator[bytes]) -> bytes:
    """The SHA-256 of bytes that come in pieces."""
    digest = hashlib.sha256()
    async with aclosing(cast(Any, pieces)) as coming:
        async for piece in coming:
            digest.update(piece)
    return digest.digest()


def _within(archive: Measured, entries: Entries, first: int, arrived: tuple[list[int], list[int]]) -> int:
    offsets = starts_of(archive.layout.body_lengths(entries), first)
    starts, stops = integers(arrived[0]), integers(arrived[1])
    places = np.searchsorted(starts, offsets[:-1], "right") - 1
    return int(np.sum((places >= 0) & (stops[np.maximum(places, 0)] >= offsets[1:])))
