"""All digests of a file in one pass over its bytes.

CRC-32 and Adler-32 of a whole follow from those of its parts, so that parts of a large file can be read side by side;
SHA-256 and MD5 need the bytes in their order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from zlib_ng import zlib_ng

from beamcat.store.digests.values import Also, Digests, PieceDigests

SMALLEST_PIECE = 16 << 20
"""Bytes of a piece, at least."""
MOST_PIECES = 4096
ADLER_BASE = 65_521


class Lane(Protocol):
    """A digest that takes the bytes in their order."""

    def update(self, data: bytes | memoryview, /) -> None:
        """The next bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Sums:
    """The CRC-32 of some bytes, their Adler-32, and how many they are. These are the sums of no bytes."""

    crc32: int = 0
    adler32: int = 1
    size: int = 0

    def followed_by(self, other: Sums) -> Sums:
        """The sums of these bytes and then those."""
        if not other.size:
            return self
        crc32 = zlib_ng.crc32_combine(self.crc32, other.crc32, other.size)
        return Sums(crc32, combined_adler32(self.adler32, other.adler32, other.size), self.size + other.size)


def sums_of(pieces: Iterable[bytes | memoryview], *, adler32: bool) -> Sums:
    """The sums of bytes; without `adler32` that one means nothing."""
    crc, adler, size = 0, 1, 0
    for piece in pieces:
        crc = zlib_ng.crc32(piece, crc)
        size += len(piece)
        if adler32:
            adler = zlib_ng.adler32(piece, adler)
    return Sums(crc, adler, size)


def combined_adler32(first: int, second: int, second_size: int) -> int:
    """The Adler-32 of bytes whose parts have these; RFC 1950, section 9."""
    low = ((first & 0xFFFF) + (second & 0xFFFF) - 1) % ADLER_BASE
    high = ((first >> 16) + (second >> 16) + second_size * ((first & 0xFFFF) - 1)) % ADLER_BASE
    return high << 16 | low


def piece_length(size: int) -> int:
    """Bytes of the pieces of a file: 16 MiB, or the power of two that makes 4096 pieces at most."""
    length = SMALLEST_PIECE
    while length * MOST_PIECES < size:
        length *= 2
    return length


class Hashing:
    """The digests of a file whose bytes come one after the other: `update` with them, then ask for `digests`.

    A mebibyte costs some 0.1 ms with nothing beside the CRC-32, and about 2 ms with SHA-256 and pieces: that belongs
    into a thread. `size`, where it is known beforehand, makes pieces of files above 64 GiB possible.
    """

    def __init__(self, also: Also = Also.NOTHING, size: int | None = None) -> None:
        self._also = also
        self._sums = Sums()
        self._sha256 = hashlib.sha256() if Also.SHA256 in also else None
        self._md5 = hashlib.md5(usedforsecurity=False) if Also.MD5 in also else None
        wants_pieces = Also.PIECES in also and (size is None or size > SMALLEST_PIECE)
        self._pieces = _PieceHashing(piece_length(size or 0)) if wants_pieces else None
        self.lanes: list[Lane] = [lane for lane in (self._sha256, self._md5, self._pieces) if lane is not None]
        """What `take` expects the bytes to be given to as well; each can be fed in a thread of its own."""

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._sums.size

    @property
    def wants_adler32(self) -> bool:
        """Whether the Adler-32 is asked for."""
        return Also.ADLER32 in self._also

    def update(self, data: bytes | memoryview, /) -> None:
        """The next bytes."""
        crc = zlib_ng.crc32(data, self._sums.crc32)
        adler = zlib_ng.adler32(data, self._sums.adler32) if self.wants_adler32 else 1
        self._sums = Sums(crc, adler, self._sums.size + len(data))
        for lane in self.lanes:
            lane.update(data)

    def take(self, sums: Sums) -> None:
        """The sums of the next bytes, which the lanes get from elsewhere."""
        self._sums = self._sums.followed_by(sums)

    def digests(self) -> Digests:
        """Of all bytes so far."""
        return Digests(
            self._sums.crc32,
            self._sums.adler32 if self.wants_adler32 else None,
            self._sha256.digest() if self._sha256 else None,
            self._md5.digest() if self._md5 else None,
            self._pieces.digests() if self._pieces else None,
        )


class _PieceHashing:
    """The SHA-256 of each piece. Of more pieces than there may be nothing is kept: their length was chosen wrong."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._done = bytearray()
        self._piece = hashlib.sha256()
        self._missing = length
        """Bytes that the piece still lacks."""
        self._pieces = 0

    def update(self, data: bytes | memoryview, /) -> None:
        rest = memoryview(data)
        while rest and self._pieces < MOST_PIECES:
            if self._missing == 0:
                self._end_piece()
            some = rest[: self._missing]
            self._piece.update(some)
            self._missing -= len(some)
            rest = rest[len(some) :]

    def digests(self) -> PieceDigests | None:
        if not 0 < self._pieces < MOST_PIECES:
            return None
        return PieceDigests(self._length, bytes(self._done) + self._piece.digest())

    def _end_piece(self) -> None:
        self._pieces += 1
        self._done += self._piece.digest()
        self._piece = hashlib.sha256()
        self._missing = self._length
