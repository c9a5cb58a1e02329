"""The events of a transaction, as they are written inside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from beamcat.database.outbox import ChangeKind, Origin, Step, multiranges, record
from beamcat.database.pool import Database

NOW = datetime(2026, 3, 2, 9, 0, 0, 123000, tzinfo=UTC)
CREATED, UPDATED, DELETED = ChangeKind.CREATED, ChangeKind.UPDATED, ChangeKind.DELETED


async def rows(database: Database) -> list[tuple[Any, ...]]:
    async with database.connection() as conn:
        cursor = await conn.execute("SELECT entity, operation, origin, ids::text FROM event_inbox ORDER BY id")
        return await cursor.fetchall()


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([7], "{[7,8)}"),
        ([1, 2, 3], "{[1,4)}"),
        ([9, 3, 1, 2, 3, 7, 8], "{[1,4),[7,10)}"),
        ([1, 3, 5], "{[1,2),[3,4),[5,6)}"),
        (range(10, 5010), "{[10,5010)}"),
    ],
)
def test_ids_are_written_as_ranges(ids: Any, text: str) -> None:
    assert multiranges(ids) == [text]


def test_ids_that_are_scattered_widely_become_several_events() -> None:
    assert multiranges([1, 3, 5, 6, 8, 10], 2) == ["{[1,2),[3,4)}", "{[5,7),[8,9)}", "{[10,11)}"]
    assert multiranges([]) == []


async def test_all_steps_are_written_in_their_order_with_who_when_and_by_which_request(database: Database) -> None:
    steps = [
        Step("Dataset", CREATED, Origin.CALL, [5]),
        Step("Datafile", CREATED, Origin.BELOW, [3, 1, 2]),
        Step("Dataset", UPDATED, Origin.CALL, [5]),
        Step("Dataset", DELETED, Origin.CALL, []),
    ]
    async with database.transaction() as conn:
        await record(conn, "db/ann", NOW, "request-1", steps)
    assert await rows(database) == [
        ("Dataset", "C", "call", "{[5,6)}"),
        ("Datafile", "C", "below", "{[1,4)}"),
        ("Dataset", "U", "call", "{[5,6)}"),
    ]
    async with database.connection() as conn:
        cursor = await conn.execute("SELECT DISTINCT at, user_name, request_id FROM event_inbox")
        assert await cursor.fetchall() == [(NOW, "db/ann", "request-1")]


async def test_neighbours_that_do_the_same_to_different_objects_become_one_event(database: Database) -> None:
    steps = [
        *(Step("Datafile", CREATED, Origin.CALL, [number]) for number in range(1, 4)),
        Step("Datafile", UPDATED, Origin.CALL, [1]),
        Step("Datafile", UPDATED, Origin.CALL, [1]),  # the same object again: a change of its own
        Step("Datafile", UPDATED, Origin.CALL, [2]),
        Step("Datafile", UPDATED, Origin.BELOW, [3]),
    ]
    async with database.transaction() as conn:
        await record(conn, "db/ann", NOW, "-", steps)
    assert await rows(database) == [
        ("Datafile", "C", "call", "{[1,4)}"),
        ("Datafile", "U", "call", "{[1,2)}"),
        ("Datafile", "U", "call", "{[1,3)}"),
        ("Datafile", "U", "below", "{[3,4)}"),
    ]


async def test_nothing_done_is_no_statement(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute("SET TRANSACTION READ ONLY")
        await record(conn, "db/ann", NOW, "-", [Step("Dataset", CREATED, Origin.CALL, [])])
    assert await rows(database) == []
