"""CRC-32s that a window of a `zipd-1` archive depends on without telling them (data service specification, E.1.10).

Whoever fetches such an archive from its beginning never waits: each file's CRC-32 is known when its bytes have passed.
A window that begins later needs those of the files before it, which then have to be read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
from zlib_ng.zlib_ng import crc32

from beamcat.store.archives.archive import Measured
from beamcat.store.archives.entries import UNKNOWN_CRC, Entries, Integers, starts_of
from beamcat.store.archives.zip_framed import ZipFramed, stored_lengths
from beamcat.store.frozen import Run
from beamcat.store.sending import Learned, LoadFrozen, Sender
from beamcat.store.storage.contract import Stat


async def learn_needed(
    archive: Measured, load: LoadFrozen, sender: Sender, window: tuple[int, int], learned: Learned
) -> None:
    """Read the files whose CRC-32 the bytes of a window depend on without holding all of the file."""
    if not isinstance(archive.layout, ZipFramed):
        return
    async for number, run, index in _needed(archive, load, *window):
        crc = 0
        size = int(run.entries.sizes[index])
        stat = Stat(size, 0, run.entries.etags[index].decode())
        async for piece in sender.file(run.locations[index], stat, 0, size):
            crc = crc32(piece, crc)
        run.entries.crcs[index] = crc
        learned(number, index, crc)


async def _needed(archive: Measured, load: LoadFrozen, first: int, stop: int) -> AsyncIterator[tuple[int, Run, int]]:
    """The files: the number of their run, the run, and their place in it."""
    bodies = archive.runs.bodies
    asks_for_directory = stop > archive.directory
    for number in range(len(bodies) - 1):
        if not asks_for_directory and (bodies[number] >= stop or bodies[number + 1] <= first):
            continue
        run = await load(number)
        entries = run.entries
        unknown = entries.crcs == UNKNOWN_CRC
        if not unknown.any():
            continue
        data, descriptors, ends = _places(archive, entries, bodies[number])
        is_told = (data >= first) & (descriptors <= stop)
        is_asked = np.ones(len(run), bool) if asks_for_directory else (ends > first) & (descriptors < stop)
        for index in np.flatnonzero(unknown & is_asked & ~is_told).tolist():
            yield number, run, index


def _places(archive: Measured, entries: Entries, start: int) -> tuple[Integers, Integers, Integers]:
    """Where the data of each entry begin and end, and where its descriptor ends."""
    lengths = archive.layout.body_lengths(entries)
    ends = starts_of(lengths, start)[1:]
    stored = stored_lengths(entries.sizes)
    descriptors = ends - np.where(stored >= 0xFFFFFFFF, 24, 16)
    return descriptors - stored, descriptors, ends
