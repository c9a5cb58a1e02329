"""One database for the tests of rights that know what is in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from beamcat.database.pool import Database
from tests.catalogue.site import Site
from tests.search.rights.desk import FACILITY, TABLES, CountingDatabase, Desk

if TYPE_CHECKING:
    from conftest import TestServer


@pytest.fixture(scope="module")
async def databases(server: TestServer, template: str) -> AsyncIterator[tuple[Database, CountingDatabase]]:
    """One to write by and one to read by, of the same catalogue."""
    name = server.create(template)
    url, settings = server.url(name), server.settings
    async with Database(url, settings) as written, CountingDatabase(url, settings) as database:
        async with written.connection() as conn:
            for table in TABLES:
                await conn.execute(f"SELECT setval('\"{table}_id_seq\"', 100)")
        yield written, database
    server.drop(name)


@pytest.fixture
async def desk(databases: tuple[Database, CountingDatabase]) -> Desk:
    written, database = databases
    async with written.connection() as conn:
        await conn.execute(FACILITY.encode())
    database.transactions = 0
    return Desk(Site(written), database)
