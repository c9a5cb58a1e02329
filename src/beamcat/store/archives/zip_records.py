"""The records of a ZIP file (APPNOTE 6.3; data service specification, E.1).

ZIP64 fields appear only where a 32-bit field is too small: small archives stay readable by every tool.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from beamcat.store.archives.entries import Integers

MAX_16 = 0xFFFF
MAX_32 = 0xFFFFFFFF

UTF8_NAME = 0x0800
"""Flag: the name is UTF-8."""
MADE_BY = 0x032D
"""Unix, version 4.5 of the format."""
REGULAR_FILE = 0o100644 << 16
"""External attributes."""
ZIP64 = 45
"""The version of the format that brought large sizes."""

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_LARGE_SIZES = struct.Struct("<HHQQ")
_TIME = struct.Struct("<HHBi")
_ZIP64_END = struct.Struct("<IQHHIIQQQQ")
_LOCATOR = struct.Struct("<IIQI")
_END = struct.Struct("<IHHHHIIH")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST = int((datetime(1980, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_NEWEST = int((datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC) - _EPOCH).total_seconds())


@dataclass(frozen=True, slots=True)
class Member:
    """What the records say of one file: `stored` is the number of bytes that stand for its `size` ones."""

    name: bytes
    size: int
    stored: int
    crc: int
    time: int
    method: int
    flags: int
    plain_version: int
    """The version of the format needed by one that is not large."""

    @property
    def is_large(self) -> bool:
        """Whether its sizes need 64 bits."""
        return self.stored >= MAX_32


def has_time(times: Integers) -> Integers:
    """1 where a time fits into the 32 bits of the time field, else 0."""
    return ((times >= -(2**31)) & (times < 2**31)).astype(np.int64)


def local_header_lengths(name_lengths: Integers, stored: Integers, times: Integers) -> Integers:
    """The length of each header before the data."""
    return 30 + name_lengths + 20 * (stored >= MAX_32) + 9 * has_time(times)


def central_record_lengths(name_lengths: Integers, stored: Integers, times: Integers, offsets: Integers) -> Integers:
    """The length of each record in the directory; `offsets` are where the entries begin."""
    large = 16 * (stored >= MAX_32).astype(np.int64) + 8 * (offsets >= MAX_32)
    return 46 + name_lengths + large + 4 * (large > 0) + 9 * has_time(times)


def local_header(member: Member, *, told_later: bool = False) -> bytes:
    """What comes before the data. With `told_later`, size and CRC-32 are zero: a descriptor follows the data."""
    time, date = dos_time(member.time)
    crc = 0 if told_later else member.crc
    if member.is_large:
        narrow = MAX_32, MAX_32
        extra = _LARGE_SIZES.pack(1, 16, *((0, 0) if told_later else (member.size, member.stored)))
    else:
        narrow = (0, 0) if told_later else (member.stored, member.size)
        extra = b""
    extra += _time_field(member.time)
    version = ZIP64 if member.is_large else member.plain_version
    fixed = _LOCAL.pack(
        0x04034B50, version, member.flags, member.method, time, date, crc, *narrow, len(member.name), len(extra)
    )
    return fixed + member.name + extra


def descriptor(member: Member) -> bytes:
    """What follows data whose header did not tell sizes and CRC-32."""
    return struct.pack("<IIQQ" if member.is_large else "<IIII", 0x08074B50, member.crc, member.stored, member.size)


def central_record(member: Member, offset: int) -> bytes:
    """What the directory says of an entry that begins at `offset`."""
    time, date = dos_time(member.time)
    large = struct.pack("<QQ", member.size, member.stored) if member.is_large else b""
    if offset >= MAX_32:
        large += struct.pack("<Q", offset)
    extra = struct.pack("<HH", 1, len(large)) + large if large else b""
    extra += _time_field(member.time)
    sizes = (MAX_32, MAX_32) if member.is_large else (member.stored, member.size)
    fixed = _CENTRAL.pack(
        0x02014B50,
        MADE_BY,
        ZIP64 if large else member.plain_version,
        member.flags,
        member.method,
        time,
        date,
        member.crc,
        *sizes,
        len(member.name),
        len(extra),
        0,
        0,
        0,
        REGULAR_FILE,
        min(offset, MAX_32),
    )
    return fixed + member.name + extra


def end_records(entries: int, directory: int, directory_bytes: int) -> bytes:
    """What ends an archive whose directory begins at `directory`."""
    narrow = min(entries, MAX_16)
    end = _END.pack(0x06054B50, 0, 0, narrow, narrow, min(directory_bytes, MAX_32), min(directory, MAX_32), 0)
    if entries < MAX_16 and directory_bytes < MAX_32 and directory < MAX_32:
        return end
    zip64_end = _ZIP64_END.pack(0x06064B50, 44, MADE_BY, ZIP64, 0, 0, entries, entries, directory_bytes, directory)
    return zip64_end + _LOCATOR.pack(0x07064B50, 0, directory + directory_bytes, 1) + end


def dos_time(seconds: int) -> tuple[int, int]:
    """Time and date in the form of MS-DOS, in UTC, with two seconds' precision; outside 1980 to 2107 the nearest."""
    moment = _EPOCH + timedelta(seconds=min(max(seconds, _OLDEST), _NEWEST))
    time = moment.hour << 11 | moment.minute << 5 | moment.second >> 1
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day


def _time_field(seconds: int) -> bytes:
    return _TIME.pack(0x5455, 5, 1, seconds) if -(2**31) <= seconds < 2**31 else b""
