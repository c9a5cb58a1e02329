"""Reads events under the name `search`, and has the documents made again that they touch.

The position that counts is the engine's: what it has committed is in the index. That of the reader (`event_reader`)
follows it, so that `beamcat events` tells how far the index is behind, and nothing is removed that is still to be read.
When they differ, the older one counts: the index was exchanged, a copy of it was put back, or the database was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import monotonic

from beamcat.config import Settings
from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, Unavailable
from beamcat.events.event import Event
from beamcat.events.keeping import LONGEST_PAUSE_S, PAUSE_S, Source, Start, keep, move_on
from beamcat.events.leading import FOLLOW_S
from beamcat.events.reading import events_after
from beamcat.observability.logs import logger
from beamcat.observability.metrics import Metrics
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine, Writing
from beamcat.search.feeding.remaking import Remaking
from beamcat.search.feeding.tasks import Task, Waiting, tasks_of
from beamcat.search.feeding.walks import follows
from beamcat.search.rebuilding import first_index, populate
from beamcat.search.rebuilding.history import is_of_later_state

NAME = "search"
"""By which the position of the index is kept among the readers of events."""
EVENTS_AT_ONCE = 1_000
"""Most events that are read at once."""
OBJECTS_AT_ONCE = 5_000
"""Events are handled together until they are of so many objects."""
DOCUMENTS_AT_ONCE = 5_000
"""About as many documents are made between two commits, and as many again for tasks that take longer."""
MOST_WAITING = 1_000
"""Tasks that take longer. When there are as many, what is new has to wait."""

LOOK_EVERY_S = 1.0
"""How often it is looked whether the index was exchanged while nothing happens."""

First = Callable[[], Awaitable[None]]
Beside = Callable[[Writing, int], Awaitable[bool]]


async def keep_feeding(
    database: Database,
    engine: Engine,
    documents: Mapping[str, Documents],
    settings: Settings,
    metrics: Metrics,
    *,
    pause_s: float = PAUSE_S,
    follow_s: float = FOLLOW_S,
) -> None:
    """Have the index follow the catalogue until cancelled; one worker does so. Makes the first index if there is none.

    `documents` are those that are indexed, by entity. Takes one connection beside the pool while it leads.
    """
    feeder = Feeder(
        engine,
        documents,
        metrics,
        counted=settings.database.maintain_file_counts,
        first=partial(first_index, settings, database, engine, documents),
        beside=partial(populate, database, engine, documents),
        pause_s=pause_s,
    )
    try:
        await keep(database, NAME, Source.EVENTS, Start.NEWEST, feeder.turn, pause_s=pause_s, follow_s=follow_s)
    finally:
        await feeder.close()


class Feeder:
    """Follows events with the one writer of the index, which it opens when it is its turn.

    `first` makes the index when there is none, or it is of a later state of the catalogue. `beside` is done between two
    commits, a piece at a time, while it returns true; it is given the writer and the position of the last commit.
    """

    def __init__(
        self,
        engine: Engine,
        documents: Mapping[str, Documents],
        metrics: Metrics,
        *,
        counted: bool,
        first: First,
        beside: Beside,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._engine, self._metrics, self._first, self._beside = engine, metrics, first, beside
        self._follows = follows(documents, counted=counted)
        self._remaking = Remaking(documents, metrics)
        self._shortest_pause_s = self._pause_s = pause_s
        self._is_away = False
        self._look_at = 0.0
        self._writing: Writing | None = None
        self._position = self._read = 0
        self._ahead: deque[Event] = deque()
        self._waiting = Waiting()

    async def turn(self, connection: Connection, position: int) -> int:
        """Do all that there is to do; the position up to which the index is then. See `events.keeping.Turn`."""
        self._position = position
        try:
            while True:
                try:
                    is_all = await self._step(connection)
                except BeamcatError as error:
                    await self.close()
                    await self._wait(error.message)
                else:
                    self._is_back()
                    if is_all:
                        return self._position
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the writer, and forget what was not committed."""
        self._ahead.clear()
        self._waiting = Waiting()
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing.close()

    async def _step(self, connection: Connection) -> bool:
        """Do about a second's worth and commit it; whether nothing is left to do."""
        writing = self._writing or await self._open(connection)
        before = self._read
        events = await self._next(connection)
        stale = await self._stale(connection, tasks_of(events, self._follows, before))
        await self._advance_waiting(connection, stale)
        for entity, ids in stale.items():
            await self._remaking.remake(connection, writing, entity, ids)
        reached = self._read if (held := self._waiting.before()) is None else held
        if any(stale.values()) or reached != self._position:
            await writing.commit(reached)
            await self._move(connection, reached)
        elif await self._is_exchanged():
            await self.close()
            return False
        is_busy = await self._beside(writing, reached)
        return not (events or self._waiting or is_busy)

    async def _is_exchanged(self) -> bool:
        """Whether another index is asked by now, which is to follow from its own position. Looks now and then."""
        if monotonic() < self._look_at:
            return False
        self._look_at = monotonic() + LOOK_EVERY_S
        return await self._engine.position() != self._position

    async def _move(self, connection: Connection, position: int) -> None:
        """Have the position stored."""
        if position != self._position:
            await move_on(connection, NAME, self._position, position)
            self._position = position

    async def _open(self, connection: Connection) -> Writing:
        """The writer, at the position from which on to read."""
        await connection.execute("SET statement_timeout = 0")  # nobody waits for these answers
        reached = await self._engine.position()
        is_of_later = await is_of_later_state(connection, reached)
        self._metrics.search_is_of_later_state(is_of_later)
        if reached is None or is_of_later:
            if reached is None:
                logger().info("search has no index of this version yet; it is made now")
            else:
                logger().error(
                    "the index of search is of a later state of the catalogue, which was restored since; it is rebuilt"
                    " now (`beamcat reindex` does so with all cores)",
                    index=reached,
                )
            await self._first()
            reached = await self._engine.position()
            if reached is None:
                raise Unavailable("there is no index to search yet; it has to be built first")
            self._metrics.search_is_of_later_state(await is_of_later_state(connection, reached))
        self._writing = writing = await self._engine.writing()
        # it may have been exchanged between the two
        now = await self._engine.position() or 0
        self._read = min(reached, now, self._position)
        if self._read != now:
            await writing.commit(self._read)
        await self._move(connection, self._read)
        return writing

    async def _next(self, connection: Connection) -> Sequence[Event]:
        """The next events, of some thousand objects; none while there is too much to do."""
        if len(self._waiting) >= MOST_WAITING:
            return ()
        if not self._ahead:
            self._ahead.extend(await events_after(connection, self._read, EVENTS_AT_ONCE))
        some: list[Event] = []
        objects = 0
        while self._ahead and (not some or objects + self._ahead[0].count <= OBJECTS_AT_ONCE):
            event = self._ahead.popleft()
            objects += event.count
            some.append(event)
        if some:
            self._read = some[-1].position
        return some

    async def _stale(self, connection: Connection, tasks: Sequence[Task]) -> dict[str, set[int]]:
        """The documents that tasks lead to, as far as they are not too many: the rest of the tasks waits."""
        stale: dict[str, set[int]] = {}
        left = DOCUMENTS_AT_ONCE
        for task in tasks:
            has_more = True
            if left > 0 and task not in self._waiting:
                ids, has_more = await task.advance(connection, DOCUMENTS_AT_ONCE)
                left -= len(ids)
                stale.setdefault(task.walk.documents, set()).update(ids)
            if has_more:
                self._waiting.add(task)
        return stale

    async def _advance_waiting(self, connection: Connection, stale: dict[str, set[int]]) -> None:
        """Add some documents of tasks that take longer, each in turn."""
        left = DOCUMENTS_AT_ONCE
        while self._waiting and left > 0:
            task = self._waiting.take()
            ids, has_more = await task.advance(connection, left)
            left -= max(1, len(ids))
            stale.setdefault(task.walk.documents, set()).update(ids)
            if has_more:
                self._waiting.give_back()
            else:
                self._waiting.end()

    async def _wait(self, reason: str) -> None:
        if not self._is_away:
            self._is_away = True
            self._metrics.search_waits(True)
            logger().warning("the index of search cannot be written; changes wait", error=reason)
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _is_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._metrics.search_waits(False)
            logger().info("the index of search is written again")
        self._pause_s = self._shortest_pause_s
