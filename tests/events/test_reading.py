"""Readers get every event, in order: at least once, or exactly once in transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Connection, Database
from beamcat.events.audit import forget_reader
from beamcat.events.event import Event
from beamcat.events.keeping import Start
from beamcat.events.lag import inbox, lags
from beamcat.events.reading import keep_reading, keep_writing
from beamcat.events.sequencing import sequence
from tests.events.site import NOON, QUICK, Remembering, Writing, happen, happened, running, until


async def position(database: Database, name: str) -> int | None:
    async with database.connection() as conn:
        row = await (await conn.execute("SELECT position FROM event_reader WHERE name = %s", [name])).fetchone()
    return None if row is None else row[0]


async def leader(database: Database) -> int | None:
    """The backend that holds the lock of a reader."""
    async with database.connection() as conn:
        cursor = await conn.execute(
            "SELECT pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE d.datname = current_database() AND locktype = 'advisory' AND objsubid = 2 AND granted"
        )
        row = await cursor.fetchone()
    return None if row is None else row[0]


async def kill(database: Database, backend: int) -> None:
    async with database.connection() as conn:
        await conn.execute("SELECT pg_terminate_backend(%s)", [backend])


@pytest.fixture
async def logged(database: Database) -> Any:
    """What a writing reader has in its table."""
    async with database.connection() as conn:
        await conn.execute("CREATE TABLE test_log (id bigint)")

    async def found() -> list[int]:
        async with database.connection() as conn:
            return [row[0] for row in await (await conn.execute("SELECT id FROM test_log")).fetchall()]

    return found


async def test_events_are_handed_over_in_order_and_in_batches(database: Database) -> None:
    await happened(database, 5)
    reader = Remembering()
    async with running(keep_reading(database, reader, batch=2, **QUICK)):
        await until(lambda: _has(reader, 5))
        await happen(database, 6)
        await sequence(database)
        await until(lambda: _has(reader, 6))
    assert reader.given == [1, 2, 3, 4, 5, 6]
    assert reader.batches == [2, 2, 1, 1]


async def test_a_reader_goes_on_where_it_was(database: Database) -> None:
    await happened(database, 3)
    first, second = Remembering(), Remembering()
    async with running(keep_reading(database, first, **QUICK)):
        await until(lambda: _is_at(database, "memory", first, 3))
    await happen(database, 4)
    await sequence(database)
    async with running(keep_reading(database, second, **QUICK)):
        await until(lambda: _has(second, 1))
    assert second.given == [4]


async def test_a_new_reader_begins_where_it_says(database: Database) -> None:
    await happened(database, 2)
    old, new = Remembering("old"), Remembering("new", Start.NEWEST)
    async with running(keep_reading(database, old, **QUICK), keep_reading(database, new, **QUICK)):
        await until(lambda: _registered(database, "new"))
        await happen(database, 3)
        await sequence(database)
        await until(lambda: _has(old, 3))
        await until(lambda: _has(new, 1))
    assert (old.given, new.given) == ([1, 2, 3], [3])


async def test_what_was_handled_right_before_a_crash_is_handed_over_again(database: Database) -> None:
    """The connection dies between handling and storing the position."""
    await happened(database, 2)
    reader = Remembering()

    async def die_once(_events: Sequence[Event]) -> None:
        if not reader.batches:
            backend = await leader(database)
            assert backend is not None
            await kill(database, backend)

    reader.before = die_once
    async with running(keep_reading(database, reader, **QUICK)):
        await until(lambda: _has(reader, 4))
    assert reader.given == [1, 2, 1, 2]


async def test_a_writing_reader_never_gets_anything_twice(database: Database, logged: Any) -> None:
    await happened(database, 4)
    deaths = 0

    async def die(conn: Connection) -> None:
        nonlocal deaths
        deaths += 1
        if deaths <= 2:
            await kill(database, conn.info.backend_pid)

    async with running(keep_writing(database, Writing(after=die), batch=2, **QUICK)):
        await until(lambda: _logged(logged, 4))
    assert deaths > 3
    assert await logged() == [1, 2, 3, 4]


async def test_one_worker_reads_and_another_takes_over_when_it_dies(
    database: Database, database_url: str, logged: Any
) -> None:
    async with Database(database_url, DatabaseSettings()) as other:
        readers = [Remembering(), Remembering()]
        await happened(database, 1)
        async with running(*(keep_reading(d, r, **QUICK) for d, r in zip((database, other), readers, strict=True))):
            for number in range(2, 5):
                before = sum(len(reader.given) for reader in readers)
                backend = await leader(database)
                if backend is not None:
                    await kill(database, backend)
                await happen(database, number)
                await sequence(database)
                await until(lambda n=number: _somebody_read(readers, n))  # type: ignore[misc]
                assert sum(len(reader.given) for reader in readers) <= before + 2
            assert sorted({n for reader in readers for n in reader.given}) == [1, 2, 3, 4]
            await until(lambda: _registered(database, "memory"))
            assert await leader(database) is not None


async def test_only_one_of_two_workers_is_given_events(database: Database, database_url: str) -> None:
    at_work = 0

    async def alone(_events: Sequence[Event]) -> None:
        nonlocal at_work
        at_work += 1
        assert at_work == 1
        await asyncio.sleep(0.03)
        at_work -= 1

    await happened(database, 6)
    async with Database(database_url, DatabaseSettings()) as other:
        readers = [Remembering(before=alone), Remembering(before=alone)]
        tasks = (keep_reading(d, r, batch=1, **QUICK) for d, r in zip((database, other), readers, strict=True))
        async with running(*tasks):
            await until(lambda: _somebody_read(readers, 6))
    assert sorted(len(reader.given) for reader in readers) == [0, 6]


async def test_a_worker_that_stops_makes_room_at_once(database: Database) -> None:
    reader = Remembering()
    async with running(keep_reading(database, reader, **QUICK)):
        await until(lambda: _registered(database, "memory"))
        assert await leader(database) is not None

    async def nobody() -> bool:
        return await leader(database) is None

    await until(nobody)


async def test_a_reader_that_fails_is_tried_again_and_others_go_on(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await happened(database, 2)
    failures = 0

    async def fail_twice(_events: Sequence[Event]) -> None:
        nonlocal failures
        failures += 1
        if failures <= 2:
            raise ValueError("the broker is asleep")

    failing, fine = Remembering("failing", before=fail_twice), Remembering("fine")
    async with running(keep_reading(database, failing, **QUICK), keep_reading(database, fine, **QUICK)):
        await until(lambda: _has(fine, 2))
        await until(lambda: _has(failing, 2))
    assert failures == 3
    out = capsys.readouterr().out
    assert out.count("the broker is asleep") >= 2
    assert "failing" in out


async def test_a_reader_that_is_forgotten_begins_anew(database: Database) -> None:
    await happened(database, 1)
    reader = Remembering()
    async with running(keep_reading(database, reader, **QUICK)):
        await until(lambda: _is_at(database, "memory", reader, 1))
        await forget_reader(database, "memory")
        await happen(database, 2)
        await sequence(database)
        await until(lambda: _has(reader, 4))
    assert reader.given == [1, 2, 1, 2]


async def test_the_lag_of_readers_and_of_the_inbox(database: Database) -> None:
    await happened(database, 1)
    reader = Remembering()
    async with running(keep_reading(database, reader, **QUICK)):
        await until(lambda: _is_at(database, "memory", reader, 1))
    [lag] = await lags(database)
    assert (lag.name, lag.behind, lag.oldest, lag.seconds(NOON)) == ("memory", 0, None, 0)
    for number in (2, 3):
        await happen(database, number)
    waiting = await inbox(database)
    assert (waiting.rows, waiting.oldest) == (2, NOON)
    await sequence(database)
    [lag] = await lags(database)
    assert (lag.behind, lag.oldest) == (2, NOON)
    assert (await inbox(database)).rows == 0


async def _has(reader: Remembering, count: int) -> bool:
    return len(reader.given) >= count


async def _is_at(database: Database, name: str, reader: Remembering, count: int) -> bool:
    async with database.connection() as conn:
        row = await (await conn.execute("SELECT max(position) FROM event")).fetchone()
    assert row is not None
    return len(reader.given) >= count and await position(database, name) == row[0]


async def _registered(database: Database, name: str) -> bool:
    return await position(database, name) is not None


async def _logged(logged: Any, count: int) -> bool:
    return len(await logged()) >= count


async def _somebody_read(readers: Sequence[Remembering], number: int) -> bool:
    return any(number in reader.given for reader in readers)
