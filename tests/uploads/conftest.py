"""One server for all tests of uploads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.uploads.facility import Facility, open_facility


@pytest.fixture(scope="package")
def facility(server: Any, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    name = server.create(template)
    opened = open_facility(tmp_path_factory.mktemp("uploads") / "home", server.url(name))
    yield opened
    assert opened.beamcat.stop() == 0
    server.drop(name)
