"""Events get positions in the order of their commits, none is lost, none comes twice."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError
from beamcat.events.reading import events_after, keep_reading
from beamcat.events.sequencing import _LOCK, _MOVE, keep_sequencing, sequence
from tests.events.site import QUICK, Remembering, happen, ids_in, running, until, write


async def test_events_move_in_order_and_in_bounded_batches(database: Database) -> None:
    for number in range(1, 6):
        await happen(database, number)
    assert [await sequence(database, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert await ids_in(database, "event") == [1, 2, 3, 4, 5]
    assert await ids_in(database, "event_inbox") == []


async def test_everything_about_an_event_is_kept(database: Database) -> None:
    await happen(database, 1, 2, 3, 7, entity="Datafile", user="db/bob")
    await sequence(database)
    async with database.connection() as conn:
        [event] = await events_after(conn, 0, 10)
    assert (event.entity, event.user, event.request_id) == ("Datafile", "db/bob", "request")
    assert (event.operation.value, event.origin.value) == ("C", "call")
    assert (event.ids, list(event.each_id()), event.count) == (((1, 3), (7, 7)), [1, 2, 3, 7], 4)


async def test_a_transaction_that_began_first_and_commits_last_is_not_lost(database: Database) -> None:
    """It has the lower id in the inbox. A reader of ids would be beyond it by the time it is there."""
    reader = Remembering()

    async def read(count: int) -> bool:
        return len(reader.given) == count

    async with running(keep_sequencing(database, pause_s=0.02), keep_reading(database, reader, **QUICK)):
        async with database.connection() as early, database.connection() as late, early.transaction():
            await write(early, 1)
            async with late.transaction():
                await write(late, 2)
            await until(lambda: read(1))
            assert reader.given == [2]
        await until(lambda: read(2))
        assert reader.given == [2, 1]


async def test_an_event_is_not_seen_before_its_transaction_is_committed(database: Database) -> None:
    async with database.transaction() as conn:
        await write(conn, 1)
        assert await sequence(database) == 0
    assert await sequence(database) == 1


async def test_while_one_gives_positions_the_others_do_not(database: Database) -> None:
    await happen(database, 1)
    async with database.transaction() as conn:
        await conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", _LOCK)
        assert await sequence(database) == 0
    assert await sequence(database) == 1


async def test_many_at_once_neither_lose_nor_double(database: Database) -> None:
    async def writer(first: int) -> None:
        for number in range(first, first + 50):
            await happen(database, number)

    async with running(*(keep_sequencing(database, pause_s=0.001) for _ in range(3))):
        await asyncio.gather(*(writer(first) for first in (0, 1000, 2000)))

        async def all_moved() -> bool:
            return await ids_in(database, "event_inbox") == []

        await until(all_moved)
    assert sorted(await ids_in(database, "event")) == [n + k for n in (0, 1000, 2000) for k in range(50)]


async def test_killed_in_the_middle_everything_is_still_there(database: Database, database_url: str) -> None:
    for number in range(1, 4):
        await happen(database, number)
    async with await psycopg.AsyncConnection.connect(database_url) as conn:
        await conn.execute(_MOVE, [2])
        async with database.connection() as other:
            await other.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            await conn.execute("SELECT 1")
    assert await ids_in(database, "event") == []
    assert await sequence(database) == 3
    assert await ids_in(database, "event") == [1, 2, 3]


async def test_it_goes_on_after_the_database_was_away(database: Database) -> None:
    async with running(keep_sequencing(database, pause_s=0.02)):
        async with database.connection() as conn:
            await conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        try:
            await happen(database, 1)
        except BeamcatError:
            await happen(database, 1)

        async def moved() -> bool:
            return await ids_in(database, "event") == [1]

        await until(moved)
