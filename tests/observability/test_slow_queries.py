"""The slow-query log, on a real PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from beamcat.database.pool import Database
from beamcat.observability.slow_queries import PLANS_AT_A_TIME, Watch

SQL = 'SELECT d.id FROM "facility" d WHERE d.name = $1'


async def test_a_slow_question_is_logged_with_its_user_its_sql_and_its_plan(database: Database) -> None:
    counted = []
    watch = Watch(100, lambda: counted.append(1))
    with capture_logs() as written:
        await watch.note(database.connection, "SELECT f FROM Facility f", "db/ann", SQL, ["x"], 250.04)
        await watch.close()
    (line,) = written
    assert (line["event"], line["query"], line["user"]) == ("slow query", "SELECT f FROM Facility f", "db/ann")
    assert line["sql"] == SQL
    assert line["elapsed_ms"] == 250.0
    assert "Scan" in line["plan"]
    assert counted == [1]


async def test_a_fast_question_is_not_logged(database: Database) -> None:
    watch = Watch(100)
    with capture_logs() as written:
        await watch.note(database.connection, "q", "db/ann", SQL, ["x"], 99.9)
        await watch.close()
    assert written == []


async def test_fetching_the_plan_changes_nothing_even_of_a_writing_statement(database: Database) -> None:
    watch = Watch(0)
    insert = (
        'INSERT INTO "account" (create_id, create_time, mod_id, mod_time, name, password_hash) '
        "VALUES ('x', now(), 'x', now(), $1, 'x')"
    )
    with capture_logs() as written:
        await watch.note(database.connection, "q", "u", insert, ["ann"], 1)
        await watch.close()
    assert "Insert" in written[0]["plan"]
    async with database.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM account")).fetchone()
    assert row == (0,)


@pytest.mark.parametrize("sql", ["SELECT nonsense FROM nowhere", "", "SELECT $2"])
async def test_a_plan_that_cannot_be_had_disturbs_nobody(database: Database, sql: str) -> None:
    watch = Watch(0)
    with capture_logs() as written:
        await watch.note(database.connection, "q", "u", sql, ["x"], 1)
        await watch.close()
    assert written[0]["plan"].startswith("not available: ")


async def test_an_unreachable_database_disturbs_nobody() -> None:
    @contextlib.asynccontextmanager
    async def unreachable() -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        raise psycopg.OperationalError("away")
        yield

    watch = Watch(0)
    with capture_logs() as written:
        await watch.note(unreachable, "q", "u", "SELECT 1", [], 1)
        await watch.close()
    assert "away" in written[0]["plan"]


async def test_only_a_few_plans_are_fetched_at_a_time(database: Database) -> None:
    watch = Watch(0)
    with capture_logs() as written:
        for _ in range(PLANS_AT_A_TIME + 3):
            await watch.note(database.connection, "q", "u", "SELECT 1", [], 1)
        await watch.close()
    assert len(written) == PLANS_AT_A_TIME + 3
    assert sum("not fetched" in line["plan"] for line in written) == 3
