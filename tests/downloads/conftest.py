"""One server with data for all tests of downloads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.downloads.facility import Facility, open_facility


@pytest.fixture(scope="package")
async def facility(server: Any, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Facility]:
    name = server.create(template)
    opened = await open_facility(tmp_path_factory.mktemp("downloads") / "home", server.url(name))
    yield opened
    assert opened.beamcat.stop() == 0
    server.drop(name)
