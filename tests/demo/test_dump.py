"""The example facility, at reduced scale, survives a dump."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from beamcat.catalogue.dump.layout import Attributes
from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.demo.load import load_demo
from beamcat.demo.settings import demo_settings
from tests.catalogue.dump.conftest import DumpSite, table
from tests.catalogue.dump.test_round_trip import without_labels
from tests.conftest import TestServer
from tests.demo.serving import serving
from tests.properties.world import clear

SCALE = 0.02


async def test_the_example_facility_is_read_again_as_it_was_written(
    server: TestServer, database_url: str, database: Database, tmp_path: Path
) -> None:
    kept = DatabaseSettings(url=SecretStr(database_url))
    async with serving(demo_settings(tmp_path, server={"port": 0}, database=kept)) as url:
        loaded = await load_demo(url, tmp_path, scale=SCALE)
    site = DumpSite(database)
    first = await site.dump()
    assert len(table(first, "Datafile")) > 100
    async with database.transaction() as conn:
        await clear(conn)
    done = await site.load(first, attributes=Attributes.ALL)
    assert done.created >= loaded.objects > 1000
    assert without_labels(await site.dump()).split("\n") == without_labels(first).split("\n")
