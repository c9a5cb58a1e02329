"""The queue of units: one at a time does it, for everybody in turn, and a worker that dies holds up nobody."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from beamcat.database.pool import Database
from beamcat.store.units.locks import Busy, Locks
from beamcat.store.units.queue import Queue
from beamcat.store.units.transitions import ARCHIVE, RESTORE, WRITE, Operation
from beamcat.store.units.values import Outcome, Taken, Terms, Units

NOW = timedelta()
TERMS = Terms(dataset_writes=NOW, datafile_operations=NOW, retry=NOW)
SHORT = timedelta(milliseconds=100)


def units(*ids: int) -> Units:
    return Units(ids, ids)


async def row(database: Database, unit: int, columns: str) -> tuple[Any, ...]:
    async with database.connection() as connection:
        found = await connection.execute(f"SELECT {columns} FROM unit WHERE id = %s", (unit,))
        result = await found.fetchone()
    assert result is not None
    return result


async def take(queue: Queue, operation: Operation, most: int = 10) -> list[Taken]:
    return await queue.take([operation], most)


async def test_a_unit_is_taken_by_one_worker_only(database: Database) -> None:
    queues = [Queue(database, TERMS) for _ in range(4)]
    await queues[0].request(WRITE, units(*range(1, 41)), "ann")

    async def take_all(queue: Queue) -> list[int]:
        found: list[int] = []
        while len(taken) < 40:
            some = [unit.id for unit in await take(queue, WRITE, 3)]
            taken.extend(some)
            found += some
        return found

    taken: list[int] = []
    await asyncio.gather(*map(take_all, queues))
    assert sorted(taken) == list(range(1, 41))


async def test_a_write_waits_until_the_last_change_is_old_enough(database: Database) -> None:
    queue = Queue(database, replace(TERMS, dataset_writes=timedelta(hours=1)))
    await queue.request(WRITE, units(1), "ann")
    (first,) = await row(database, 1, "not_before")
    await queue.request(WRITE, units(1), "ann")
    (second,) = await row(database, 1, "not_before")
    assert second > first
    assert await take(queue, WRITE) == []


async def test_datafiles_wait_for_the_first_of_them_and_go_together(database: Database) -> None:
    queue = Queue(database, replace(TERMS, kind="datafile", datafile_operations=timedelta(hours=1)))
    await queue.request(RESTORE, units(1), "ann")
    await queue.request(RESTORE, units(2), "bob")
    assert await row(database, 1, "not_before") == await row(database, 2, "not_before")


async def test_datafiles_do_not_wait_for_what_is_tried_again_later(database: Database) -> None:
    queue = Queue(database, replace(TERMS, kind="datafile", retry=timedelta(hours=1)))
    await queue.request(WRITE, units(1), "ann")
    (unit,) = await take(queue, WRITE)
    await queue.failed(unit, "the tape is torn")
    await queue.request(RESTORE, units(2), "bob")
    assert [taken.id for taken in await take(queue, RESTORE)] == [2]


async def test_an_operation_of_a_dead_worker_is_taken_up_again(database: Database) -> None:
    dead, living = Queue(database, replace(TERMS, lease=SHORT)), Queue(database, TERMS)
    await dead.request(RESTORE, units(1), "ann")
    (lost,) = await take(dead, RESTORE)
    assert await take(living, RESTORE) == []
    await asyncio.sleep(2 * SHORT.total_seconds())
    (found,) = await take(living, RESTORE)
    assert (found.id, found.operation) == (1, RESTORE)
    assert await dead.renew([lost.ticket]) == set()
    assert await dead.done([Outcome(lost, online=True)]) == set()
    assert await row(database, 1, "running, online") == ("RESTORE", None)
    assert await living.done([Outcome(found, online=True)]) == {1}
    assert await row(database, 1, "running, online") == (None, True)


async def test_what_is_renewed_is_kept(database: Database) -> None:
    queue = Queue(database, replace(TERMS, lease=SHORT * 3))
    await queue.request(WRITE, units(1), "ann")
    (unit,) = await take(queue, WRITE)
    for _ in range(4):
        await asyncio.sleep(SHORT.total_seconds())
        assert await queue.renew([unit.ticket]) == {unit.ticket}
        assert await take(queue, WRITE) == []


async def test_restores_have_limits_and_everybody_has_a_turn(database: Database) -> None:
    queue = Queue(database, replace(TERMS, restores_at_once=10, restores_per_user=4))
    await queue.request(RESTORE, units(*range(100, 200)), "ann")
    await queue.request(RESTORE, units(1, 2), "bob")
    await queue.request(RESTORE, units(11, 12, 13, 14, 15, 16), "eve")
    first = await take(queue, RESTORE, 3)
    assert Counter(await asyncio.gather(*(asked_by(database, unit) for unit in first))) == {
        "ann": 1,
        "bob": 1,
        "eve": 1,
    }
    rest = await take(queue, RESTORE, 100)
    running = Counter([await asked_by(database, unit) for unit in (*first, *rest)])
    assert running == {"ann": 4, "bob": 2, "eve": 4}
    assert await take(queue, RESTORE, 100) == []
    await queue.done([Outcome(rest[0], online=True)])
    assert len(await take(queue, RESTORE, 100)) == 1


async def asked_by(database: Database, unit: Taken) -> str:
    (name,) = await row(database, unit.id, "requested_by")
    return str(name)


async def test_what_matters_more_comes_first(database: Database) -> None:
    queue = Queue(database, TERMS)
    await queue.request(RESTORE, units(1), "ann")
    await queue.request(RESTORE, units(2), "bob", priority=5)
    assert [unit.id for unit in await take(queue, RESTORE, 1)] == [2]


async def test_the_same_request_twice_is_one(database: Database) -> None:
    queue = Queue(database, TERMS)
    for _ in range(2):
        await queue.request(RESTORE, units(1), "ann")
    (unit,) = await take(queue, RESTORE)
    await queue.request(RESTORE, units(1), "bob")
    await queue.done([Outcome(unit, online=True)])
    assert await take(queue, RESTORE) == []
    await queue.request(RESTORE, units(1), "bob")
    assert await take(queue, RESTORE) == []


async def test_a_marker_goes_when_nothing_was_written_since(database: Database) -> None:
    queue = Queue(database, TERMS)
    await queue.request(WRITE, units(1), "ann")
    (unit,) = await take(queue, WRITE)
    await queue.request(WRITE, units(1), "ann")
    await queue.done([Outcome(unit, online=True)])
    assert await row(database, 1, "marked, wanted") == (True, "WRITE")
    (unit,) = await take(queue, WRITE)
    await queue.done([Outcome(unit, online=True)])
    assert await row(database, 1, "marked, wanted") == (False, None)


async def test_a_write_that_fails_is_tried_before_the_unit_is_archived(database: Database) -> None:
    queue = Queue(database, TERMS)
    await queue.request(WRITE, units(1), "ann")
    await queue.request(ARCHIVE, units(1), "ann")
    (unit,) = await take(queue, WRITE)
    assert await row(database, 1, "running, wanted") == ("WRITE", "ARCHIVE")
    await queue.failed(unit, "the tape is torn")
    assert await row(database, 1, "wanted, marked, problem") == ("WRITE_THEN_ARCHIVE", True, "the tape is torn")
    assert await take(queue, ARCHIVE) == []


async def test_locks_hold_off_what_they_must(database: Database) -> None:
    queue, locks = Queue(database, TERMS), Locks(database)
    await queue.request(ARCHIVE, units(1), "ann")
    reader = await locks.acquire([1, 2], exclusive=False)
    await locks.release(await locks.acquire([2, 3], exclusive=False))
    with pytest.raises(Busy):
        await locks.acquire([2, 3], exclusive=True)
    assert await take(queue, ARCHIVE) == []
    await locks.release(reader)
    writer = await locks.acquire([2, 3], exclusive=True)
    with pytest.raises(Busy):
        await locks.acquire([3, 4], exclusive=False)
    await locks.release(await locks.acquire([4], exclusive=True))  # all or none
    await locks.release(writer)
    (unit,) = await take(queue, ARCHIVE)
    for exclusive in (False, True):
        with pytest.raises(Busy):
            await locks.acquire([1], exclusive=exclusive)
    await queue.done([Outcome(unit, online=False)])
    await locks.acquire([1], exclusive=False)


async def test_locks_of_a_dead_worker_vanish(database: Database) -> None:
    dead, living = Locks(database, lease=SHORT), Locks(database)
    await dead.acquire([1], exclusive=True)
    with pytest.raises(Busy):
        await living.acquire([1], exclusive=False)
    await asyncio.sleep(2 * SHORT.total_seconds())
    await living.acquire([1], exclusive=False)


async def test_locks_are_kept_while_their_worker_lives(database: Database) -> None:
    kept, other = Locks(database, lease=SHORT * 4), Locks(database)
    keeping = asyncio.create_task(kept.keep())
    await kept.acquire([1], exclusive=True)
    for _ in range(8):
        await asyncio.sleep(SHORT.total_seconds())
        with pytest.raises(Busy):
            await other.acquire([1], exclusive=False)
    keeping.cancel()
