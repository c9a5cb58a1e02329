"""The facility, made once for tests that change nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.search.documents import DOCUMENTS
from beamcat.search.embedded import EmbeddedSearch
from tests.catalogue.site import Site
from tests.conftest import TestServer
from tests.search.service.facility import Facility, facility, settings


@pytest.fixture(scope="session")
async def known(
    server: TestServer,
    template: str,
    database_settings: DatabaseSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Facility]:
    """The facility; nobody changes it."""
    name = server.create(template)
    chosen = settings(embedded={"shards": 2, "heap_mebibytes": 16, "build_heap_mebibytes": 16})
    types = {entity: documents.type for entity, documents in DOCUMENTS.items()}
    engine = EmbeddedSearch(types, tmp_path_factory.mktemp("search"), chosen.search.embedded, 60)
    async with Database(server.url(name), database_settings) as database:
        yield await facility(Site(database), chosen, engine)
    await engine.close()
    server.drop(name)


@pytest.fixture
async def own(database: Database, tmp_path: Path) -> AsyncIterator[Facility]:
    """A facility that a test changes."""
    chosen = settings(embedded={"shards": 1, "heap_mebibytes": 16, "build_heap_mebibytes": 16})
    types = {entity: documents.type for entity, documents in DOCUMENTS.items()}
    engine = EmbeddedSearch(types, tmp_path, chosen.search.embedded, 60)
    yield await facility(Site(database), chosen, engine)
    await engine.close()
