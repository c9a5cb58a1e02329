"""A reader that goes through a table of positions, in order, and never loses its place.

How far it has come is kept in `event_reader`, so it goes on where it was after whatever crash. Any number of workers
may keep the same reader: one of them reads, another one takes over when it dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum

from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, Unavailable
from beamcat.events.leading import FOLLOW_S, leadership
from beamcat.observability.logs import logger

PAUSE_S = 0.5
"""How often a reader that has read everything looks for more."""
LONGEST_PAUSE_S = 30.0
"""Longest pause before rows are handed over again that a reader could not handle."""


class Start(Enum):
    """Where a reader begins that has never read."""

    BEGINNING = "the oldest row there is"
    NEWEST = "the first row that comes"


class Source(Enum):
    """What is read: a table whose `position` grows in the order in which its rows become visible."""

    EVENTS = "event"
    CALLS = "call"


class PositionChanged(Exception):
    """The position of a reader is not what it was: somebody has removed or changed it."""


Turn = Callable[[Connection, int], Awaitable[int]]
"""Hands over the rows after a position, calls `move_on`, and returns the position of the last one."""


async def keep(
    database: Database,
    name: str,
    source: Source,
    start: Start,
    turn: Turn,
    *,
    pause_s: float = PAUSE_S,
    follow_s: float = FOLLOW_S,
) -> None:
    """Take turn after turn, on a connection beside the pool, until cancelled. While others keep this name, wait."""
    pause = pause_s
    while True:
        try:
            async with leadership(database, f"reader {name}", follow_s=follow_s) as conn:
                pause = pause_s
                await _read_on(conn, name, await _position(conn, name, source, start), turn, pause_s)
        except PositionChanged:
            logger().warning("the position of a reader was changed by somebody else", reader=name)
        except BeamcatError as error:
            pause = min(2 * pause, LONGEST_PAUSE_S)
            logger().warning("a reader has to wait", reader=name, error=error.message, again_in_s=pause)
        except Exception:
            pause = min(2 * pause, LONGEST_PAUSE_S)
            logger().exception("a reader has to wait", reader=name, again_in_s=pause)
        await asyncio.sleep(pause)


async def move_on(conn: Connection, name: str, before: int, after: int) -> None:
    """Store how far the reader has come. Raises `PositionChanged` when it was not at `before`."""
    cursor = await conn.execute(
        "UPDATE event_reader SET position = %s, moved = now() WHERE name = %s AND position = %s",
        [after, name, before],
    )
    if cursor.rowcount != 1:
        raise PositionChanged(name)


async def _read_on(conn: Connection, name: str, position: int, turn: Turn, pause_s: float) -> None:
    """Read for as long as the connection lives. A reader that fails keeps its lead: others would fare no better."""
    pause = pause_s
    while True:
        try:
            before, position = position, await turn(conn, position)
        except PositionChanged:
            raise
        except Exception as error:
            if conn.closed:
                raise Unavailable(f"the connection is lost: {error}") from error
            pause = min(2 * pause, LONGEST_PAUSE_S)
            logger().exception("a reader could not do its work", reader=name, after=position, again_in_s=pause)
            await asyncio.sleep(pause)
        else:
            pause = pause_s
            if position == before:
                await asyncio.sleep(pause_s)


async def _position(conn: Connection, name: str, source: Source, start: Start) -> int:
    """How far the reader has come."""
    newest = f"coalesce((SELECT max(position) FROM {source.value}), 0)"
    await conn.execute(
        "INSERT INTO event_reader (name, source, position, moved) "
        f"VALUES (%s, %s, {newest if start is Start.NEWEST else 0}, now()) ON CONFLICT DO NOTHING",
        [name, source.value],
    )
    cursor = await conn.execute(
        "SELECT position FROM event_reader WHERE name = %s AND source = %s", [name, source.value]
    )
    row = await cursor.fetchone()
    if row is None:
        raise PositionChanged(name)
    return int(row[0])
