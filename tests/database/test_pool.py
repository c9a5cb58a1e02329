"""Connections: what they are like, and what happens when the database is slow, in conflict or away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import time
from typing import Any

import pytest
from psycopg import AsyncConnection, errors

from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.pool import Database
from beamcat.errors import TimedOut, Unavailable
from tests.conftest import DROP_WITHIN_S, TestServer
from tests.database.rows import add, every


async def test_a_moment_is_an_int_in_binary_and_a_datetime_in_text(database: Database) -> None:
    async with database.connection() as conn:
        question = "SELECT timestamptz '2000-01-01 00:00:01Z'"
        async with conn.cursor(binary=True) as cursor:
            await cursor.execute(question)
            assert await cursor.fetchone() == (1_000_000,)
        [moment] = await every(conn, question)
        assert moment.isoformat() == "2000-01-01T00:00:01+00:00"


async def test_a_connection_is_named_in_utc_without_jit_and_with_a_limit(database: Database) -> None:
    async with database.connection() as conn:
        shown = [
            (await every(conn, f"SHOW {name}"))[0]
            for name in ("application_name", "timezone", "jit", "statement_timeout", "transaction_isolation")
        ]
    assert shown == ["beamcat", "UTC", "off", "2min", "read committed"]


async def test_options_in_the_url_are_kept(database_url: str, database_settings: DatabaseSettings) -> None:
    url = f"{database_url}&options=-c%20work_mem%3D3MB&application_name=mine"
    async with Database(url, database_settings) as database, database.connection() as conn:
        assert await every(conn, "SHOW work_mem") == ["3MB"]
        assert await every(conn, "SHOW timezone") == ["UTC"]
        assert await every(conn, "SHOW application_name") == ["mine"]


async def test_a_transaction_is_kept_at_its_end_and_undone_by_an_error(database: Database) -> None:
    async with database.transaction() as conn:
        await add(conn, "facility", name="kept")
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as conn:
            await add(conn, "facility", name="undone")
            raise ZeroDivisionError
    async with database.connection() as conn:
        assert await every(conn, "SELECT name FROM facility") == ["kept"]


async def test_a_snapshot_sees_one_moment_and_cannot_write(database: Database) -> None:
    async with database.snapshot() as seeing:
        assert await every(seeing, "SELECT name FROM facility") == []
        async with database.connection() as conn:
            await add(conn, "facility", name="later")
            assert await every(conn, "SELECT name FROM facility") == ["later"]
        assert await every(seeing, "SELECT name FROM facility") == []
        with pytest.raises(errors.ReadOnlySqlTransaction):
            await add(seeing, "facility", name="forbidden")


async def test_a_connection_that_served_a_snapshot_writes_again(
    database_url: str, database_settings: DatabaseSettings
) -> None:
    settings = database_settings.model_copy(update={"connections": 2})
    async with Database(database_url, settings) as database:
        for number in range(4):
            async with database.snapshot() as conn:
                await every(conn, "SELECT 1")
            async with database.transaction() as conn:
                assert await every(conn, "SHOW transaction_isolation") == ["read committed"]
                await add(conn, "facility", name=str(number))


async def test_a_question_that_takes_too_long_is_stopped(
    database_url: str, database_settings: DatabaseSettings
) -> None:
    settings = database_settings.model_copy(update={"statement_timeout_s": 0.1})
    async with Database(database_url, settings) as database:
        with pytest.raises(TimedOut):
            async with database.snapshot() as conn:
                await conn.execute("SELECT pg_sleep(5)")
        async with database.connection() as conn:
            assert await every(conn, "SELECT 1") == [1]


async def test_a_transaction_that_lost_against_another_is_run_again(database: Database) -> None:
    async with database.connection() as conn:
        for name in ("a", "b"):
            await add(conn, "facility", name=name)
    both_hold_one = asyncio.Barrier(2)
    tries = 0

    async def lock_both(first: int, second: int) -> str:
        waited = False

        async def work(conn: AsyncConnection[Any]) -> str:
            nonlocal tries, waited
            tries += 1
            await conn.execute("UPDATE facility SET url = 'x' WHERE id = %s", (first,))
            if not waited:
                waited = True
                await both_hold_one.wait()
            await conn.execute("UPDATE facility SET url = 'x' WHERE id = %s", (second,))
            return "done"

        return await database.run(work)

    assert await asyncio.gather(lock_both(1, 2), lock_both(2, 1)) == ["done", "done"]
    assert tries == 3


async def test_a_transaction_that_always_loses_is_given_up(database: Database) -> None:
    tries = 0

    async def work(conn: AsyncConnection[Any]) -> None:
        nonlocal tries
        tries += 1
        await conn.execute("DO $$ BEGIN RAISE serialization_failure; END $$")

    with pytest.raises(Unavailable):
        await database.run(work)
    assert tries == 5


async def test_an_error_of_the_work_itself_is_not_repeated(database: Database) -> None:
    tries = 0

    async def work(conn: AsyncConnection[Any]) -> None:
        nonlocal tries
        tries += 1
        await conn.execute("SELECT 1 / 0")

    with pytest.raises(errors.DivisionByZero):
        await database.run(work)
    assert tries == 1


async def test_a_killed_connection_is_replaced_without_the_next_request_noticing(database: Database) -> None:
    async with database.connection() as conn:
        await add(conn, "facility", name="kept")
    with pytest.raises(Unavailable):
        async with database.connection() as conn, database.connection() as other:
            await other.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
            await conn.execute("SELECT 1")
    async with database.connection() as conn:
        idle = conn.info.backend_pid
    async with database.connection() as conn:
        await conn.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for _ in range(4):
        async with database.connection() as conn:
            assert await every(conn, "SELECT name FROM facility") == ["kept"]
    assert idle
    assert database.statistics()["pool_size"] <= 8


async def test_an_unreachable_database_is_unavailable(database_settings: DatabaseSettings) -> None:
    database = Database("postgresql://nobody@127.0.0.1:9/none", database_settings, wait_s=0.5)
    begin = time.monotonic()
    with pytest.raises(Unavailable):
        await database.open()
    assert time.monotonic() - begin < 5


async def test_a_request_that_finds_all_connections_busy_gives_up(
    database_url: str, database_settings: DatabaseSettings
) -> None:
    settings = database_settings.model_copy(update={"connections": 2})
    async with (
        Database(database_url, settings, wait_s=0.3) as database,
        database.connection() as first,
        database.connection(),
    ):
        with pytest.raises(Unavailable):
            async with database.connection():
                pass
        assert await every(first, "SELECT 1") == [1]


async def test_a_request_waits_while_the_database_restarts(
    tmp_path_factory: pytest.TempPathFactory, database_settings: DatabaseSettings
) -> None:
    with EmbeddedPostgres(tmp_path_factory.mktemp("restart"), database_settings) as server:
        async with Database(server.url, database_settings) as database:
            async with database.connection() as conn:
                await conn.execute("CREATE TABLE kept AS SELECT 7 AS number")
            os.kill(_postmaster(server), signal.SIGKILL)
            await asyncio.sleep(0.3)  # until the connections have noticed
            request = asyncio.create_task(_number(database))
            await asyncio.sleep(1.5)
            assert not request.done()
            await asyncio.to_thread(server.ensure_running)
            assert await request == [7]
            assert await asyncio.gather(*(_number(database) for _ in range(20))) == [[7]] * 20


async def _number(database: Database) -> list[Any]:
    async with database.connection() as conn:
        return await every(conn, "SELECT number FROM kept")


def _postmaster(server: EmbeddedPostgres) -> int:
    return int((server.cluster.data / "postmaster.pid").read_text().splitlines()[0])


async def test_a_connection_lost_while_it_commits_says_that_the_outcome_is_unknown(database: Database) -> None:
    async with database.connection() as conn:
        await conn.execute(
            """CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END $$"""
        )
        await conn.execute(
            "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON facility DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION die()"
        )
    with pytest.raises(Unavailable, match="look whether it is there"):
        async with database.transaction() as conn:
            await add(conn, "facility", name="perhaps")


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT 1 / 0"])
async def test_a_cancellation_that_went_unheard_on_the_way_ends_the_task(database: Database, statement: str) -> None:
    waiting = asyncio.Event()

    async def works_on() -> None:
        async with database.connection() as conn:
            waiting.set()
            with contextlib.suppress(asyncio.CancelledError):  # as `asyncio.wait_for` of Python 3.11 may
                await asyncio.Event().wait()
            await conn.execute(statement.encode())

    task = asyncio.create_task(works_on())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_cancelled_may_still_tidy_up(database: Database) -> None:
    waiting, tidied = asyncio.Event(), []

    async def tidies() -> None:
        try:
            waiting.set()
            await asyncio.Event().wait()
        finally:
            for number in range(3):
                async with database.transaction() as conn:
                    await conn.execute("SELECT 1")
                tidied.append(number)

    task = asyncio.create_task(tidies())
    await waiting.wait()
    task.cancel()
    await asyncio.wait({task})
    assert tidied == [0, 1, 2]
    assert task.cancelled()


async def test_a_time_limit_around_questions_is_told_as_one(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), database.connection():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


async def test_a_connection_that_is_given_up_while_it_is_made_keeps_nobody_waiting(
    server: TestServer, database_settings: DatabaseSettings
) -> None:
    """The server waits a minute for who began to connect; until then no database can be dropped."""
    name = server.create()
    given_up = []
    gc.disable()  # the collector would close it, some time
    try:
        async with Database(server.url(name), database_settings) as database:

            async def connect() -> None:
                async with database.own_connection():
                    await asyncio.sleep(60)

            for steps in range(1, 9):
                given_up.append(asyncio.create_task(connect()))
                for _ in range(steps):
                    await asyncio.sleep(0)
                given_up[-1].cancel()
                await asyncio.wait([given_up[-1]])  # the task holds its error, and that what it was about
        began = time.monotonic()
        server.drop(name)
        assert time.monotonic() - began < DROP_WITHIN_S / 2
    finally:
        gc.enable()
    assert all(task.cancelled() for task in given_up)
