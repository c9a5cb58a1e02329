"""The same on OpenSearch: rebuilt by two processes while something changes, followed, compared, and mended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamcat.database.pool import Database
from beamcat.search.documents import DOCUMENTS
from beamcat.search.rebuilding import Manner, building, rebuild
from beamcat.search.rebuilding.following import populate_all
from beamcat.search.rebuilding.population import mend
from tests.catalogue.site import Site
from tests.search.feeding.changes import Facility
from tests.search.opensearch import node
from tests.search.rebuilding.facility import differences, findings, followed, opened, settings_of


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if missing := node.missing():
        pytest.skip(f"OpenSearch was NOT TESTED: there is no {' and no '.join(missing)} here")
    with node.running(tmp_path_factory.mktemp("opensearch")) as url:
        yield url


@pytest.mark.slow
async def test_an_index_on_a_cluster_ends_up_as_the_database(
    filled: Database, database_url: str, tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "FEW", 0)
    opensearch = {"urls": (cluster,), "replicas": 0, "large_shards": 2}
    settings = settings_of(database_url, tmp_path, engine="opensearch", opensearch=opensearch, timeout_s=60)
    async with opened(settings) as engine:
        facility = Facility(Site(filled), 5)
        await facility.found()
        making = asyncio.create_task(rebuild(settings, filled, engine, Manner(processes=2)))
        while not making.done():
            await facility.change()
        await making
        async with followed(filled, settings, engine):
            assert await findings(filled, settings, engine) == []
        assert await differences(filled, engine) == []
        held = {each.entity: each.documents for each in await engine.holdings()}
        assert held["Datafile"] >= 500
        assert await engine.free_bytes()

        async with filled.connection() as conn:
            await conn.execute("UPDATE dataset SET name = 'other' WHERE id = 5")
        (found,) = await findings(filled, settings, engine)
        await mend(filled, found.entity, [found.id])
        await populate_all(filled, engine, DOCUMENTS)
        await rebuild(settings, filled, engine, Manner(("Sample",)))
        assert await differences(filled, engine) == []
