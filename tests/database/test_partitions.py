"""Datafiles in partitions: made in advance, keys that hold across them, the same errors as in plain tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import errors

from beamcat.config import DatabaseSettings
from beamcat.database.ids import take_ids
from beamcat.database.partitions import ensure_datafile_partitions
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from beamcat.database.violations import violated_constraint
from beamcat.errors import ValidationFailed
from beamcat.model import ENTITIES
from tests.conftest import TestServer
from tests.database.rows import add, add_datafile, add_dataset, add_facility, add_investigation, every

ROWS = 10


@pytest.fixture(scope="module")
def partitioned(server: TestServer, database_settings: DatabaseSettings) -> str:
    name = server.create()
    initialise(server.url(name), database_settings.model_copy(update={"datafile_partition_rows": ROWS}))
    return name


@pytest.fixture
async def database(
    server: TestServer, partitioned: str, database_settings: DatabaseSettings
) -> AsyncIterator[Database]:
    """A catalogue with one investigation, two datasets and partitions of ten datafiles."""
    name = server.create(partitioned)
    async with Database(server.url(name), database_settings) as opened:
        async with opened.connection() as conn:
            await add_facility(conn)
            await add_investigation(conn, "I1")
            for dataset in ("D1", "D2"):
                await add_dataset(conn, 1, dataset)
        yield opened
    server.drop(name)


async def add_in_partition(database: Database, number: int, dataset: int, name: str) -> int:
    """The id of a datafile whose row lies in the partition of that number."""
    async with database.transaction() as conn:
        await ensure_datafile_partitions(conn, number * ROWS)
        await conn.execute(
            "SELECT setval('datafile_id_seq', greatest(nextval('datafile_id_seq'), %s))", (number * ROWS,)
        )
        return await add_datafile(conn, dataset, name)


async def partitions(database: Database, table: str) -> list[str]:
    async with database.connection() as conn:
        return await every(
            conn,
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY inhrelid",
            table,
        )


async def test_two_partitions_are_there_from_the_beginning_and_more_are_made_in_advance(database: Database) -> None:
    assert sorted(await partitions(database, "datafile")) == ["datafile_p0", "datafile_p1"]
    async with database.connection() as conn:
        await ensure_datafile_partitions(conn, 5 * ROWS - 1)
    expected = {f"_p{number}" for number in range(6)}
    assert {name.removeprefix("datafile") for name in await partitions(database, "datafile")} == expected
    of_parameters = await partitions(database, "datafile_parameter")
    assert {name.removeprefix("datafile_parameter") for name in of_parameters} == expected


async def test_many_may_ask_for_the_same_partitions_at_once(database: Database) -> None:
    async def write(writer: int) -> None:
        for turn in range(10):

            async def work(conn: psycopg.AsyncConnection[tuple[object, ...]], turn: int = turn) -> None:
                ids = await take_ids(conn, ENTITIES["Datafile"], 4)
                await ensure_datafile_partitions(conn, ids[-1])
                for number in ids:
                    await add(conn, "datafile", id=number, name=f"{writer}/{turn}/{number}", dataset_id=writer % 2 + 1)

            await database.run(work)

    await asyncio.gather(*(write(writer) for writer in range(4)))
    async with database.connection() as conn:
        assert await every(conn, "SELECT count(*), count(DISTINCT id) FROM datafile") == [(160, 160)]
        assert await every(conn, "SELECT file_count FROM investigation") == [160]


@pytest.mark.parametrize("other", [0, 3], ids=["same partition", "another partition"])
async def test_a_name_is_unique_in_its_dataset(database: Database, other: int) -> None:
    await add_in_partition(database, 0, 1, "scan.nxs")
    await add_in_partition(database, other, 2, "scan.nxs")
    with pytest.raises(errors.UniqueViolation) as refused:
        await add_in_partition(database, other, 1, "scan.nxs")
    assert violated_constraint(refused.value) == "datafile_key"
    assert refused.value.diag.message_detail == "Key (dataset_id, name)=(1, scan.nxs) already exists."
    async with database.connection() as conn:
        assert await every(conn, "SELECT file_count FROM dataset ORDER BY id") == [1, 1]


async def test_renaming_and_moving_keep_the_key_too(database: Database) -> None:
    await add_in_partition(database, 0, 1, "scan.nxs")
    moving = await add_in_partition(database, 3, 2, "scan.nxs")
    renamed = await add_in_partition(database, 4, 1, "other.nxs")
    async with database.connection() as conn:
        with pytest.raises(errors.UniqueViolation, match="datafile_key"):
            await conn.execute("UPDATE datafile SET dataset_id = 1 WHERE id = %s", (moving,))
        with pytest.raises(errors.UniqueViolation, match="datafile_key"):
            await conn.execute("UPDATE datafile SET name = 'scan.nxs' WHERE id = %s", (renamed,))
        await conn.execute("UPDATE datafile SET name = 'free.nxs' WHERE id = %s", (renamed,))
        await conn.execute("UPDATE datafile SET name = 'free.nxs', dataset_id = 1 - 1 + 2 WHERE id = %s", (moving,))


async def test_rows_of_one_statement_in_two_partitions_keep_the_key(database: Database) -> None:
    insert = """INSERT INTO datafile (id, create_id, create_time, mod_id, mod_time, name, dataset_id)
                SELECT n, 'a', now(), 'a', now(), name, 1
                  FROM unnest(%s::bigint[], %s::text[]) AS u (n, name)"""
    async with database.connection() as conn:
        await conn.execute(insert, ([8, 11], ["a", "b"]))
        with pytest.raises(errors.UniqueViolation, match="datafile_key"):
            await conn.execute(insert, ([9, 12], ["c", "c"]))


async def test_two_transactions_cannot_both_take_a_name(database: Database) -> None:
    await add_in_partition(database, 2, 2, "makes the partitions")

    async def take(number: int) -> str:
        try:
            async with database.transaction() as conn:
                await add(conn, "datafile", id=number, name="wanted", dataset_id=1)
                await asyncio.sleep(0.2)
        except errors.UniqueViolation as refused:
            return violated_constraint(refused) or ""
        return "taken"

    assert sorted(await asyncio.gather(take(5), take(15))) == ["datafile_key", "taken"]


async def test_relations_of_partitioned_tables_hold_and_cascade(database: Database) -> None:
    first = await add_in_partition(database, 0, 1, "a")
    second = await add_in_partition(database, 2, 1, "b")
    async with database.connection() as conn:
        await add(conn, "parameter_type", name="t", units="K", value_type="NUMERIC", facility_id=1)
        for datafile in (first, second):
            await add(conn, "datafile_parameter", datafile_id=datafile, type_id=1, numeric_value=1.5)
        await add(conn, "related_datafile", source_datafile_id=first, dest_datafile_id=second, relation="copy")
        with pytest.raises(errors.ForeignKeyViolation) as refused:
            await add(conn, "datafile", name="x", dataset_id=99)
        assert violated_constraint(refused.value) == "datafile_dataset_id_fkey"
        with pytest.raises(errors.UniqueViolation) as twice:
            await add(conn, "datafile_parameter", datafile_id=second, type_id=1, numeric_value=2)
        assert violated_constraint(twice.value) == "datafile_parameter_key"
        await conn.execute("DELETE FROM datafile WHERE id = %s", (first,))
        assert await every(conn, "SELECT count(*) FROM related_datafile") == [0]
        assert await every(conn, "SELECT datafile_id FROM datafile_parameter") == [second]
        await conn.execute("DELETE FROM dataset WHERE id = 1")
        assert await every(conn, "SELECT count(*) FROM datafile") == [0]
        assert await every(conn, "SELECT count(*) FROM datafile_parameter") == [0]


def test_the_shape_cannot_be_changed_afterwards(server: TestServer, partitioned: str) -> None:
    with pytest.raises(ValidationFailed, match=f"made with {ROWS}"):
        initialise(server.url(partitioned), DatabaseSettings())


async def test_plain_tables_need_no_partitions(server: TestServer, template: str) -> None:
    name = server.create(template)
    async with Database(server.url(name), DatabaseSettings()) as database, database.connection() as conn:
        await ensure_datafile_partitions(conn, 10**12)
        await add_facility(conn)
        await add_investigation(conn, "I1")
        await add_datafile(conn, await add_dataset(conn, 1, "D1"), "scan.nxs")
        with pytest.raises(errors.UniqueViolation) as refused:
            await add_datafile(conn, 1, "scan.nxs")
        assert violated_constraint(refused.value) == "datafile_key"
        assert refused.value.diag.message_detail == "Key (dataset_id, name)=(1, scan.nxs) already exists."
    server.drop(name)
