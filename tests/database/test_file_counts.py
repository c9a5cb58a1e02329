"""Datasets and investigations know how many datafiles they have, and datafiles know their investigation."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from beamcat.config import DatabaseSettings
from beamcat.database.file_counts import maintain_file_counts
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from tests.conftest import TestServer
from tests.database.rows import add, add_datafile, add_dataset, add_facility, add_investigation, every

WRONG_DATASETS = """
SELECT d.id, d.file_count, d.file_size, count(f.id), coalesce(sum(f.file_size), 0)
  FROM dataset d LEFT JOIN datafile f ON f.dataset_id = d.id
 GROUP BY d.id HAVING (d.file_count, d.file_size) IS DISTINCT FROM (count(f.id), coalesce(sum(f.file_size), 0))"""

WRONG_INVESTIGATIONS = """
SELECT i.id, i.file_count, i.file_size, count(f.id), coalesce(sum(f.file_size), 0)
  FROM investigation i LEFT JOIN dataset d ON d.investigation_id = i.id LEFT JOIN datafile f ON f.dataset_id = d.id
 GROUP BY i.id HAVING (i.file_count, i.file_size) IS DISTINCT FROM (count(f.id), coalesce(sum(f.file_size), 0))"""

WRONG_DATAFILES = """
SELECT f.id FROM datafile f JOIN dataset d ON d.id = f.dataset_id
 WHERE f.investigation_id IS DISTINCT FROM d.investigation_id"""


@pytest.fixture(scope="module", params=[0, 100], ids=["plain", "partitioned"])
def shaped(request: pytest.FixtureRequest, server: TestServer, database_settings: DatabaseSettings) -> str:
    """A template whose datafiles are in one table, or in partitions of a hundred."""
    name = server.create()
    settings = database_settings.model_copy(update={"datafile_partition_rows": request.param})
    initialise(server.url(name), settings)
    with psycopg.connect(server.url(name)) as conn:
        conn.execute("SELECT ensure_datafile_partitions(600)")
    return name


@pytest.fixture
async def database(server: TestServer, shaped: str, database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    name = server.create(shaped)
    async with Database(server.url(name), database_settings) as opened:
        yield opened
    server.drop(name)


async def counts(conn: AsyncConnection[Any], table: str) -> dict[int, tuple[int, int]]:
    return {row[0]: row[1:] for row in await every(conn, f"SELECT id, file_count, file_size FROM {table}")}


async def assert_consistent(database: Database) -> None:
    async with database.connection() as conn:
        for query in (WRONG_DATASETS, WRONG_INVESTIGATIONS, WRONG_DATAFILES):
            assert await every(conn, query) == [], query


async def test_adding_changing_and_removing_datafiles_is_counted(database: Database) -> None:
    async with database.connection() as conn:
        await add_facility(conn)
        await add_investigation(conn, "I1")
        dataset = await add_dataset(conn, 1, "D1")
        datafile = await add_datafile(conn, dataset, "a", 10)
        await add_datafile(conn, dataset, "b", None)
        assert await counts(conn, "dataset") == {1: (2, 10)} == await counts(conn, "investigation")
        await conn.execute("UPDATE datafile SET file_size = 25 WHERE id = %s", (datafile,))
        assert await counts(conn, "dataset") == {1: (2, 25)} == await counts(conn, "investigation")
        await conn.execute("DELETE FROM datafile WHERE id = %s", (datafile,))
        assert await counts(conn, "dataset") == {1: (1, 0)} == await counts(conn, "investigation")
    await assert_consistent(database)


async def test_counting_leaves_the_modification_time_of_the_parents(database: Database) -> None:
    async with database.connection() as conn:
        await add_facility(conn)
        await add_investigation(conn, "I1")
        await add_datafile(conn, await add_dataset(conn, 1, "D1"), "a")
        for table in ("dataset", "investigation"):
            assert await every(conn, f"SELECT mod_id, mod_time = '2024-01-01Z', file_count FROM {table}") == [
                ("test", True, 1)
            ]


async def test_a_datafile_that_moves_takes_its_numbers_along(database: Database) -> None:
    async with database.connection() as conn:
        await add_facility(conn)
        for investigation in (1, 2):
            await add_investigation(conn, f"I{investigation}")
            await add_dataset(conn, investigation, "D")
        datafile = await add_datafile(conn, 1, "a", 10)
        await conn.execute("UPDATE datafile SET dataset_id = 2, file_size = 11 WHERE id = %s", (datafile,))
        assert await counts(conn, "dataset") == {1: (0, 0), 2: (1, 11)} == await counts(conn, "investigation")
        assert await every(conn, "SELECT investigation_id FROM datafile") == [2]


async def test_two_datafiles_of_one_size_that_change_places_change_their_investigations(database: Database) -> None:
    async with database.connection() as conn:
        await add_facility(conn)
        for investigation in (1, 2):
            await add_investigation(conn, f"I{investigation}")
            await add_datafile(conn, await add_dataset(conn, investigation, "D"), f"f{investigation}", 5)
        await conn.execute("UPDATE datafile SET dataset_id = 3 - dataset_id")
    await assert_consistent(database)


async def test_a_dataset_that_moves_takes_its_datafiles_along(database: Database) -> None:
    async with database.connection() as conn:
        await add_facility(conn)
        await add_investigation(conn, "I1")
        await add_investigation(conn, "I2")
        for name in ("D1", "D2"):
            await add_datafile(conn, await add_dataset(conn, 1, name), "a", 10)
        await conn.execute("UPDATE dataset SET investigation_id = 2 WHERE name = 'D2'")
        assert await counts(conn, "investigation") == {1: (1, 10), 2: (1, 10)}
        assert await every(conn, "SELECT investigation_id FROM datafile ORDER BY id") == [1, 2]


async def test_a_deleted_dataset_takes_its_numbers_from_its_investigation(database: Database) -> None:
    async with database.connection() as conn:
        await add_facility(conn)
        await add_investigation(conn, "I1")
        for name in ("D1", "D2"):
            await add_datafile(conn, await add_dataset(conn, 1, name), "a", 10)
        await conn.execute("DELETE FROM dataset WHERE name = 'D1'")
        assert await counts(conn, "investigation") == {1: (1, 10)}
        assert await every(conn, "SELECT count(*) FROM datafile") == [1]


async def test_datafiles_deleted_with_their_format_are_counted_once(database: Database) -> None:
    async with database.connection() as conn:
        facility = await add_facility(conn)
        await add_investigation(conn, "I1")
        await add_dataset(conn, 1, "D1")
        other = await add(conn, "facility", name="other")
        form = await add(conn, "datafile_format", name="nexus", version="1", facility_id=other)
        sample_type = await add(conn, "sample_type", name="t", molecular_formula="C", facility_id=other)
        assert facility != other
        await add(conn, "datafile", name="with format", dataset_id=1, datafile_format_id=form, file_size=3)
        await add_datafile(conn, 1, "without", 4)
        sample = await add(conn, "sample", name="s", investigation_id=1, type_id=sample_type)
        of_sample = await add(conn, "dataset", name="D2", investigation_id=1, type_id=1, sample_id=sample)
        await add(conn, "datafile", name="both", dataset_id=of_sample, datafile_format_id=form, file_size=5)
        await conn.execute("DELETE FROM facility WHERE id = %s", (other,))
        assert await counts(conn, "investigation") == {1: (1, 4)}
    await assert_consistent(database)


async def test_a_wrong_or_missing_investigation_of_a_datafile_is_put_right(database: Database) -> None:
    async with database.connection() as conn:
        await add_facility(conn)
        await add_investigation(conn, "I1")
        await add_investigation(conn, "I2")
        dataset = await add_dataset(conn, 2, "D1")
        await add(conn, "datafile", name="wrong", dataset_id=dataset, investigation_id=1)
        await add(conn, "datafile", name="missing", dataset_id=dataset)
        assert await every(conn, "SELECT investigation_id FROM datafile") == [2, 2]
        await conn.execute("UPDATE datafile SET investigation_id = 1")
        assert await every(conn, "SELECT investigation_id FROM datafile") == [2, 2]


async def test_without_the_option_clients_keep_the_numbers(database: Database) -> None:
    await maintain_file_counts(database, False)
    async with database.connection() as conn:
        await add_facility(conn)
        await add_investigation(conn, "I1")
        dataset = await add_dataset(conn, 1, "D1")
        await conn.execute("UPDATE dataset SET file_count = 77")
        await add_datafile(conn, dataset, "a", 10)
        assert await counts(conn, "dataset") == {1: (77, 0)}
        assert await every(conn, "SELECT investigation_id FROM datafile") == [1]
    await maintain_file_counts(database, True)
    async with database.connection() as conn:
        assert await counts(conn, "dataset") == {1: (1, 10)} == await counts(conn, "investigation")


async def test_the_numbers_are_right_after_many_did_many_things_at_once(database: Database) -> None:
    async with database.connection() as conn:
        await add_facility(conn)
        for investigation in (1, 2, 3):
            await add_investigation(conn, f"I{investigation}")
            for name in ("D1", "D2"):
                await add_dataset(conn, investigation, f"I{investigation}{name}")
    chosen = random.Random(11)

    async def change(conn: AsyncConnection[Any]) -> None:
        datasets = [chosen.randint(1, 6) for _ in range(5)]
        match chosen.randrange(6):
            case 0 | 1:
                await conn.execute(
                    """INSERT INTO datafile (create_id, create_time, mod_id, mod_time, name, file_size, dataset_id)
                       SELECT 'a', now(), 'a', now(), gen_random_uuid()::text, d * 7, d
                         FROM unnest(%s::bigint[]) d WHERE EXISTS (SELECT FROM dataset WHERE id = d)""",
                    (datasets,),
                )
            case 2:
                await conn.execute(
                    "UPDATE datafile SET dataset_id = %s WHERE dataset_id = %s AND id %% 3 = 0", datasets[:2]
                )
            case 3:
                await conn.execute(
                    "UPDATE dataset SET investigation_id = %s WHERE id = %s", (chosen.randint(1, 3), datasets[0])
                )
            case 4:
                await conn.execute("DELETE FROM datafile WHERE dataset_id = %s AND id %% 4 = 0", datasets[:1])
            case _:
                await conn.execute("UPDATE datafile SET file_size = id WHERE dataset_id = ANY (%s)", (datasets[:2],))

    async def many_changes() -> None:
        for _ in range(20):
            await database.run(change)

    await asyncio.gather(*(many_changes() for _ in range(6)))
    async with database.connection() as conn:
        assert (await every(conn, "SELECT count(*) FROM datafile"))[0] > 0
    await assert_consistent(database)
