"""Fingerprints of files: whether those in the main storage are those that the archive has a copy of."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence

from beamcat.store.frozen import Run


def fingerprint(runs: Sequence[Run]) -> bytes:
    """Of all files in the order of their ids: which they are, where, how large, and in which version."""
    digest = hashlib.sha256()
    for run in runs:
        for place in range(len(run)):
            digest.update(file_line(run, place))
    return digest.digest()


def file_fingerprint(run: Run, place: int) -> bytes:
    """Of one file."""
    return hashlib.sha256(file_line(run, place)).digest()


def file_line(run: Run, place: int) -> bytes:
    """What a fingerprint depends on of one file."""
    known = (
        int(run.ids[place]),
        run.locations[place],
        int(run.entries.sizes[place]),
        run.entries.etags[place].decode(),
    )
    return json.dumps(known).encode("ascii") + b"\n"


def packed_versions(versions: Sequence[tuple[str, str]]) -> bytes:
    """Locations and etags as bytes, for `unpacked_versions`."""
    return zlib.compress(json.dumps(versions).encode("ascii"))


def unpacked_versions(packed: bytes) -> list[tuple[str, str]]:
    """What `packed_versions` has made bytes of."""
    return [(location, etag) for location, etag in json.loads(zlib.decompress(packed))]
