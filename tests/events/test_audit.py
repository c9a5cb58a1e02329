"""The audit trail: asked by object, user and time, page by page, and cleared of what is old."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from beamcat.cli.events import json_line
from beamcat.database.outbox import ChangeKind, Origin
from beamcat.database.pool import Connection, Database
from beamcat.errors import NoSuchObject
from beamcat.events.audit import Asked, forget_reader, history, history_statement, id_ranges, prune
from beamcat.events.event import Event
from beamcat.events.keeping import Start
from beamcat.events.reading import keep_reading
from beamcat.events.sequencing import sequence
from tests.events.site import NOON, QUICK, Remembering, happen, happened, ids_in, running, until


async def first_ids(database: Database, **asked: object) -> list[int]:
    return [event.ids[0][0] for event in await history(database, Asked(**asked))]  # type: ignore[arg-type]


@pytest.fixture
async def trail(database: Database) -> None:
    await happened(database, 4)
    await happen(database, *range(100, 200), entity="Datafile", user="db/bob", at=NOON + timedelta(seconds=5))
    await happen(database, 150, entity="Datafile", kind=ChangeKind.UPDATED, at=NOON + timedelta(seconds=6))
    await happen(database, 150, entity="Sample", at=NOON + timedelta(seconds=7))
    await sequence(database)


@pytest.mark.usefixtures("trail")
async def test_the_trail_is_asked_by_whatever_one_knows(database: Database) -> None:
    assert await first_ids(database) == [150, 150, 100, 4, 3, 2, 1]
    assert await first_ids(database, entity="Datafile") == [150, 100]
    assert await first_ids(database, entity="Datafile", id=150) == [150, 100]
    assert await first_ids(database, entity="Datafile", id=199) == [100]
    assert await first_ids(database, entity="Datafile", id=200) == []
    assert await first_ids(database, id=150) == [150, 150, 100]
    assert await first_ids(database, user="db/bob") == [100]
    assert await first_ids(database, operation=ChangeKind.UPDATED) == [150]
    second = timedelta(seconds=1)
    assert await first_ids(database, since=NOON + 2 * second, until=NOON + 4 * second) == [3, 2]
    assert await first_ids(database, user="db/ann", entity="Dataset", since=NOON + 3 * second) == [4, 3]


@pytest.mark.usefixtures("trail")
async def test_pages_follow_each_other_without_gap_or_repetition(database: Database) -> None:
    whole = [event.position for event in await history(database, Asked())]
    pages: list[int] = []
    while page := await history(database, Asked(before_position=pages[-1] if pages else None), limit=3):
        pages += [event.position for event in page]
    assert pages == whole


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (Asked(), "event_pkey"),
        (Asked(entity="Datafile", id=4_711_111), "event_ids_idx"),
        (Asked(user="db/u7"), "event_user_name_idx"),
        (Asked(user="db/u7", before_position=30_000), "event_user_name_idx"),
        (Asked(entity="Rule"), "event_entity_idx"),
        (Asked(until=NOON + timedelta(days=3)), "event_at_idx"),
        (Asked(since=NOON + timedelta(days=3), until=NOON + timedelta(days=3, minutes=5)), "event_at_idx"),
        (Asked(since=NOON + timedelta(days=30)), "event_at_idx"),
        (Asked(user="db/u7", until=NOON + timedelta(days=3)), "event_user_name_idx"),
    ],
)
async def test_questions_find_their_index(long_trail: Connection, asked: Asked, index: str) -> None:
    statement, params = history_statement(asked, 10)
    cursor = await long_trail.execute(f"EXPLAIN (ANALYZE) {statement}".encode(), params)
    plan = "\n".join(row[0] for row in await cursor.fetchall())
    assert index in plan
    assert "Seq Scan" not in plan
    assert sum(map(int, re.findall(r"Rows Removed by Filter: (\d+)", plan))) <= 1500, plan  # a day has 1440


@pytest.fixture
async def long_trail(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as conn:
        await conn.execute(
            "INSERT INTO event (at, user_name, request_id, entity, operation, origin, ids) "
            "SELECT %s + n * interval '1 min', 'db/u' || n %% 500, '-', "
            "CASE n %% 1000 WHEN 7 THEN 'Rule' ELSE 'Datafile' END, 'C', 'call', "
            "int8multirange(int8range(n * 100, n * 100 + 100)) FROM generate_series(1, 20000) n",
            [NOON],
        )
        await conn.execute("ANALYZE event")
        yield conn


async def test_pruning_removes_what_is_old_in_batches(database: Database) -> None:
    await happened(database, 7)
    batches: list[int] = []
    assert await prune(database, NOON + timedelta(seconds=6), rows_at_once=2, told=batches.append) == 5
    assert batches == [2, 2, 1]
    assert await ids_in(database, "event") == [6, 7]


async def test_pruning_leaves_what_a_reader_has_still_to_read(database: Database) -> None:
    await happened(database, 3)
    slow, fast = Remembering("slow", Start.BEGINNING), Remembering("fast", Start.BEGINNING)
    async with running(keep_reading(database, slow, **QUICK)):
        await until(lambda: _read(database, "slow"))
    await happen(database, 4, at=NOON)
    await happen(database, 5, at=NOON)
    await sequence(database)
    async with running(keep_reading(database, fast, **QUICK)):
        await until(lambda: _read(database, "fast"))
    later = NOON + timedelta(days=1)
    assert await prune(database, later) == 3
    assert await ids_in(database, "event") == [4, 5]
    async with database.connection() as conn:  # a reader of something else has positions of its own
        await conn.execute(
            "INSERT INTO event_reader (name, source, position, moved) VALUES ('calls', 'call', 0, now())"
        )
    await forget_reader(database, "slow")
    assert await prune(database, later) == 2
    with pytest.raises(NoSuchObject, match="there is no reader slow"):
        await forget_reader(database, "slow")


async def _read(database: Database, name: str) -> bool:
    async with database.connection() as conn:
        cursor = await conn.execute(
            "SELECT position = (SELECT max(position) FROM event) FROM event_reader WHERE name = %s", [name]
        )
        return await cursor.fetchone() == (True,)


def test_ids_for_people() -> None:
    assert id_ranges([(7, 7), (9, 12)], 5) == "7, 9-12"
    assert id_ranges([(n, n) for n in range(0, 20, 2)], 3) == "0, 2, 4, ..."


def test_an_event_as_json() -> None:
    former = {"Dataset": ((2, 2), (4, 6)), "Investigation": ()}
    event = Event(3, NOON, "db/ann", "r", "Datafile", ChangeKind.DELETED, Origin.CALL, ((1, 3), (5, 5)), former)
    assert json.loads(json_line(event)) == {
        "position": 3,
        "at": "2026-03-02T12:00:00+00:00",
        "user": "db/ann",
        "requestId": "r",
        "entity": "Datafile",
        "operation": "D",
        "origin": "call",
        "ids": [[1, 3], [5, 5]],
        "former": {"Dataset": [[2, 2], [4, 6]], "Investigation": []},
    }
