"""Writes the log of calls, a second's worth at a time, beside the requests and never in their way.

A worker collects calls in memory and writes them every second, or when a thousand have come together. It does so under
an advisory lock, one worker at a time, so that positions are in the order of commits: whoever has read up to a position
misses nothing that came before it. A worker that is killed loses the calls of its last second. What they changed is
not lost: changes and their events are written in the transaction of the call itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from typing import Any

import psycopg

from beamcat.config import CallSettings
from beamcat.database.instants import EPOCH
from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError
from beamcat.events.calls import GROUPS
from beamcat.events.leading import lock_key
from beamcat.observability.logs import logger, without_tokens
from beamcat.observability.metrics import Metrics
from beamcat.observability.requests import ObservedRequest

WRITE_EVERY_S = 1.0
"""How long a call waits at most to be written down, as long as the database is there."""
BATCH = 1000
"""Calls that are written in one transaction."""
LAST_WRITE_S = 5.0
"""How long a worker that stops tries to write the rest."""

OPERATIONS: Mapping[str, str] = {
    **{operation: operation for operation in GROUPS},
    "deleteMany": "delete",
    "logged_in": "isLoggedIn",
    "session": "getUserName",
}
"""The operations by the names that doors have for them: what a request was for that never came to the core."""

_LONGEST_ID = 2**63
_LOCK = "SELECT pg_advisory_xact_lock(%s, %s), pg_current_xact_id()::text"
_LOCK_KEY = lock_key("call log")
_COPY = """
COPY call (started, duration_ms, door, operation, outcome, user_name, client, request_id, entity, object_id, query)
FROM STDIN (FORMAT binary)
"""
_TYPES = ("int8", "float8", *["text"] * 7, "int8", "text")
"""Of the values as they are sent. In PostgreSQL's binary form a moment is what an int8 is, which is made sooner."""
_EPOCH_S = EPOCH.timestamp()

Row = tuple[Any, ...]


class CallRecorder:
    """Collects the calls of one worker: `note` each, `start` when the database is there, `close` at the end.

    While the database is away, calls are kept up to `calls.buffer`; then the oldest are dropped, and counted.
    """

    def __init__(self, settings: CallSettings, metrics: Metrics, *, write_every_s: float = WRITE_EVERY_S) -> None:
        self._recorded = {
            name: operation for name, operation in OPERATIONS.items() if GROUPS[operation] in settings.record
        }
        self._longest_query = settings.max_query_characters
        self._room = settings.buffer
        self._metrics = metrics
        self._write_every_s = write_every_s
        self._waiting: deque[Row] = deque()
        self._batch: list[Row] = []
        self._in_doubt: str | None = None
        self._dropped = 0
        self._is_away = False
        self._closing = False
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def note(self, request: ObservedRequest, seconds: float) -> None:
        """Keep a request that has ended, if it is one of the calls to record. Never raises, never waits."""
        subject = request.subject
        operation = self._recorded.get(request.operation if subject is None else subject.operation)
        if operation is None:
            return
        entity, identifier, query = None, None, None
        if subject is not None:
            entity, identifier = subject.entity, _storable_id(subject.object_id)
            query = _storable(subject.query, self._longest_query)
        self._waiting.append(
            (
                round((request.started - _EPOCH_S) * 1e6),
                seconds * 1000,
                request.door,
                operation,
                request.outcome,
                request.user,
                request.client,
                request.id,
                entity,
                identifier,
                query,
            )
        )
        waiting = len(self._waiting)
        if waiting > self._room:
            self._waiting.popleft()
            self._drop(1)
        elif waiting == BATCH:
            self._wanted.set()

    def start(self, database: Database) -> None:
        """Begin to write what is collected."""
        self._task = asyncio.create_task(self._keep_writing(database))

    async def close(self) -> None:
        """Write what is left, as far as the database is there, and end."""
        self._closing = True
        self._wanted.set()
        if self._task is not None:
            try:
                async with asyncio.timeout(LAST_WRITE_S):
                    await self._task
            except TimeoutError:
                logger().error("the last calls could not be written down in time")
        if lost := len(self._batch) + len(self._waiting):
            self._drop(lost)
            self._batch.clear()
            self._waiting.clear()

    async def _keep_writing(self, database: Database) -> None:
        while True:
            closing = self._closing
            self._wanted.clear()
            await self._write_all(database)
            if closing:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._write_every_s):
                    await self._wanted.wait()

    async def _write_all(self, database: Database) -> None:
        """Write batch after batch, until nothing is left or the database is away."""
        while self._batch or self._waiting:
            if not self._batch:
                self._batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self._write(database)
            except (psycopg.DataError, TypeError, ValueError, OverflowError) as error:
                # never to be expected, but such calls must not keep all others from being written down
                logger().error("calls cannot be written down", exc_info=error, calls=len(self._batch))
                self._metrics.calls_dropped(len(self._batch))
            except (BeamcatError, psycopg.Error) as error:
                if not self._is_away:
                    self._is_away = True
                    logger().warning("calls wait to be written down", error=str(error))
                return
            self._batch, self._in_doubt = [], None
            if self._is_away:
                self._is_away = False
                logger().info("calls are written down again", dropped=self._dropped)
                self._dropped = 0

    async def _write(self, database: Database) -> None:
        """Write the batch, once: what was lost at its commit is looked at before it is tried again."""
        async with database.transaction() as conn:
            row = await (await conn.execute(_LOCK, _LOCK_KEY)).fetchone()
            assert row is not None
            if self._in_doubt is not None and await _is_committed(conn, self._in_doubt):
                return
            self._in_doubt = row[1]
            async with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.set_types(_TYPES)
                for row in self._batch:
                    await copy.write_row(row)

    def _drop(self, calls: int) -> None:
        self._metrics.calls_dropped(calls)
        if not self._dropped:
            logger().error("calls are dropped: the database is away for too long", kept=self._room)
        self._dropped += calls


async def _is_committed(conn: Connection, transaction: str) -> bool:
    row = await (await conn.execute("SELECT pg_xact_status(%s::text::xid8)", [transaction])).fetchone()
    return row == ("committed",)


def _storable_id(identifier: int | None) -> int | None:
    """The id, where the database can hold it: clients may ask for any number."""
    return identifier if identifier is not None and -_LONGEST_ID <= identifier < _LONGEST_ID else None


def _storable(text: str | None, longest: int) -> str | None:
    """The beginning of a text, without tokens, and what the database cannot hold: NUL and half surrogate pairs."""
    if text is None or not longest:
        return None
    text = without_tokens(text)[:longest]
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
