"""The log of calls: what is written of a request, when the database is away, and what is asked of the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from structlog.testing import capture_logs

from beamcat.config import CallSettings, DatabaseSettings
from beamcat.database.pool import Connection, Database
from beamcat.errors import ErrorKind, Unavailable
from beamcat.events.call_recorder import BATCH, OPERATIONS, CallRecorder
from beamcat.events.calls import GROUPS, busiest, calls, prune
from beamcat.observability.metrics import Metrics
from beamcat.observability.requests import ObservedRequest, Subject
from tests.conftest import TestServer

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
OFTEN_S = 0.02


def ended(number: int = 0, operation: str = "search", **facts: Any) -> ObservedRequest:
    """A request that started `number` seconds after noon."""
    usual = {"door": "icat_rest", "user": "db/ann", "client": "192.0.2.1", "outcome": "ok"}
    return ObservedRequest(f"r{number}", started=NOON.timestamp() + number, operation=operation, **{**usual, **facts})


@asynccontextmanager
async def recording(
    database: Database, write_every_s: float = OFTEN_S, metrics: Metrics | None = None, **settings: Any
) -> AsyncIterator[CallRecorder]:
    recorder = CallRecorder(CallSettings(**settings), metrics or Metrics(), write_every_s=write_every_s)
    recorder.start(database)
    yield recorder
    await recorder.close()


async def record(database: Database, *requests: ObservedRequest, seconds: float = 0.01, **settings: Any) -> None:
    async with recording(database, **settings) as recorder:
        for request in requests:
            recorder.note(request, seconds)


async def ids(database: Database, **asked: Any) -> list[str]:
    return [call.request_id for call in await calls(database, **asked)]


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.01)


def dropped(metrics: Metrics) -> float:
    (line,) = [line for line in metrics.page([]).decode().splitlines() if line.startswith("beamcat_calls_dropped_tot")]
    return float(line.split()[1])


async def test_a_call_is_written_with_all_that_is_known_of_it(database: Database) -> None:
    subject = Subject("search", "SELECT d FROM Dataset d", "Dataset", 7)
    await record(database, ended(1, subject=subject), seconds=0.25)
    (call,) = await calls(database)
    assert (call.started, call.duration_ms) == (NOON + timedelta(seconds=1), 250)
    assert (call.door, call.operation, call.outcome) == ("icat_rest", "search", "ok")
    assert (call.user, call.client, call.request_id) == ("db/ann", "192.0.2.1", "r1")
    assert (call.entity, call.id, call.query) == ("Dataset", 7, "SELECT d FROM Dataset d")


async def test_what_the_core_was_asked_counts_and_else_what_the_door_says(database: Database) -> None:
    await record(
        database,
        ended(1, "deleteMany"),
        ended(2, "datasets", subject=Subject("search")),
        ended(3, "datasets"),
        ended(4, "metrics"),
    )
    assert [(call.request_id, call.operation) for call in await calls(database)] == [("r2", "search"), ("r1", "delete")]
    assert set(OPERATIONS.values()) == set(GROUPS)


@pytest.mark.parametrize(
    ("record_groups", "found"),
    [
        ((), []),
        (("INFO",), ["getUserName"]),
        (("SESSION", "READ", "WRITE"), ["write", "get", "login"]),
    ],
)
async def test_only_the_groups_in_the_settings_are_recorded(
    database: Database, record_groups: tuple[str, ...], found: list[str]
) -> None:
    requests = [ended(n, each) for n, each in enumerate(["login", "get", "write", "getUserName"])]
    await record(database, *requests, record=record_groups)
    assert [call.operation for call in await calls(database)] == found


async def test_a_query_is_cut_and_what_the_database_cannot_hold_is_left_out(database: Database) -> None:
    texts = ["x" * 300, "a\0b", "ä\ud800\0"]
    await record(
        database,
        *(ended(n, subject=Subject("get", text, "Dataset", 2**63)) for n, text in enumerate(texts)),
        max_query_characters=256,
    )
    assert [call.query for call in reversed(await calls(database))] == ["x" * 256, "a\ufffdb", "ä?\ufffd"]
    assert {call.id for call in await calls(database)} == {None}
    await record(database, ended(8, subject=Subject("get", "name = 'beamcat_" + "x" * 43 + "'")))
    assert (await calls(database))[0].query == "name = 'beamcat_***'"
    await record(database, ended(9, subject=Subject("get", "hush")), max_query_characters=0)
    assert (await calls(database))[0].query is None


async def test_many_calls_are_written_at_once_and_a_clean_stop_writes_the_rest(database: Database) -> None:
    async with recording(database, write_every_s=3600) as recorder:
        for number in range(BATCH):
            recorder.note(ended(number), 0.01)

        async def is_written() -> bool:
            return len(await calls(database, limit=2 * BATCH)) == BATCH

        await until(is_written)
        recorder.note(ended(BATCH), 0.01)
        assert await is_written()
    assert await ids(database, limit=1) == [f"r{BATCH}"]


TERMINATE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND usename = current_user
"""


@pytest.fixture
async def calls_database(
    server: TestServer, database_url: str, database_settings: DatabaseSettings
) -> AsyncIterator[tuple[Database, Callable[[bool], None]]]:
    """A database, and what takes it away and brings it back."""
    name = urlsplit(database_url).path[1:]

    def reachable(value: bool) -> None:
        with psycopg.connect(server.server.url, autocommit=True) as conn:
            conn.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(name), sql.Literal(value))
            )
            if not value:
                conn.execute(TERMINATE, [name])

    async with Database(database_url, database_settings, wait_s=0.3) as opened:
        yield opened, reachable
    reachable(True)


async def test_calls_wait_for_a_database_that_is_away_and_the_oldest_are_dropped(
    calls_database: tuple[Database, Callable[[bool], None]],
) -> None:
    database, reachable = calls_database
    metrics = Metrics()
    with capture_logs() as written:
        async with recording(database, metrics=metrics, buffer=5) as recorder:
            recorder.note(ended(0), 0.01)

            async def is_written() -> bool:
                return len(await calls(database)) == 1

            await until(is_written)
            reachable(False)
            recorder.note(ended(1), 0.01)

            async def is_noticed() -> bool:
                return any(line["event"] == "calls wait to be written down" for line in written)

            await until(is_noticed)
            for number in range(2, 10):
                recorder.note(ended(number), 0.01)
            assert dropped(metrics) == 3
            reachable(True)

            async def is_back() -> bool:
                return any(line["event"] == "calls are written down again" for line in written)

            await until(is_back)
    assert await ids(database) == ["r9", "r8", "r7", "r6", "r5", "r1", "r0"]
    events = [line["event"] for line in written]
    assert events.count("calls wait to be written down") == 1
    assert events.count("calls are dropped: the database is away for too long") == 1


async def test_what_is_left_when_the_database_stays_away_is_counted(
    calls_database: tuple[Database, Callable[[bool], None]],
) -> None:
    database, reachable = calls_database
    reachable(False)
    metrics = Metrics()
    async with recording(database, metrics=metrics) as recorder:
        for number in range(4):
            recorder.note(ended(number), 0.01)
    assert dropped(metrics) == 4


class LosesAnAnswer(Database):
    """The connection is lost once, between a commit and the answer to it."""

    lost = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with super().transaction() as conn:
            yield conn
        if not self.lost:
            self.lost = True
            raise Unavailable("the database went away while it kept the change")


async def test_calls_whose_commit_was_not_acknowledged_are_not_written_twice(
    database_url: str, database_settings: DatabaseSettings
) -> None:
    async with LosesAnAnswer(database_url, database_settings) as database:
        async with recording(database) as recorder:
            recorder.note(ended(1), 0.01)
            await until(lambda: asyncio.sleep(0, database.lost))
            recorder.note(ended(2), 0.01)
        assert await ids(database) == ["r2", "r1"]


async def test_calls_that_can_never_be_written_do_not_keep_others_from_it(database: Database) -> None:
    metrics = Metrics()
    with capture_logs() as written:
        async with recording(database, write_every_s=3600, metrics=metrics) as recorder:
            for number in range(BATCH):
                recorder.note(ended(number, user="nul\0"), 0.01)
            recorder.note(ended(BATCH), 0.01)
    assert await ids(database) == [f"r{BATCH}"]
    assert dropped(metrics) == BATCH
    assert "calls cannot be written down" in [line["event"] for line in written]


SLOW_DOOR = """
CREATE FUNCTION slow_door() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.door = 'slow' THEN PERFORM pg_sleep(0.3); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER slow_door AFTER INSERT ON call FOR EACH ROW EXECUTE FUNCTION slow_door();
"""
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


async def test_positions_become_visible_in_their_order_whoever_writes(
    database: Database, database_url: str, database_settings: DatabaseSettings
) -> None:
    async with database.connection() as conn:
        await conn.execute(SLOW_DOOR)

        async def is_sleeping() -> bool:
            return (await (await conn.execute(SLEEPING)).fetchone()) == (1,)

        async def news(position: int) -> list[int]:
            rows = await conn.execute("SELECT position FROM call WHERE position > %s ORDER BY position", [position])
            return [row[0] for row in await rows.fetchall()]

        async with Database(database_url, database_settings) as other, recording(database) as slow:
            slow.note(ended(1, door="slow"), 0.01)
            await until(is_sleeping)
            async with recording(other) as fast:
                fast.note(ended(2), 0.01)
                seen: list[int] = []
                async with asyncio.timeout(10):  # what a reader has passed it never sees
                    while len(seen) < 2:
                        seen += await news(seen[-1] if seen else 0)
    assert len(seen) == 2
    assert await ids(database) == ["r2", "r1"]


OUTCOMES = ("ok", ErrorKind.FORBIDDEN.name, ErrorKind.NO_SESSION.name)


@pytest.fixture
async def filled(database: Database) -> Database:
    """Thirty calls, one each second."""
    async with recording(database) as recorder:
        for n in range(30):
            request = ended(
                n,
                ("search", "get")[n % 2],
                door=("icat_rest", "icat_soap")[n % 2],
                user=("db/ann", "db/bob", None)[n % 3],
                outcome=OUTCOMES[n % 3],
                subject=Subject(("search", "get")[n % 2], f"query {n % 5}", "Dataset", n % 10),
            )
            recorder.note(request, n / 1000)
    return database


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, lambda n: True),
        ({"user": "db/bob"}, lambda n: n % 3 == 1),
        ({"operation": "get"}, lambda n: n % 2 == 1),
        ({"door": "icat_rest"}, lambda n: n % 2 == 0),
        ({"outcome": "ok"}, lambda n: n % 3 == 0),
        ({"outcome": "failed"}, lambda n: n % 3 > 0),
        ({"outcome": "FORBIDDEN"}, lambda n: n % 3 == 1),
        ({"slower_than_ms": 20}, lambda n: n > 20),
        ({"entity": "Dataset", "id": 4}, lambda n: n % 10 == 4),
        ({"entity": "Datafile"}, lambda n: False),
        ({"since": NOON + timedelta(seconds=10)}, lambda n: n >= 10),
        ({"until": NOON + timedelta(seconds=10)}, lambda n: n < 10),
        (
            {"user": "db/ann", "operation": "search", "since": NOON + timedelta(seconds=7)},
            lambda n: n >= 7 and n % 6 == 0,
        ),
    ],
)
async def test_the_log_is_asked_by_any_of_its_facts(
    filled: Database, asked: dict[str, Any], fits: Callable[[int], bool]
) -> None:
    assert await ids(filled, **asked) == [f"r{n}" for n in reversed(range(30)) if fits(n)]


async def test_pages_follow_each_other_without_a_gap(filled: Database) -> None:
    found: list[str] = []
    position: int | None = None
    while page := await calls(filled, outcome="failed", before_position=position, limit=7):
        found += [call.request_id for call in page]
        position = page[-1].position
    assert found == await ids(filled, outcome="failed")
    assert len(found) == 20


async def test_who_takes_most_of_the_time_comes_first(filled: Database) -> None:
    by_user = await busiest(filled, since=NOON)
    assert [(busy.name, busy.calls) for busy in by_user] == [(None, 10), ("db/bob", 10), ("db/ann", 10)]
    (first, *_) = by_user
    durations = [n for n in range(30) if n % 3 == 2]
    assert first.total_ms == pytest.approx(sum(durations))
    assert (first.p50_ms, first.p99_ms) == (durations[4], durations[9])
    assert [busy.name for busy in await busiest(filled, since=NOON, by="operation")] == ["get", "search"]
    late = await busiest(filled, since=NOON + timedelta(seconds=27), by="query", limit=2)
    assert [(busy.name, busy.calls) for busy in late] == [("query 4", 1), ("query 3", 1)]


async def test_old_calls_are_removed_in_batches_by_several_at_a_time(filled: Database) -> None:
    moment = NOON + timedelta(seconds=25)
    removed = await asyncio.gather(*(prune(filled, moment, rows_at_once=4) for _ in range(2)))
    assert sum(removed) == 25
    assert await ids(filled) == ["r29", "r28", "r27", "r26", "r25"]
