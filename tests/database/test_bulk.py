"""Ids taken in advance, and many rows at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import errors

from beamcat.database.bulk import COPY_FROM, copy_rows
from beamcat.database.ids import take_ids
from beamcat.database.pool import Database
from beamcat.database.violations import violated_constraint
from beamcat.model import ENTITIES
from tests.database.rows import add_dataset, add_facility, add_investigation, every

NOW = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
BASE = ("test", NOW, "test", NOW)
BASE_COLUMNS = ("id", "create_id", "create_time", "mod_id", "mod_time")


async def test_ids_begin_at_one_ascend_and_are_never_given_twice(database: Database) -> None:
    async def take(count: int) -> list[int]:
        async with database.connection() as conn:
            return await take_ids(conn, ENTITIES["User"], count)

    assert await take(0) == []
    assert await take(3) == [1, 2, 3]
    taken = await asyncio.gather(*(take(500) for _ in range(6)))
    assert all(ids == sorted(ids) for ids in taken)
    assert len({number for ids in taken for number in ids}) == 3000


@pytest.mark.parametrize("count", [1, COPY_FROM - 1, COPY_FROM, 200])
async def test_rows_of_every_kind_of_value_arrive_as_they_were(database: Database, count: int) -> None:
    entity = ENTITIES["ParameterType"]
    columns = (
        *BASE_COLUMNS,
        "name",
        "units",
        "description",
        "facility_id",
        "value_type",
        "enforced",
        "verified",
        "applicable_to_datafile",
        "applicable_to_dataset",
        "applicable_to_sample",
        "applicable_to_investigation",
        "applicable_to_data_collection",
        "maximum_numeric_value",
    )
    async with database.transaction() as conn:
        await add_facility(conn)
        ids = await take_ids(conn, entity, count)
        rows: list[tuple[Any, ...]] = [
            (
                number,
                *BASE,
                f"température\t{number}\n\\N",
                "K",
                None,
                1,
                "NUMERIC",
                True,
                False,
                True,
                False,
                True,
                False,
                True,
                1.5 if number % 2 else None,
            )
            for number in ids
        ]
        await copy_rows(conn, entity, columns, rows)
        found = await every(conn, f"SELECT {', '.join(columns)} FROM parameter_type ORDER BY id")
    assert found == rows


@pytest.mark.parametrize("count", [2, 50])
async def test_a_refused_row_leaves_none_and_names_its_constraint(database: Database, count: int) -> None:
    entity = ENTITIES["Datafile"]
    async with database.connection() as conn:
        await add_facility(conn)
        await add_investigation(conn, "I1")
        await add_dataset(conn, 1, "D1")
    columns = (*BASE_COLUMNS, "name", "dataset_id", "file_size", "datafile_mod_time")
    for name, dataset, constraint in (
        ("same", 1, "datafile_key"),
        (None, 2, "datafile_dataset_id_fkey"),
        ("x" * 256, 1, "datafile_name_length"),
    ):
        with pytest.raises(errors.IntegrityError) as refused:
            async with database.transaction() as conn:
                ids = await take_ids(conn, entity, count)
                rows = [(number, *BASE, name or str(number), dataset, 5, NOW + timedelta(1)) for number in ids]
                await copy_rows(conn, entity, columns, rows)
        assert violated_constraint(refused.value) == constraint
    async with database.transaction() as conn:
        ids = await take_ids(conn, entity, count)
        await copy_rows(conn, entity, columns, [(number, *BASE, str(number), 1, 5, NOW) for number in ids])
        assert await every(conn, "SELECT file_count, file_size FROM dataset") == [(count, 5 * count)]


async def test_a_missing_value_names_its_column(database: Database) -> None:
    async with database.connection() as conn:
        with pytest.raises(errors.NotNullViolation) as refused:
            await copy_rows(conn, ENTITIES["Facility"], (*BASE_COLUMNS, "name"), [(1, *BASE, None)])
    assert violated_constraint(refused.value) is None
    assert refused.value.diag.column_name == "name"


async def test_no_rows_are_no_statement(database: Database) -> None:
    async with database.connection() as conn:
        await copy_rows(conn, ENTITIES["Facility"], (*BASE_COLUMNS, "name"), [])
        assert await every(conn, "SELECT count(*) FROM facility") == [0]
