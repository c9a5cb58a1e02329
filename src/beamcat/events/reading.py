"""Events handed over to readers, in the order of their positions, with nothing left out.

`keep_reading` is for those who act on the outside world, `keep_writing` for those who only write to this database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from beamcat.database.pool import Connection, Database
from beamcat.events.event import COLUMNS, Event, event_of
from beamcat.events.keeping import PAUSE_S, Source, Start, keep, move_on
from beamcat.events.leading import FOLLOW_S

BATCH = 500
"""Most events that are handed over at once."""


class Reader(Protocol):
    """Somebody who acts on events, outside of the catalogue's database: a broker, a search index.

    Only one `handle` runs at a time for a `name`, whatever the number of workers. Events come in the order of their
    positions, at most `batch` of them; the next ones come when it has returned. **At least once**: what was handled
    right before a crash is handed over again, together with what came after it. A `handle` that raises is called again
    with the same events (or more), after pauses that grow to 30 s, for as long as it takes: what can never be handled
    has to be logged and passed over by the reader itself. It may be cancelled at any `await`.
    """

    @property
    def name(self) -> str:
        """By which its position is kept. It never changes, and no other reader has it."""
        ...

    @property
    def start(self) -> Start:
        """Where it begins when it has never read."""
        ...

    async def handle(self, events: Sequence[Event]) -> None:
        """Act on the events. When this returns, they count as read."""
        ...


class WritingReader(Protocol):
    """Somebody who does nothing with events but write to the catalogue's database.

    As `Reader`, but **exactly once**: what `handle` writes on `conn` is committed together with the position, or
    not at all. It must not end the transaction, and leave nothing behind anywhere else.
    """

    @property
    def name(self) -> str:
        """By which its position is kept. It never changes, and no other reader has it."""
        ...

    @property
    def start(self) -> Start:
        """Where it begins when it has never read."""
        ...

    async def handle(self, events: Sequence[Event], conn: Connection) -> None:
        """Write on `conn` what follows from the events. When this returns, it is committed."""
        ...


async def keep_reading(
    database: Database,
    reader: Reader,
    *,
    batch: int = BATCH,
    pause_s: float = PAUSE_S,
    follow_s: float = FOLLOW_S,
) -> None:
    """Hand events to the reader as they come, until cancelled. While others read under its name, wait.

    Takes one connection beside the pool while it reads.
    """

    async def turn(conn: Connection, position: int) -> int:
        events = await events_after(conn, position, batch)
        if not events:
            return position
        await reader.handle(events)
        await move_on(conn, reader.name, position, events[-1].position)
        return events[-1].position

    await keep(database, reader.name, Source.EVENTS, reader.start, turn, pause_s=pause_s, follow_s=follow_s)


async def keep_writing(
    database: Database,
    reader: WritingReader,
    *,
    batch: int = BATCH,
    pause_s: float = PAUSE_S,
    follow_s: float = FOLLOW_S,
) -> None:
    """The same for a reader that writes to this database: each batch and its position are one transaction."""

    async def turn(conn: Connection, position: int) -> int:
        events = await events_after(conn, position, batch)
        if not events:
            return position
        async with conn.transaction():
            await move_on(conn, reader.name, position, events[-1].position)
            await reader.handle(events, conn)
        return events[-1].position

    await keep(database, reader.name, Source.EVENTS, reader.start, turn, pause_s=pause_s, follow_s=follow_s)


async def events_after(conn: Connection, position: int, most: int) -> list[Event]:
    """The next events after a position, in order."""
    cursor = await conn.execute(
        f"SELECT {COLUMNS} FROM event WHERE position > %s ORDER BY position LIMIT %s", [position, most]
    )
    return [event_of(row) for row in await cursor.fetchall()]
