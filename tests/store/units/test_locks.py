"""Readers that share a lock: one for all that read the same datasets at the same time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from beamcat.database.pool import Database
from beamcat.store.units.locks import Busy, Locks, Reading

SHORT = timedelta(milliseconds=100)


async def rows(database: Database) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        found = await connection.execute("SELECT dataset_id, exclusive FROM unit_lock ORDER BY 1")
        return await found.fetchall()


async def test_readers_of_the_same_datasets_share_a_lock(database: Database) -> None:
    locks, other = Locks(database), Locks(database)
    readings = [Reading(locks) for _ in range(50)]
    await asyncio.gather(*(reading.lock([2, 1]) for reading in readings))
    assert await rows(database) == [(1, False), (2, False)]
    for reading in readings[1:]:
        await reading.end()
    with pytest.raises(Busy):
        await other.acquire([2], exclusive=True)
    await readings[0].end()
    assert await rows(database) == []
    await other.acquire([2], exclusive=True)


async def test_all_who_wait_for_a_lock_are_told_that_it_is_not_to_be_had(database: Database) -> None:
    locks, other = Locks(database), Locks(database)
    writer = await other.acquire([1], exclusive=True)
    readings = [Reading(locks) for _ in range(5)]
    found = await asyncio.gather(*(reading.lock([1]) for reading in readings), return_exceptions=True)
    assert [type(each) for each in found] == [Busy] * 5
    await other.release(writer)
    await asyncio.gather(*(reading.lock([1]) for reading in readings))
    assert await rows(database) == [(1, False)]


async def test_a_reader_that_gives_up_leaves_the_lock_to_the_others(database: Database) -> None:
    locks = Locks(database)
    first, second = Reading(locks), Reading(locks)
    waiting = asyncio.create_task(first.lock([1]))
    await asyncio.sleep(0)
    waiting.cancel()
    await second.lock([1])
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await rows(database) == [(1, False)]
    await second.end()
    assert await rows(database) == []


async def test_a_reader_that_gives_up_alone_leaves_nothing(database: Database) -> None:
    locks = Locks(database)
    waiting = asyncio.create_task(Reading(locks).lock([1]))
    await asyncio.sleep(0)  # it has begun, and cannot have its answer yet
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await rows(database) == []


async def test_nobody_joins_a_lock_that_was_not_renewed_in_time(database: Database) -> None:
    locks = Locks(database, lease=SHORT)
    late, next_one = Reading(locks), Reading(locks)
    await late.lock([1])
    await asyncio.sleep(2 * SHORT.total_seconds())
    await Locks(database).acquire([1], exclusive=True)
    with pytest.raises(Busy):
        await next_one.lock([1])


async def test_what_only_looks_locks_nothing(database: Database) -> None:
    reading = Reading(None)
    await reading.lock([1])
    assert await rows(database) == []
    await reading.end()
