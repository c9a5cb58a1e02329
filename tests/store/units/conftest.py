"""What the tests of two levels of storage work with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from beamcat.database.pool import Database
from tests.catalogue.site import Site
from tests.store.test_freezing import make
from tests.store.units.rig import FILES, Rig


@pytest.fixture(params=["dataset", "datafile"])
async def rig(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    site = Site(database)
    for folder in ("main", "archive"):
        (tmp_path / folder).mkdir()
    for name, content in FILES.items():
        (tmp_path / "main" / name).write_bytes(content)
    made = Rig(site, await make(site, [(name, name) for name in FILES]), tmp_path, request.param)
    yield made
    for worker in (made.first, made.second):
        worker.sender.close()
    made.main.close()
    made.archive.close()
