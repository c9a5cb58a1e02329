"""Runs of files as they were when a download was prepared: what is kept of them, in memory and in the database.

A run is packed column by column and compressed, so that a selection of millions of files takes tens of bytes for each.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from beamcat.store.archives.entries import Entries, Integers

NOT_SAID = -1
"""The size of a file of which neither catalogue nor storage has told one."""
FILES_AT_MOST = 1 << 20
"""More are not in one run: what is packed is not trusted to be smaller."""


@dataclass(frozen=True, slots=True)
class Run:
    """Some thousand files: as entries of an archive, and what they are in the catalogue and in the storage."""

    entries: Entries
    ids: Integers
    """Of the datafiles."""
    datasets: Integers
    """The id of each file's dataset."""
    locations: Sequence[str]
    checksums: Sequence[str]
    """What the catalogue says."""

    def __len__(self) -> int:
        return len(self.entries)

    def packed(self) -> bytes:
        """The run as bytes, for `unpacked`."""
        entries = self.entries
        columns = (entries.sizes, entries.crcs, entries.times, self.ids, self.datasets)
        texts = (
            entries.names,
            entries.etags,
            *([text.encode() for text in column] for column in (self.locations, self.checksums)),
        )
        parts = [len(self).to_bytes(4, "little"), *(column.astype("<i8").tobytes() for column in columns)]
        for text in texts:
            parts.append(np.fromiter(map(len, text), "<u4", len(text)).tobytes())
            parts.append(b"".join(text))
        return zlib.compress(b"".join(parts), 1)


def unpacked(packed: bytes) -> Run:
    """The run that `packed` has made bytes of."""
    data = memoryview(zlib.decompress(packed))
    count = int.from_bytes(data[:4], "little")
    if count > FILES_AT_MOST:
        raise ValueError(f"a run of {count} files")
    at = 4
    columns = []
    for _ in range(5):
        columns.append(np.frombuffer(data, "<i8", count, at).astype(np.int64))
        at += 8 * count
    texts = []
    for _ in range(4):
        lengths = np.frombuffer(data, "<u4", count, at).tolist()
        at += 4 * count
        text = []
        for length in lengths:
            text.append(bytes(data[at : at + length]))
            at += length
        texts.append(text)
    sizes, crcs, times, ids, datasets = columns
    names, etags, locations, checksums = texts
    return Run(
        Entries(names, sizes, crcs, times, etags),
        ids,
        datasets,
        [each.decode() for each in locations],
        [each.decode() for each in checksums],
    )
