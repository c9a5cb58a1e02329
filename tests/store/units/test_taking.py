"""Whose turn it is: what fits, what waits for room, what takes too long, and what is not wanted any more."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from beamcat.database.pool import Database
from beamcat.store.storage.contract import KnowsRoom
from beamcat.store.units.progress import progress, waiting_s
from beamcat.store.units.queue import Queue
from beamcat.store.units.status import standing
from beamcat.store.units.taking import NO_ROOM, Budget, Chosen, Waiting, choose
from beamcat.store.units.transitions import ARCHIVE, RESTORE, WRITE
from beamcat.store.units.values import Outcome
from tests.store.units.rig import Rig
from tests.store.units.test_queue import TERMS, row, take, units

ANN, BOB = "ann", "bob"
QUEUED = [Waiting(1, ANN, 50), Waiting(2, BOB, 10), Waiting(3, ANN, 1), Waiting(4, BOB, 20)]


@pytest.mark.parametrize(
    ("budget", "nothing_runs", "fitting", "held_up"),
    [
        pytest.param(Budget(10), True, [1, 2, 3, 4], [], id="there is no limit"),
        pytest.param(Budget(2), True, [1, 2], [], id="so many units"),
        pytest.param(Budget(0), False, [], [], id="enough are on their way"),
        pytest.param(Budget(10, size=60), False, [1, 2], [], id="so many bytes"),
        pytest.param(Budget(10, size=40), False, [2, 4], [], id="what is too large holds up its user only"),
        pytest.param(Budget(10, size=40), True, [1], [], id="what is larger than the limit goes alone"),
        pytest.param(Budget(10, size=-5), False, [], [], id="too many bytes are on their way"),
        pytest.param(Budget(10, room=40), True, [2, 4], [1], id="there is no room for the first one"),
        pytest.param(Budget(10, room=-3), True, [], [1, 2], id="there is no room at all"),
        pytest.param(Budget(10, size=100, room=65), True, [1, 2, 3], [4], id="what has begun takes room"),
    ],
)
def test_what_fits(budget: Budget, nothing_runs: bool, fitting: list[int], held_up: list[int]) -> None:
    found = choose(QUEUED, 10, budget, nothing_runs=nothing_runs)
    assert isinstance(found, Chosen)
    assert [unit.id for unit in found.fitting] == fitting
    assert [unit.id for unit in found.held_up] == held_up


def of_size(database: Database, *sizes: int) -> Any:
    async def write() -> None:
        async with database.connection() as connection:
            for place, size in enumerate(sizes, 1):
                await connection.execute("UPDATE unit SET size = %s WHERE id = %s", (size, place))

    return write()


async def test_so_many_bytes_come_back_at_a_time(database: Database) -> None:
    queue = Queue(database, replace(TERMS, restore_bytes_at_once=100))
    for unit in (1, 2, 3):
        await queue.request(RESTORE, units(unit), f"user{unit}")
    await of_size(database, 60, 60, 30)
    first = await take(queue, RESTORE)
    assert sorted(unit.id for unit in first) == [1, 3]
    assert await take(queue, RESTORE) == []
    await queue.done([Outcome(unit, online=True, size=unit.size) for unit in first])
    assert [unit.id for unit in await take(queue, RESTORE)] == [2]


async def test_what_does_not_fit_waits_for_room_and_says_so(database: Database) -> None:
    free = 100

    async def room() -> int:
        return free

    queue = Queue(database, replace(TERMS, keep_free=20), room)
    await queue.request(RESTORE, units(1), "ann")
    await queue.request(RESTORE, units(2), "bob")
    await of_size(database, 81, 50)
    (unit,) = await take(queue, RESTORE)
    assert unit.id == 2
    assert await row(database, 1, "wanted, problem, failure") == ("RESTORE", NO_ROOM, None)
    free = 200
    (unit,) = await take(queue, RESTORE)
    assert unit.id == 1
    assert await row(database, 1, "running, problem") == ("RESTORE", None)


async def test_a_storage_of_files_knows_its_room(rig: Rig) -> None:
    assert isinstance(rig.main, KnowsRoom)
    assert await rig.main.room() > 0


async def test_what_takes_too_long_has_failed(database: Database) -> None:
    queue = Queue(database, replace(TERMS, deadline=timedelta(hours=2)))
    await queue.request(RESTORE, units(1, 2, 3), "ann")
    (running,) = await take(queue, RESTORE, 1)
    async with database.connection() as connection:
        await connection.execute("UPDATE unit SET requested_at = now() - interval '3 hours' WHERE id <> 3")
    assert await queue.give_up_overdue() == 2
    for unit in (1, 2):
        assert await row(database, unit, "wanted, running, failure") == (
            None, None, "it has not come back within 2 hours",
        )  # fmt: skip
    assert await row(database, 3, "wanted, failure") == ("RESTORE", None)
    assert await queue.ours([running]) == set()
    assert await queue.done([Outcome(running, online=True)]) == set()
    assert (await standing(database, "dataset", [1, 2, 3])).failed == 2
    await queue.clear_failures(units(1))
    await queue.request(RESTORE, units(1), "ann")
    assert await queue.give_up_overdue() == 0


async def test_what_is_cancelled_does_not_come_back(rig: Rig) -> None:
    await rig.ask(ARCHIVE)
    await rig.finish()
    ids = (await rig.units()).ids
    queue = rig.first.levels.queue
    await rig.ask(RESTORE)
    assert await queue.cancel(ids, "not needed") == set(ids)
    await rig.finish()
    assert rig.held("main") == {}
    assert await rig.site.rows("SELECT DISTINCT online, failure FROM unit") == [(False, "not needed")]
    assert await queue.cancel(ids, "again") == set()
    await rig.first.levels.reset(_one(await rig.units()))
    await rig.comes_back()


async def test_what_is_cancelled_on_its_way_is_let_go(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that come nevertheless are found by whoever looks next."""
    await rig.ask(ARCHIVE)
    await rig.finish()
    ids = (await rig.units()).ids
    queue, archive = rig.first.levels.queue, rig.archive
    request, put_at = archive.request, rig.main.put_at
    released: list[str] = []

    async def and_cancel(names: list[str]) -> None:
        await request(names)
        await queue.cancel(ids, "not needed")

    async def note(names: list[str]) -> None:
        released.extend(names)

    monkeypatch.setattr(archive, "request", and_cancel)
    monkeypatch.setattr(archive, "release", note)
    await rig.ask(RESTORE)
    await rig.finish(rig.first)
    assert len(released) == len(ids)
    assert rig.held("main") == {}
    monkeypatch.undo()

    async def and_cancel_late(location: str, pieces: Any, size: int | None = None) -> None:
        await put_at(location, pieces, size)
        await queue.cancel(ids, "not needed")

    await rig.first.levels.reset(_one(await rig.units()))
    monkeypatch.setattr(rig.main, "put_at", and_cancel_late)
    await rig.ask(RESTORE)
    await rig.finish(rig.first)
    monkeypatch.undo()
    await rig.first.levels.reset(_one(await rig.units()))
    await rig.comes_back()


async def test_a_write_is_not_cancelled(database: Database) -> None:
    queue = Queue(database, TERMS)
    await queue.request(WRITE, units(1, 2), "ann")
    await queue.request(ARCHIVE, units(2), "ann")
    assert await queue.cancel([1, 2], "no") == {2}
    for unit in (1, 2):
        assert await row(database, unit, "wanted, marked, failure") == ("WRITE", True, None)


async def test_what_fails_is_tried_again_ever_later(database: Database) -> None:
    queue = Queue(database, replace(TERMS, retry=timedelta(minutes=1)))
    await queue.request(RESTORE, units(1), "ann")
    for minutes in (1, 2, 4):
        (unit,) = await take(queue, RESTORE)
        await queue.failed(unit, "the tape is torn")
        assert await row(database, 1, f"not_before > now() + {minutes} * interval '59 s'") == (True,)
        async with database.connection() as connection:
            await connection.execute("UPDATE unit SET not_before = now()")


async def test_a_restore_is_tried_three_times_and_then_has_failed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.ask(ARCHIVE)
    await rig.finish()
    tries: Counter[str] = Counter()

    async def torn(names: list[str]) -> None:
        tries.update(names)
        raise OSError("the tape is torn")

    monkeypatch.setattr(rig.archive, "request", torn)
    await rig.ask(RESTORE)
    await rig.finish()
    assert set(tries.values()) == {3}
    [(failure, wanted)] = await rig.site.rows("SELECT DISTINCT failure, wanted FROM unit")
    assert (failure, wanted) == ("OSError: the tape is torn", None)


async def test_where_a_request_stands(database: Database) -> None:
    queue = Queue(database, TERMS)
    await queue.request(RESTORE, units(*range(100, 140)), "ann")
    done = await take(queue, RESTORE, 20)
    await queue.done([Outcome(unit, online=True) for unit in done])
    async with database.connection() as connection:
        await connection.execute("UPDATE unit SET restored = now() - interval '10 s' WHERE restored IS NOT NULL")
    await queue.request(RESTORE, units(1, 2), "bob")
    await queue.request(RESTORE, units(3), "eve", priority=1)
    found = await progress(database, "dataset", _each([1, 2], database))
    assert (found.units, found.online, found.restoring, found.failed, found.status) == (2, 0, 2, 0, "RESTORING")
    assert found.position == 20 + 1
    assert found.seconds == pytest.approx((21 + 2) / 2, rel=0.2)
    assert await waiting_s(database, "dataset", [3]) == pytest.approx(0.5, rel=0.2)
    assert await waiting_s(database, "dataset", [999]) is None


async def _each(ids: list[int], database: Database) -> Any:
    yield ids, await standing(database, "dataset", ids)


async def _one(some: Any) -> Any:
    yield some
