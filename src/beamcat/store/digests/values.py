"""What is known of the bytes of a file, and which bytes these are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto

from beamcat.store.storage.contract import Stat


@dataclass(frozen=True, slots=True)
class FileVersion:
    """The bytes at a location, as long as they do not change: with this size and this tag of the storage's."""

    location: str
    size: int
    etag: str

    @classmethod
    def of(cls, location: str, stat: Stat) -> FileVersion:
        """What lies there now."""
        return cls(location, stat.size, stat.etag)


@dataclass(frozen=True, slots=True)
class PieceDigests:
    """The SHA-256 of each piece of `length` bytes, one after the other; the last piece is as long as the rest."""

    length: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of a file; None for those that nobody has asked for yet. `pieces` are of files of more than one."""

    crc32: int
    adler32: int | None = None
    sha256: bytes | None = None
    md5: bytes | None = None
    pieces: PieceDigests | None = None


class Also(Flag):
    """What to compute beside the CRC-32, which costs next to nothing."""

    NOTHING = 0
    ADLER32 = auto()
    SHA256 = auto()
    MD5 = auto()
    PIECES = auto()
    """The SHA-256 of each piece of a large file, for clients that repair a download (Metalink, RFC 5854)."""
    USUAL = ADLER32 | SHA256 | PIECES


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file whose bytes were read, all of them, and what came out."""

    file: FileVersion
    digests: Digests
