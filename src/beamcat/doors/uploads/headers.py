"""What clients say in headers (tus 1.0.0): lengths, metadata, checksums."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from starlette.requests import Request

from beamcat.errors import BadParameter
from beamcat.store.uploads.resumable import Checked

LONGEST_METADATA = 16_384
"""Characters of `Upload-Metadata`."""
LARGEST = 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = re.compile(r"[!-+\--~]+", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)
_SIGNED = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=(?:([0-9a-f]{64})|(:?)([A-Za-z0-9+/]{43}=)\2)\s*(?:,|$)", re.IGNORECASE)


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    """CRC-32 as a digest: four bytes, the highest first."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4)


ALGORITHMS: Mapping[str, Callable[[], _Digest]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "crc32": _Crc32,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
"""Of `Upload-Checksum`, the first one that every client knows."""


def number(request: Request, name: str) -> int:
    """A header that is a whole number. Raises `BadParameter` without one."""
    text = request.headers.get(name)
    if text is None or not _DIGITS.fullmatch(text) or int(text) > LARGEST:
        raise BadParameter(f"The header {name} is missing, or no number of bytes")
    return int(text)


def metadata(text: str) -> dict[str, str]:
    """The metadata of an upload: keys, each with text in base64, with commas between. Raises `BadParameter`."""
    if len(text) > LONGEST_METADATA:
        raise BadParameter(f"Upload-Metadata may have at most {LONGEST_METADATA} characters")
    found: dict[str, str] = {}
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        key, _, encoded = pair.partition(" ")
        try:
            value = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise BadParameter(f"Upload-Metadata: the value of {key[:100]} is not UTF-8 in base64") from None
        if not _KEY.fullmatch(key) or key in found or "\0" in value:
            raise BadParameter(f"Upload-Metadata: {key[:100]!r} is no key, is there twice, or its value holds a NUL")
        found[key] = value
    return found


def checked(request: Request) -> Checked | None:
    """What the bytes of this request are to be checked by; None when they are not. Raises `BadParameter`."""
    text = request.headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm.lower() not in ALGORITHMS:
        raise BadParameter(f"Upload-Checksum is made with one of {', '.join(ALGORITHMS)}")
    digest = ALGORITHMS[algorithm.lower()]()
    try:
        wanted = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise BadParameter("The value of Upload-Checksum is not base64") from None
    return Checked(digest, lambda: digest.digest() == wanted)


def sha256_in(text: str | None) -> bytes | None:
    """The SHA-256 of `sha-256=...`, in hexadecimal digits or base64, among others or alone. None without a text.

    Raises `BadParameter` for a text without one.
    """
    if text is None:
        return None
    found = _SHA256.search(text)
    if found is None:
        raise BadParameter("A digest of the whole is sha-256= and its hexadecimal digits, or base64")
    return bytes.fromhex(found[1]) if found[1] else base64.b64decode(found[3])


def integer(said: Mapping[str, str], name: str) -> int | None:
    """A whole number of the metadata; None without one. Raises `BadParameter`."""
    text = said.get(name)
    if text is None:
        return None
    if not _SIGNED.fullmatch(text) or not -LARGEST <= int(text) <= LARGEST:
        raise BadParameter(f"Upload-Metadata: {name} is not a number: {text[:100]!r}")
    return int(text)


def time(said: Mapping[str, str], name: str) -> datetime | None:
    """A time of the metadata, in milliseconds since 1970; None without one. Raises `BadParameter`."""
    milliseconds = integer(said, name)
    if milliseconds is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise BadParameter(f"Upload-Metadata: {name} is no time that a calendar holds") from None


def milliseconds(moment: datetime | None) -> int | None:
    """A time as clients say it."""
    return None if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)
