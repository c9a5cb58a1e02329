"""Any process of a rebuild is killed, again and again: the index ends up as the database is."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamcat.database.pool import Database
from tests.search.rebuilding.killing import Killings

KILLS = 12
LONGEST_S = 1.2


@pytest.mark.slow
async def test_a_rebuild_that_is_killed_a_dozen_times_ends_up_as_the_database(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    killings = Killings(database, database_url, tmp_path, seed=11)
    await killings.run(KILLS, LONGEST_S)
    assert await killings.wrong() == []
    assert min(killings.killed.values()) > 0
