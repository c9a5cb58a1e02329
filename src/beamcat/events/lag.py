"""How far the readers of events are behind, and what waits for a position."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from beamcat.database.pool import Database
from beamcat.events.keeping import Source

MOST_COUNTED = 100_000
"""Rows of `event_inbox` that are counted at most."""

_READERS = """
SELECT r.name, r.source, r.position, r.moved,
       greatest(0, CASE r.source WHEN 'event' THEN (SELECT max(position) FROM event)
                                 ELSE (SELECT max(position) FROM call) END - r.position),
       CASE r.source
       WHEN 'event' THEN (SELECT at FROM event WHERE position > r.position ORDER BY position LIMIT 1)
       ELSE (SELECT started FROM call WHERE position > r.position ORDER BY position LIMIT 1) END
  FROM event_reader r
 ORDER BY r.name
"""
_INBOX = f"""
SELECT (SELECT count(*) FROM (SELECT FROM event_inbox LIMIT {MOST_COUNTED}) waiting),
       (SELECT at FROM event_inbox ORDER BY id LIMIT 1)
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """Where a reader is, and how far behind: in positions, and since when its oldest unread row is there.

    `oldest` is None when it has read everything.
    """

    name: str
    source: Source
    position: int
    moved: datetime
    behind: int
    oldest: datetime | None

    def seconds(self, now: datetime) -> float:
        """The age of the oldest unread row; 0 when everything is read."""
        return age_s(self.oldest, now)


@dataclass(frozen=True, slots=True)
class Inbox:
    """How many events wait for a position, 100 000 at most, and since when the oldest does."""

    rows: int
    oldest: datetime | None


async def lags(database: Database) -> list[Lag]:
    """All readers there have ever been and that were not forgotten, by name."""
    async with database.connection() as conn:
        rows = await (await conn.execute(_READERS)).fetchall()
    return [
        Lag(name, Source(source), position, moved, behind or 0, oldest)
        for name, source, position, moved, behind, oldest in rows
    ]


async def inbox(database: Database) -> Inbox:
    """What waits for a position."""
    async with database.connection() as conn:
        row = await (await conn.execute(_INBOX)).fetchone()
    assert row is not None
    return Inbox(*row)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is still to be read."""

    readers: tuple[Lag, ...]
    inbox: Inbox


async def backlog(database: Database) -> Backlog:
    """What is still to be read, by whom."""
    return Backlog(tuple(await lags(database)), await inbox(database))


def age_s(since: datetime | None, now: datetime) -> float:
    """Seconds since a moment; 0 without one, and when clocks differ."""
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
