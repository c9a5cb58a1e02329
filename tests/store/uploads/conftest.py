"""A dataset in a catalogue of its own, and uploads into it, in a directory or in a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.digests.table import DigestTable
from beamcat.store.opening import MAIN
from beamcat.store.selection import Selections, Terms
from beamcat.store.storage.contract import MainStorage
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.uploads.incoming import Upload
from beamcat.store.uploads.uploads import Uploads, open_uploads
from tests.catalogue.site import ROOT, Site

LEASE_S = 2.0


@dataclass
class Place:
    """Uploads, and what they go into."""

    site: Site
    storage: MainStorage
    uploads: Uploads
    dataset: int
    home: Path

    def upload(self, name: str = "scan.h5", **more: Any) -> Upload:
        return Upload(self.dataset, None, name, **more)

    def another_worker(self) -> Uploads:
        """What another process has open."""
        return opened(self.site, self.storage, self.home)

    async def put(self, content: bytes, name: str = "scan.h5") -> int:
        return (await self.uploads.put(ROOT, self.upload(name), pieces(content))).id

    async def names(self) -> list[str]:
        return [row[0] for row in await self.site.rows("SELECT name FROM datafile ORDER BY id")]

    async def read(self, name: str = "scan.h5") -> bytes:
        ((location,),) = await self.site.rows("SELECT location FROM datafile WHERE name = %s", name)
        (stat,) = await self.storage.stat([location])
        assert stat is not None
        return b"".join([piece async for piece in self.storage.read(location, 0, stat.size)])

    async def age(self) -> None:
        """A week goes by."""
        async with self.site.database.connection() as connection:
            await connection.execute("UPDATE upload_journal SET until = until - interval '1 week'")
            await connection.execute(
                "UPDATE upload SET expires = expires - interval '1 week', until = until - interval '1 week'"
            )

    def files(self) -> set[str]:
        """Every file below the home, by its path."""
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()}


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


def opened(site: Site, storage: MainStorage, home: Path, **uploads: Any) -> Uploads:
    settings = Settings(home=home, ids={"lease_s": LEASE_S}, uploads=uploads)
    selections = Selections(site.database, site.rulebooks, Terms())
    digests = DigestTable(site.database, MAIN)
    return open_uploads(settings, site.database, selections, site.catalogue, storage, digests=digests, levels=None)


async def place_of(database: Database, storage: MainStorage, home: Path) -> Place:
    site = Site(database)
    facility = await site.make("Facility", name="FAC")
    kind = await site.make("InvestigationType", name="t", facility=facility)
    dataset_type = await site.make("DatasetType", name="t", facility=facility)
    inv = await site.make("Investigation", name="inv", visitId="1-1", title="t", facility=facility, type=kind)
    dataset = await site.make("Dataset", name="ds", investigation=inv, type=dataset_type)
    return Place(site, storage, opened(site, storage, home), dataset, home)


@contextmanager
def posix(home: Path, layout: Any = "uuid") -> Iterator[PosixStorage]:
    (home / "main").mkdir()
    storage = PosixStorage(home / "main", layout=layout)
    yield storage
    storage.close()


@pytest.fixture(params=["uuid", "name"])
async def place(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """In a directory, of either layout."""
    with posix(tmp_path, request.param) as storage:
        yield await place_of(database, storage, tmp_path)


@pytest.fixture
async def named(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """Files lie in the storage by their names."""
    with posix(tmp_path, "name") as storage:
        yield await place_of(database, storage, tmp_path)


@pytest.fixture
async def plain(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """Files lie in the storage by numbers."""
    with posix(tmp_path) as storage:
        yield await place_of(database, storage, tmp_path)
