"""Layout `zip-1`: a ZIP file of files as they are, whose CRC-32s are known (data service specification, E.1)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote_from_bytes

from beamcat.store.archives.entries import UNKNOWN_CRC, CrcNeeded, Entries, Integers, Piece, Stretch
from beamcat.store.archives.zip_records import (
    UTF8_NAME,
    Member,
    central_record,
    central_record_lengths,
    end_records,
    local_header,
    local_header_lengths,
)

STORED = 0
"""The method."""


class ZipStored:
    """The layout whose entries are a header and the bytes of the file. Every CRC-32 has to be known."""

    version = "zip-1"
    tag = "z1"
    media_type = "application/zip"
    suffix = ".zip"

    def body_lengths(self, entries: Entries) -> Integers:
        """The length of each entry, with its header."""
        return local_header_lengths(entries.name_lengths, entries.sizes, entries.times) + entries.sizes

    def record_lengths(self, entries: Entries, offsets: Integers) -> Integers:
        """The length of what the directory says of each entry; `offsets` are where they begin."""
        return central_record_lengths(entries.name_lengths, entries.sizes, entries.times, offsets)

    def body(self, entries: Entries, index: int) -> Iterator[Piece]:
        """One entry."""
        yield local_header(_member(entries, index))
        yield Stretch(index, 0, int(entries.sizes[index]))

    def record(self, entries: Entries, index: int, offset: int) -> bytes:
        """What the directory says of an entry that begins at `offset`."""
        return central_record(_member(entries, index), offset)

    def end(self, entries: int, directory: int, directory_bytes: int) -> bytes:
        """What follows the directory."""
        return end_records(entries, directory, directory_bytes)

    def manifest_line(self, entries: Entries, index: int) -> bytes:
        """What the bytes of one entry depend on, as text."""
        crc, time = int(entries.crcs[index]), int(entries.times[index])
        name = quote_from_bytes(entries.names[index])
        return f"{entries.sizes[index]} {crc:08x} {time} {name}\n".encode("ascii")


def _member(entries: Entries, index: int) -> Member:
    name, size, crc = entries.names[index], int(entries.sizes[index]), int(entries.crcs[index])
    if crc == UNKNOWN_CRC:
        raise CrcNeeded(index)
    version = 20 if b"/" in name else 10
    return Member(name, size, size, crc, int(entries.times[index]), STORED, UTF8_NAME, version)
