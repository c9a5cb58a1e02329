"""A process that fills the table of digests, and never comes to an end: it is there to be killed.

`python -m tests.store.digests.filling URL FOLDER LOCATION...`; files whose name begins with "stuck" are never read.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.store.digests import reading
from beamcat.store.digests.hasher import Hasher
from beamcat.store.digests.reading import HashingReader
from beamcat.store.digests.table import DigestTable
from beamcat.store.storage.posix import PosixStorage
from tests.store.digests.files import versions


class StuckStorage(PosixStorage):
    open = None  # type: ignore[assignment]

    async def read(self, location: str, first: int, stop: int) -> AsyncIterator[bytes]:
        if location.startswith("stuck"):
            await asyncio.Event().wait()
        async for piece in super().read(location, first, stop):
            yield piece


async def fill(url: str, folder: Path, locations: Sequence[str]) -> None:
    reading.BATCH_SECONDS = 0.1
    storage = StuckStorage(folder)
    async with Database(url, DatabaseSettings()) as database:
        files = await versions(storage, *locations)
        await Hasher(HashingReader(storage, 2), DigestTable(database, "main")).fill(files)


if __name__ == "__main__":
    asyncio.run(fill(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
