"""The slow-query log: the question in ICAT's words, who asked, the SQL, and how PostgreSQL plans to answer it.

The plan is fetched on another connection after the answer is on its way; whatever goes wrong with it is written into
the log entry and disturbs nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from typing import Any

import psycopg

from beamcat.errors import BeamcatError
from beamcat.observability.logs import logger

ConnectionFactory = Callable[[], AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]]
"""`Database.connection`: a connection for a few statements."""

PLAN_TIMEOUT_S = 2.0
PLANS_AT_A_TIME = 2
LONGEST_TEXT = 20_000
"""Characters kept of a query, its SQL and its plan."""


class Watch:
    """Writes down the questions that take longer than `threshold_ms`. `on_slow` is called for each."""

    def __init__(self, threshold_ms: float, on_slow: Callable[[], None] = lambda: None) -> None:
        self.threshold_ms = threshold_ms
        self._on_slow = on_slow
        self._running: set[asyncio.Task[None]] = set()

    async def note(  # noqa: PLR0917 (six facts of one question)
        self,
        connections: ConnectionFactory,
        query_text: str,
        user: str,
        sql: str,
        params: Sequence[Any],
        elapsed_ms: float,
    ) -> None:
        """Log the question if it was slow. `sql` has `$1` parameters, bound to `params`. Never raises, never waits."""
        if elapsed_ms < self.threshold_ms:
            return
        self._on_slow()
        entry = {
            "query": query_text[:LONGEST_TEXT],
            "user": user,
            "sql": sql[:LONGEST_TEXT],
            "elapsed_ms": round(elapsed_ms, 1),
        }
        if len(self._running) >= PLANS_AT_A_TIME:
            logger().warning("slow query", **entry, plan="not fetched: other plans are being fetched")
            return
        task = asyncio.create_task(self._log(connections, entry, sql, params), context=copy_context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Wait for the plans that are being fetched."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=2 * PLAN_TIMEOUT_S)

    async def _log(
        self, connections: ConnectionFactory, entry: dict[str, Any], sql: str, params: Sequence[Any]
    ) -> None:
        try:
            async with asyncio.timeout(2 * PLAN_TIMEOUT_S):
                plan = await _plan(connections, sql, params)
        except (psycopg.Error, BeamcatError, TimeoutError, OSError) as error:
            plan = f"not available: {type(error).__name__}: {error}"
        logger().warning("slow query", **entry, plan=plan[:LONGEST_TEXT])


async def _plan(connections: ConnectionFactory, sql: str, params: Sequence[Any]) -> str:
    async with connections() as connection, connection.transaction(force_rollback=True):
        await connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(PLAN_TIMEOUT_S * 1000))])
        cursor = psycopg.AsyncRawCursor(connection)
        await cursor.execute(f"EXPLAIN {sql}".encode(), params)
        return "\n".join(row[0] for row in await cursor.fetchall())
