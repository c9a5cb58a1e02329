"""Layout `zipd-1`: a ZIP file of files whose CRC-32s are not known yet (data service specification, E.1.10).

Files are deflated without compression: blocks of 65 535 bytes, each behind five bytes that say its length. So all
lengths are known beforehand, and readers take the CRC-32 from a descriptor after the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote_from_bytes

import numpy as np

from beamcat.store.archives.entries import UNKNOWN_CRC, CrcNeeded, Entries, Framed, Integers, Piece
from beamcat.store.archives.zip_records import (
    MAX_32,
    UTF8_NAME,
    Member,
    central_record,
    central_record_lengths,
    descriptor,
    end_records,
    local_header,
    local_header_lengths,
)

DEFLATED = 8
"""The method."""
TOLD_LATER = 0x0008
"""Flag: sizes and CRC-32 follow the data."""
BLOCK = 65_535
"""Bytes of a file in a block of deflate that is not compressed (RFC 1951, section 3.2.4)."""
FRAME = 5
"""Bytes before each block."""


class ZipFramed:
    """The layout that needs the CRC-32 of a file only behind its data and in the directory."""

    version = "zipd-1"
    tag = "zd1"
    media_type = "application/zip"
    suffix = ".zip"

    def body_lengths(self, entries: Entries) -> Integers:
        """The length of each entry, with header and descriptor."""
        stored = stored_lengths(entries.sizes)
        headers = local_header_lengths(entries.name_lengths, stored, entries.times)
        return headers + stored + 16 + 8 * (stored >= MAX_32)

    def record_lengths(self, entries: Entries, offsets: Integers) -> Integers:
        """The length of what the directory says of each entry; `offsets` are where they begin."""
        return central_record_lengths(entries.name_lengths, stored_lengths(entries.sizes), entries.times, offsets)

    def body(self, entries: Entries, index: int) -> Iterator[Piece]:
        """One entry. Raises `CrcNeeded` behind the data when the CRC-32 is still unknown then."""
        size = int(entries.sizes[index])
        yield local_header(_member(entries, index, 0), told_later=True)
        yield Framed(index, 0, stored_length(size), size)
        yield descriptor(_member(entries, index, _crc(entries, index)))

    def record(self, entries: Entries, index: int, offset: int) -> bytes:
        """What the directory says of an entry that begins at `offset`."""
        return central_record(_member(entries, index, _crc(entries, index)), offset)

    def end(self, entries: int, directory: int, directory_bytes: int) -> bytes:
        """What follows the directory."""
        return end_records(entries, directory, directory_bytes)

    def manifest_line(self, entries: Entries, index: int) -> bytes:
        """What the bytes of one entry depend on, as text: the version of the bytes stands for their CRC-32."""
        etag, name = quote_from_bytes(entries.etags[index]), quote_from_bytes(entries.names[index])
        return f"{entries.sizes[index]} {etag} {entries.times[index]} {name}\n".encode("ascii")


def stored_lengths(sizes: Integers) -> Integers:
    """The bytes that stand for files of these sizes."""
    stored: Integers = sizes + FRAME * np.maximum(1, -(-sizes // BLOCK))
    stored[stored == MAX_32] += FRAME
    return stored


def stored_length(size: int) -> int:
    """The bytes that stand for a file of `size` bytes.

    Readers disagree about the width of the descriptor when it would be exactly 2^32 - 1: one more, empty block then
    follows.
    """
    stored = size + FRAME * max(1, -(-size // BLOCK))
    return stored + FRAME if stored == MAX_32 else stored


def frame(size: int, number: int) -> bytes:
    """The five bytes before block `number` of a file of `size` bytes."""
    blocks = (stored_length(size) - size) // FRAME
    length = max(0, min(BLOCK, size - number * BLOCK))
    return bytes((number == blocks - 1, length & 0xFF, length >> 8, ~length & 0xFF, (~length >> 8) & 0xFF))


def source_range(piece: Framed) -> tuple[int, int]:
    """The bytes of the file that a piece holds: the first, and where they end."""
    return _in_source(piece.first, piece.size), _in_source(piece.stop, piece.size)


def framed(piece: Framed, source: bytes | memoryview) -> Iterator[bytes | memoryview]:
    """The bytes of a piece; `source` are those of the file that `source_range` names."""
    data = memoryview(source)
    blocks = max(1, -(-piece.size // BLOCK))
    regular = piece.size + FRAME * blocks
    at, taken = piece.first, 0
    while at < piece.stop:
        number, place = divmod(at, BLOCK + FRAME) if at < regular else (blocks, at - regular)
        left = piece.stop - at
        part: bytes | memoryview
        if place < FRAME:
            part = frame(piece.size, number)[place : place + left]
        else:
            length = min(BLOCK, piece.size - number * BLOCK)
            part = data[taken : taken + min(length + FRAME - place, left)]
            taken += len(part)
        yield part
        at += len(part)


def _in_source(at: int, size: int) -> int:
    """The byte of the file that follows what comes before byte `at` of its blocks."""
    number, place = divmod(at, BLOCK + FRAME)
    return min(size, number * BLOCK + max(0, place - FRAME))


def _crc(entries: Entries, index: int) -> int:
    crc = int(entries.crcs[index])
    if crc == UNKNOWN_CRC:
        raise CrcNeeded(index)
    return crc


def _member(entries: Entries, index: int, crc: int) -> Member:
    size = int(entries.sizes[index])
    return Member(
        entries.names[index],
        size,
        stored_length(size),
        crc,
        int(entries.times[index]),
        DEFLATED,
        UTF8_NAME | TOLD_LATER,
        20,
    )
