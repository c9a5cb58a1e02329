"""Locations as the catalogue holds them: with a digest, where the facility has a key (data service specification, B.4).

The digest keeps a user who may create datafiles from pointing one at somebody else's bytes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from beamcat.errors import Forbidden

DIGEST_LENGTH = 64
"""Hexadecimal digits of SHA-256, in upper case."""


def signed(datafile: int, location: str, key: str | None) -> str:
    """What the catalogue holds: the location, followed by a blank and its digest when there is a key."""
    return location if key is None else f"{location} {_digest(datafile, location, key)}"


def location_of(datafile: int, catalogued: str, keys: Sequence[str]) -> str:
    """The location, checked with the keys that are in use; without keys it is what the catalogue holds.

    Raises `Forbidden` when the digest is missing or of none of them.
    """
    if not keys:
        return catalogued
    location, _, digest = catalogued.rpartition(" ")
    if len(digest) == DIGEST_LENGTH and any(
        hmac.compare_digest(digest.encode(), _digest(datafile, location, key).encode()) for key in keys
    ):
        return location
    raise Forbidden(f"the location of datafile {datafile} is not signed with this facility's key")


def _digest(datafile: int, location: str, key: str) -> str:
    return hashlib.sha256(f"{datafile}{location}{key}".encode()).hexdigest().upper()
