"""What is in an archive, and what a range of its bytes is made of.

Entries come in runs of some thousand: an archive of millions is never in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beamcat.errors import BadParameter

LONGEST_NAME = 65_535
"""Bytes of a name that fit into an entry of a ZIP file."""
UNKNOWN_CRC = -1
"""In place of a CRC-32 that nobody has computed yet."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Entries:
    """A run of entries, column by column, all of one length.

    `names` are UTF-8, with `/` between folders. `sizes` are bytes, `crcs` CRC-32s or `UNKNOWN_CRC`, `times` whole
    seconds since 1970 in UTC. `etags` are the storage's words for the version of the bytes; empty where it has none.
    """

    names: Sequence[bytes]
    sizes: Integers
    crcs: Integers
    times: Integers
    etags: Sequence[bytes]

    def __post_init__(self) -> None:
        """Raise `BadParameter` for a name that no archive can hold."""
        for name in self.names:
            if not 0 < len(name) <= LONGEST_NAME:
                raise BadParameter(f"the name of a file in an archive has 1 to {LONGEST_NAME} bytes, not {len(name)}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def name_lengths(self) -> Integers:
        """The length of each name, in bytes."""
        return np.fromiter(map(len, self.names), np.int64, len(self.names))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes `first` up to `stop` of a file: entry `index` of its run."""

    index: int
    first: int
    stop: int


@dataclass(frozen=True, slots=True)
class Framed:
    """Bytes `first` up to `stop` of a file as deflate wraps it without compressing it; see `zip_framed`."""

    index: int
    first: int
    stop: int
    size: int


Piece = bytes | Stretch | Framed
"""Some bytes in the order in which they are sent: made up here, or read from a file."""


class CrcNeeded(Exception):
    """A byte depends on the CRC-32 of a file that nobody has computed yet: that of entry `index` of the run."""

    def __init__(self, index: int) -> None:
        super().__init__(f"the CRC-32 of entry {index} is needed")
        self.index = index


def integers(values: Sequence[int]) -> Integers:
    """The values as a column."""
    return np.array(values, np.int64)


def starts_of(lengths: Integers, first: int) -> Integers:
    """Where things of these lengths begin, one after the other from `first` on, and where the last one ends."""
    starts = np.empty(len(lengths) + 1, np.int64)
    starts[0] = first
    np.cumsum(lengths, out=starts[1:])
    starts[1:] += first
    return starts
