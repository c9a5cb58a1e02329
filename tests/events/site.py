"""Events without a catalogue around them, and readers that remember what they were given."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from beamcat.database.outbox import ChangeKind, Origin, Step, record
from beamcat.database.pool import Connection, Database
from beamcat.events.event import Event
from beamcat.events.keeping import Start
from beamcat.events.sequencing import sequence

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUICK = {"pause_s": 0.02, "follow_s": 0.02}
PATIENCE_S = 30.0


async def happen(
    database: Database,
    *numbers: int,
    entity: str = "Dataset",
    user: str = "db/ann",
    kind: ChangeKind = ChangeKind.CREATED,
    at: datetime = NOON,
) -> None:
    """One transaction that writes an event of these ids."""
    async with database.transaction() as conn:
        await write(conn, *numbers, entity=entity, user=user, kind=kind, at=at)


async def write(
    conn: Connection,
    *numbers: int,
    entity: str = "Dataset",
    user: str = "db/ann",
    kind: ChangeKind = ChangeKind.CREATED,
    at: datetime = NOON,
) -> None:
    await record(conn, user, at, "request", [Step(entity, kind, Origin.CALL, numbers)])


async def happened(database: Database, count: int, **members: Any) -> None:
    """That many events with the ids 1, 2, ..., a second apart, that have their positions."""
    for number in range(1, count + 1):
        await happen(database, number, at=NOON + timedelta(seconds=number), **members)
    assert await sequence(database) == count


async def ids_in(database: Database, table: str) -> list[int]:
    """The first id of each event."""
    key = "id" if table == "event_inbox" else "position"
    async with database.connection() as conn:
        cursor = await conn.execute(f"SELECT lower(ids) FROM {table} ORDER BY {key}")
        return [row[0] for row in await cursor.fetchall()]


@dataclass
class Remembering:
    """Remembers what it was given. `before` is awaited first, and may raise."""

    name: str = "memory"
    start: Start = Start.BEGINNING
    before: Callable[[Sequence[Event]], Awaitable[None]] | None = None
    given: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    async def handle(self, events: Sequence[Event]) -> None:
        if self.before is not None:
            await self.before(events)
        self.given += [identifier for event in events for identifier in event.each_id()]
        self.batches.append(len(events))


@dataclass
class Writing:
    """Writes what it was given into the table `test_log`. `after` is awaited last, and may raise."""

    name: str = "log"
    start: Start = Start.BEGINNING
    after: Callable[[Connection], Awaitable[None]] | None = None

    async def handle(self, events: Sequence[Event], conn: Connection) -> None:
        for event in events:
            await conn.execute("INSERT INTO test_log SELECT * FROM unnest(%s::bigint[])", [list(event.each_id())])
        if self.after is not None:
            await self.after(conn)


@contextlib.asynccontextmanager
async def running(*tasks: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Tasks that run meanwhile and are cancelled afterwards. One that ends by itself is an error."""
    started = [asyncio.create_task(task) for task in tasks]
    try:
        yield started
    finally:
        for task in started:
            task.cancel()
        for result in await asyncio.gather(*started, return_exceptions=True):
            if not isinstance(result, asyncio.CancelledError):
                raise AssertionError("a task has ended by itself") from result


async def until(what: Callable[[], Awaitable[Any]]) -> None:
    """Return when it is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not await what():
            await asyncio.sleep(0.01)
