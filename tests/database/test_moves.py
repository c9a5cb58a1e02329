"""A backup moves a catalogue between PostgreSQL 15 of Debian and the embedded one, both ways."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from beamcat.config import DatabaseSettings
from beamcat.database.backup.restoring import Place, restore
from beamcat.database.backup.verifying import verify
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from tests.conftest import TestServer
from tests.database.facility import backed_up, fill, quietly, rows_of
from tests.database.test_own_server import url as debian_url  # noqa: F401 - a fixture


@pytest.mark.parametrize("rows", [0, 10], ids=["plain", "partitioned"])
async def test_from_the_embedded_server_to_ones_own_and_back(
    server: TestServer,
    debian_url: str,  # noqa: F811
    tmp_path: Path,
    rows: int,
) -> None:
    settings = DatabaseSettings(datafile_partition_rows=rows)
    first, back = server.create(), server.create()
    with psycopg.connect(debian_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE moved_{rows}")
    own = debian_url.replace("/postgres?", f"/moved_{rows}?")
    initialise(server.url(first), settings)
    async with Database(server.url(first), settings) as database:
        await fill(database)
    before = rows_of(server.url(first))

    def move(source: str, target: str, file: Path) -> None:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        backed_up(source, home, file)
        restore(Place(target, home, settings), file, verify(file, quietly), quietly)

    await asyncio.to_thread(move, server.url(first), own, tmp_path / "out")
    assert rows_of(own) == before
    await asyncio.to_thread(move, own, server.url(back), tmp_path / "back")
    assert rows_of(server.url(back)) == before
    initialise(server.url(back), settings)
    for name in (first, back):
        server.drop(name)
