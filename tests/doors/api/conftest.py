"""Beamcat's own interface, on a small catalogue with its index."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import TestServer
from tests.doors.searching import Searched, searched


@pytest.fixture(scope="package")
async def catalogue(
    server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Searched]:
    """Shared by tests that leave no trace in it."""
    name = server.create(template)
    async with searched(server.url(name), tmp_path_factory.mktemp("searched")) as opened:
        yield opened
    server.drop(name)
