"""What the facility tells everybody at the head of each page, between two moments."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from beamcat.database.pool import Database
from beamcat.errors import BadParameter, NoSuchObject

REMEMBERED_S = 10.0
"""How long a worker shows what it has read; within a minute everybody sees what was changed."""
LONGEST = 1000
"""Characters of one."""

_COLUMNS = "id, kind, message, starts, ends, created_by"
_CURRENT = f"SELECT {_COLUMNS} FROM announcement WHERE ends IS NULL OR ends > %s ORDER BY starts, id LIMIT 50"
_INSERT = """
INSERT INTO announcement (kind, message, starts, ends, created_by, created) VALUES (%s, %s, %s, %s, %s, %s)
"""
_END = "UPDATE announcement SET ends = %s WHERE id = %s AND (ends IS NULL OR ends > %s)"


class Tone(StrEnum):
    """How much it matters."""

    INFO = "info"
    WAIT = "wait"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One of them. `ends` None: until somebody ends it."""

    id: int
    kind: str
    text: str
    starts: datetime
    ends: datetime | None
    created_by: str


class Announcements:
    """Reads and makes them."""

    def __init__(self, database: Database, ticks: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._ticks = ticks
        self._read = float("-inf")
        self._known: tuple[Announcement, ...] = ()

    async def shown(self, now: datetime) -> list[Announcement]:
        """Those of this moment. At most one statement of a worker in `REMEMBERED_S`."""
        if self._ticks() - self._read > REMEMBERED_S:
            self._known = await self.coming(now)
            self._read = self._ticks()
        return [each for each in self._known if each.starts <= now and (each.ends is None or each.ends > now)]

    async def coming(self, now: datetime) -> tuple[Announcement, ...]:
        """Those of this moment and of later ones."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_CURRENT.encode(), (now,))).fetchall()
        return tuple(Announcement(*row) for row in rows)

    async def make(
        self, text: str, tone: Tone, *, starts: datetime, ends: datetime | None, user_name: str, now: datetime
    ) -> None:
        """A new one. Raises `BadParameter` for one that says nothing or is never shown."""
        if not text.strip() or len(text) > LONGEST:
            raise BadParameter(f"An announcement has between 1 and {LONGEST} characters")
        if ends is not None and ends <= max(starts, now):
            raise BadParameter("An announcement ends after it begins, and not in the past")
        async with self._database.connection() as connection:
            await connection.execute(_INSERT, (tone, text.strip(), starts, ends, user_name, now))
        self._read = float("-inf")

    async def end(self, identifier: int, now: datetime) -> None:
        """Show it no longer. Raises `NoSuchObject`."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(_END, (now, identifier, now))
        self._read = float("-inf")
        if cursor.rowcount == 0:
            raise NoSuchObject("There is no such announcement any more")
