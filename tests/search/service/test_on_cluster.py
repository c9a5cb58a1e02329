"""Search on a real node of OpenSearch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from beamcat.config import DatabaseSettings, OpenSearchSettings
from beamcat.database.pool import Database
from beamcat.search.cluster import ClusterSearch
from beamcat.search.documents import DOCUMENTS
from tests.catalogue.site import Site
from tests.conftest import TestServer
from tests.search.opensearch import node
from tests.search.service.contract import SearchContract
from tests.search.service.facility import Facility, facility, settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if missing := node.missing():
        pytest.skip(f"OpenSearch was NOT TESTED: there is no {' and no '.join(missing)} here")
    with node.running(tmp_path_factory.mktemp("opensearch")) as url:
        yield url


@pytest.fixture(scope="module")
async def known(
    url: str, server: TestServer, template: str, database_settings: DatabaseSettings
) -> AsyncIterator[Facility]:
    name = server.create(template)
    types = {entity: documents.type for entity, documents in DOCUMENTS.items()}
    engine = ClusterSearch(types, OpenSearchSettings(urls=(url,), replicas=0, large_shards=1), 60)
    async with Database(server.url(name), database_settings) as database:
        yield await facility(Site(database), settings(), engine)
    await engine.close()
    server.drop(name)


class TestCluster(SearchContract):
    """The contract."""
