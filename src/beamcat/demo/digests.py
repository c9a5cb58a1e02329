"""Digests of the example facility's files, so that those who download them can verify them."""

from __future__ import annotations

import contextlib
from pathlib import Path

from beamcat.database.pool import Database
from beamcat.demo.files import DATA_FOLDER
from beamcat.store.digests.hasher import Hasher
from beamcat.store.digests.reading import HashingReader
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import FileVersion
from beamcat.store.opening import MAIN
from beamcat.store.storage.folder import INCOMING
from beamcat.store.storage.posix import PosixStorage

THREADS = 1
"""Visitors look around meanwhile."""


async def compute_digests(database: Database, home: Path) -> None:
    """Compute the digests that are missing of all files on disk; those that go to tape meanwhile are left out."""
    folder = home / DATA_FOLDER
    below = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    locations = [str(path) for path in below if path.parts[0] != INCOMING]
    with contextlib.closing(PosixStorage(folder)) as storage:
        stats = await storage.stat(locations)
        found = [FileVersion.of(at, stat) for at, stat in zip(locations, stats, strict=True) if stat is not None]
        with contextlib.closing(Hasher(HashingReader(storage, THREADS), DigestTable(database, MAIN))) as hasher:
            await hasher.fill(found)
