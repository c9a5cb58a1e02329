"""What has changed in the catalogue since somebody looked, entity by entity.

There is an event for every change, in the transaction of the change. It is in `event_inbox` for up to a second, then in
`event`: both are looked at, once a second and only while somebody asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from beamcat.database.pool import Database

LOOKED_EVERY_S = 1.0
"""How long what is known is trusted."""
MOST_EVENTS = 10_000
"""After more events everything is taken to have changed."""

_NEWEST = "SELECT coalesce(max(position), 0) FROM event"
_NEWS = f"""
WITH news AS (SELECT position, entity FROM event WHERE position > %s ORDER BY position LIMIT {MOST_EVENTS})
SELECT 'newest', NULL, coalesce(max(position), 0), NULL FROM event
UNION ALL
SELECT 'event', entity, count(*), NULL FROM news GROUP BY entity
UNION ALL
SELECT 'inbox', entity, count(*), sum(id)::text FROM event_inbox GROUP BY entity
"""  # noqa: S608


class Changes:
    """Looks are numbered. What was read after a look holds what had changed before it."""

    def __init__(self, database: Database, ticks: Callable[[], float]) -> None:
        self._database = database
        self._ticks = ticks
        self._looking = asyncio.Lock()
        self._look = 0
        self._looked = float("-inf")
        self._position: int | None = None
        self._inbox: dict[str, tuple[int, str]] = {}
        self._changed: dict[str, int] = {}
        self._all_changed = 0

    async def look(self) -> int:
        """The number of the newest look, which is at most a second ago."""
        if not self._is_fresh():
            async with self._looking:
                if not self._is_fresh():
                    await self._look_again()
        return self._look

    def since(self, look: int, entities: Iterable[str]) -> bool:
        """Whether any of the entities may have changed since that look."""
        return self._all_changed > look or any(self._changed.get(entity, 0) > look for entity in entities)

    def _is_fresh(self) -> bool:
        return self._ticks() - self._looked < LOOKED_EVERY_S

    async def _look_again(self) -> None:
        started = self._ticks()
        async with self._database.connection() as conn:
            if self._position is None:
                rows = await (await conn.execute(_NEWEST)).fetchall()
                self._position = rows[0][0]
            rows = await (await conn.execute(_NEWS.encode(), [self._position])).fetchall()
        self._look += 1
        self._note(rows)
        self._looked = started

    def _note(self, rows: list[tuple[Any, ...]]) -> None:
        newest = next(position for kind, _, position, _ in rows if kind == "newest")
        events = {entity: count for kind, entity, count, _ in rows if kind == "event"}
        inbox = {entity: (count, ids) for kind, entity, count, ids in rows if kind == "inbox"}
        assert self._position is not None
        if sum(events.values()) == MOST_EVENTS or newest < self._position:  # as after a backup was put back
            self._all_changed = self._look
        # an event that moves on is told of twice, which does no harm
        changed = {*events, *(entity for entity, ids in inbox.items() if self._inbox.get(entity) != ids)}
        self._changed.update(dict.fromkeys(changed, self._look))
        self._position, self._inbox = newest, inbox
