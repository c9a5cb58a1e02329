"""Layout `tar-1`: a tar file, ustar with PAX headers where ustar is too small (data service specification, E.2).

It needs no CRC-32, and what has arrived of one that breaks off can be used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

import numpy as np

from beamcat.store.archives.entries import Entries, Integers, Piece, Stretch

BLOCK = 512
LARGEST = 0o77777777777
"""Largest size, and latest time, of a ustar header."""
END = bytes(2 * BLOCK)
"""What ends an archive."""


class Tar:
    """The layout whose members are headers and the bytes of the file, each filled up to whole blocks."""

    version = "tar-1"
    tag = "t1"
    media_type = "application/x-tar"
    suffix = ".tar"

    def body_lengths(self, entries: Entries) -> Integers:
        """The length of each member, with its headers and filling."""
        pax = np.fromiter((len(_pax(entries, index)) for index in range(len(entries))), np.int64, len(entries))
        return BLOCK + np.where(pax > 0, BLOCK + _filled(pax), 0) + _filled(entries.sizes)

    def record_lengths(self, entries: Entries, offsets: Integers) -> Integers:
        """All zero: there is no directory."""
        return np.zeros(len(entries), np.int64)

    def body(self, entries: Entries, index: int) -> Iterator[Piece]:
        """One member."""
        size = int(entries.sizes[index])
        yield headers(entries, index)
        yield Stretch(index, 0, size)
        yield bytes(-size % BLOCK)

    def record(self, entries: Entries, index: int, offset: int) -> bytes:
        """Nothing."""
        return b""

    def end(self, entries: int, directory: int, directory_bytes: int) -> bytes:
        """Two empty blocks."""
        return END

    def manifest_line(self, entries: Entries, index: int) -> bytes:
        """What the bytes of one member depend on, as text: the version of the file's bytes, not their CRC-32."""
        etag, name = quote_from_bytes(entries.etags[index]), quote_from_bytes(entries.names[index])
        return f"{entries.sizes[index]} {etag} {entries.times[index]} {name}\n".encode("ascii")


def headers(entries: Entries, index: int) -> bytes:
    """What comes before the bytes of a file."""
    name, size, time = entries.names[index], int(entries.sizes[index]), int(entries.times[index])
    pax = _pax(entries, index)
    short = _split(name)
    before = b""
    if pax:
        digest = hashlib.sha256(name).hexdigest()[:32].encode("ascii")
        before = _ustar(b"PaxHeaders/" + digest, b"", len(pax), 0, b"x") + pax + bytes(-len(pax) % BLOCK)
        short = short or (digest, b"")
    assert short is not None
    return before + _ustar(*short, size if size <= LARGEST else 0, time if 0 <= time <= LARGEST else 0, b"0")


def _pax(entries: Entries, index: int) -> bytes:
    """What ustar cannot say of a file, in the order path, size, time; often nothing."""
    name, size, time = entries.names[index], int(entries.sizes[index]), int(entries.times[index])
    records = b""
    if _split(name) is None:
        records += _pax_record(b"path", name)
    if size > LARGEST:
        records += _pax_record(b"size", str(size).encode("ascii"))
    if not 0 <= time <= LARGEST:
        records += _pax_record(b"mtime", str(time).encode("ascii"))
    return records


def _pax_record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    if len(str(length)) > len(str(len(rest))):
        length += 1  # the length counts its own digits
    return str(length).encode("ascii") + rest


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """The name and its prefix in a ustar header; None when it does not fit."""
    if not name.isascii():
        return None
    if len(name) <= 100:
        return name, b""
    cut = name.rfind(b"/", 0, 156)
    if cut < 0 or not 1 <= len(name) - cut - 1 <= 100:
        return None
    return name[cut + 1 :], name[:cut]


def _ustar(name: bytes, prefix: bytes, size: int, time: int, kind: bytes) -> bytes:
    header = b"".join(
        (
            name.ljust(100, b"\0"),
            b"0000644\0" + b"0000000\0" * 2,
            b"%011o\0%011o\0" % (size, time),
            b" " * 8,
            kind,
            bytes(100),
            b"ustar\x0000",
            bytes(64),
            b"0000000\0" * 2,
            prefix.ljust(155, b"\0"),
            bytes(12),
        )
    )
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def _filled(lengths: Integers) -> Integers:
    return -(-lengths // BLOCK) * BLOCK
