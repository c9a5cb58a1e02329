"""The engine of clusters, on a real node of OpenSearch: what every engine promises."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from beamcat.config import OpenSearchSettings
from beamcat.search.cluster import ClusterSearch
from tests.search.engine_contract import STUDIES, EngineContract, filled
from tests.search.generated import TYPES
from tests.search.opensearch import node

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if missing := node.missing():
        pytest.skip(f"OpenSearch was NOT TESTED: there is no {' and no '.join(missing)} here")
    with node.running(tmp_path_factory.mktemp("opensearch")) as url:
        yield url


def opened(url: str, **settings: object) -> ClusterSearch:
    """An engine of its own, in the same cluster."""
    told = {"prefix": f"test{next(NUMBERS)}", "large_shards": 2, "replicas": 0, **settings}
    return ClusterSearch(TYPES, OpenSearchSettings.model_validate({"urls": (url,), **told}), timeout_s=60)


@pytest.fixture(scope="module")
async def filled_engine(url: str) -> AsyncIterator[ClusterSearch]:
    """Shared by tests that write everything anew."""
    engine = opened(url)
    await filled(engine, {})
    yield engine
    await engine.close()


@pytest.fixture(scope="module")
async def studies_once(url: str) -> AsyncIterator[ClusterSearch]:
    """Shared by tests that write nothing."""
    engine = opened(url)
    await filled(engine, {"Study": STUDIES, "File": STUDIES})
    yield engine
    await engine.close()


@pytest.fixture
async def engine(url: str) -> AsyncIterator[ClusterSearch]:
    engine = opened(url)
    yield engine
    await engine.close()


@pytest.fixture
async def empty_engine(engine: ClusterSearch) -> ClusterSearch:
    return engine


class TestCluster(EngineContract):
    """The contract."""
