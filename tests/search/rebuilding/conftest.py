"""What these tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.search.engine import Engine
from tests.search.rebuilding.facility import fill, opened, settings_of


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_of(database_url, tmp_path)


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[Engine]:
    async with opened(settings) as engine:
        yield engine


@pytest.fixture
async def filled(database: Database) -> Database:
    """A catalogue with 600 files."""
    await fill(database, 600)
    return database
