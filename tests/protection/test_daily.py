"""Bytes a day: what all workers have sent counts, and the first answer of a day may be larger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from beamcat.database.pool import Database
from beamcat.errors import TooManyRequests
from beamcat.protection.daily import STEP_BYTES, DailyBytes

CLIENT = "network 192.0.2.0/24"


async def sent(database: Database, client: str = CLIENT) -> int:
    async with database.connection() as connection:
        row = await (
            await connection.execute("SELECT sum(bytes)::bigint FROM daily_use WHERE client = %s", (client,))
        ).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


async def test_what_one_worker_has_sent_counts_for_the_others(database: Database) -> None:
    one, other = DailyBytes(database), DailyBytes(database)
    with one.spending(CLIENT, 600) as handed:
        handed(600)
    await one.flush()
    assert await sent(database) == 600
    await other.check(CLIENT, 1000, 400)
    with pytest.raises(TooManyRequests) as refusal:
        await other.check(CLIENT, 1000, 401)
    assert 0 < refusal.value.retry_after_s <= 86_400
    await other.check("network 192.0.3.0/24", 1000, 1000)


async def test_what_is_on_its_way_counts_until_it_is_broken_off(database: Database) -> None:
    daily = DailyBytes(database)
    with daily.spending(CLIENT, 900) as handed:
        handed(100)
        with pytest.raises(TooManyRequests):
            await daily.check(CLIENT, 1000, 200)
    await daily.check(CLIENT, 1000, 900)
    await daily.flush()
    assert await sent(database) == 100


async def test_the_first_answer_of_a_day_may_be_larger_than_the_limit(database: Database) -> None:
    now = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    daily = DailyBytes(database, clock=lambda: now)
    await daily.check(CLIENT, 1000, 5000)
    with daily.spending(CLIENT, 5000) as handed:
        handed(5000)
    with pytest.raises(TooManyRequests) as refusal:
        await daily.check(CLIENT, 1000, 1)
    assert refusal.value.retry_after_s == 60
    now += timedelta(minutes=1)
    await daily.check(CLIENT, 1000, 5000)


async def test_steps_are_written_down_while_a_response_is_on_its_way(database: Database) -> None:
    daily = DailyBytes(database)
    with daily.spending(CLIENT, 10 * STEP_BYTES) as handed:
        handed(3)
        assert not daily._wanted.is_set()
        handed(STEP_BYTES)
        assert daily._wanted.is_set()
        await daily.flush()
        assert await sent(database) == STEP_BYTES + 3
        handed(5)
    await daily.flush()
    assert await sent(database) == STEP_BYTES + 8


async def test_nothing_is_forgotten_while_the_database_is_away(database: Database) -> None:
    daily = DailyBytes(database)
    with daily.spending(CLIENT, 10) as handed:
        handed(10)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE daily_use RENAME TO away")
    await daily.flush()
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE away RENAME TO daily_use")
    await daily.flush()
    await daily.flush()
    assert await sent(database) == 10
