"""How many bytes clients have had today, over all workers: in the table `daily_use`, in coarse steps.

What a response sends is written down every few seconds, and whenever it has sent a step, all responses of a worker
together. A worker that is killed forgets at most one step of each of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import psycopg

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, TooManyRequests
from beamcat.observability.logs import logger
from beamcat.protection.refusals import until_midnight_s

STEP_BYTES = 64 << 20
"""Bytes of one response after which they are written down at once."""
WRITE_EVERY_S = 5.0
"""How long bytes wait at most to be written down."""
SOON_S = 0.1
"""How long they wait when a response has ended, so that others that end too are written down with it."""
KEPT_DAYS = 7
"""For how long it is known what clients have had on a day."""
LAST_WRITE_S = 2.0
"""How long a worker that stops tries to write the rest."""

_USED = "SELECT bytes FROM daily_use WHERE client = %s AND day = %s AND what = 'sent'"
_ADD = """
INSERT INTO daily_use (client, day, what, bytes)
SELECT w.client, w.day, 'sent', w.bytes FROM unnest(%s::text[], %s::date[], %s::bigint[]) AS w (client, day, bytes)
 ORDER BY w.client, w.day
    ON CONFLICT (client, day, what) DO UPDATE SET bytes = daily_use.bytes + excluded.bytes
"""
_PRUNE = "DELETE FROM daily_use WHERE day < current_date - %s"


class Spending:
    """One response: what it still has to send, and what it has sent since that was last written down."""

    def __init__(self, client: str, left: int) -> None:
        self.client = client
        self.left = left
        self.unwritten = 0


class DailyBytes:
    """Counts what is sent to clients that may have so many bytes a day."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock
        self._running: set[Spending] = set()
        self._waiting: Counter[tuple[str, date]] = Counter()
        self._wanted = asyncio.Event()
        self._writing = asyncio.Lock()
        self._is_away = False

    async def check(self, client: str, most: int, length: int) -> None:
        """Raise `TooManyRequests` when the client may not have so many bytes more today.

        The first ones of a day may be more than the limit: tomorrow they would be no fewer.
        """
        today = self._clock().date()
        async with self._database.connection() as connection:
            row = await (await connection.execute(_USED, (client, today))).fetchone()
        used = 0 if row is None else int(row[0])
        used += sum(size for (whose, day), size in self._waiting.items() if (whose, day) == (client, today))
        used += sum(each.left + each.unwritten for each in self._running if each.client == client)
        if used and used + length > most:
            wait_s = until_midnight_s(self._clock())
            raise TooManyRequests(
                f"You may have {most} bytes a day, of which {used} are sent or on their way; this request asks for "
                f"{length} more. The next day begins in {wait_s} s",
                wait_s,
            )

    @contextlib.contextmanager
    def spending(self, client: str, length: int) -> Iterator[Callable[[int], None]]:
        """While a response of so many bytes is sent; what is yielded is told of each piece."""
        spending = Spending(client, length)
        self._running.add(spending)

        def handed(size: int) -> None:
            spending.left -= size
            spending.unwritten += size
            if spending.unwritten >= STEP_BYTES:
                self._collect(spending)
                self._wanted.set()

        try:
            yield handed
        finally:
            self._running.discard(spending)
            self._collect(spending)
            self._wanted.set()

    async def keep_writing(self) -> None:
        """Write down what is sent, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITE_EVERY_S):
                    await self._wanted.wait()
            if self._wanted.is_set():
                await asyncio.sleep(SOON_S)
            self._wanted.clear()
            try:
                await self.flush()
            except Exception as error:  # whatever is wrong with one batch, the counting goes on
                logger().error("what clients have had today could not be written down", exc_info=error)
                await asyncio.sleep(WRITE_EVERY_S)

    async def flush(self) -> None:
        """Write down all that has been sent, unless the database is away."""
        for spending in self._running:
            self._collect(spending)
        async with self._writing:
            if not self._waiting:
                return
            waiting, self._waiting = self._waiting, Counter()
            try:
                await self._write(waiting)
            except (BeamcatError, psycopg.Error) as error:
                self._waiting.update(waiting)
                if not self._is_away:
                    logger().warning("what clients have had today waits to be written down", error=str(error))
                self._is_away = True
            except BaseException:
                self._waiting.update(waiting)
                raise
            else:
                self._is_away = False

    async def close(self) -> None:
        """Write down the rest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WRITE_S):
                await self.flush()

    async def prune(self) -> int:
        """Forget days long past; how many rows those were."""
        async with self._database.connection() as connection:
            return (await connection.execute(_PRUNE, (KEPT_DAYS,))).rowcount

    async def _write(self, waiting: Counter[tuple[str, date]]) -> None:
        clients, days = zip(*waiting, strict=True)
        async with self._database.connection() as connection:
            await connection.execute(_ADD, (list(clients), list(days), list(waiting.values())))

    def _collect(self, spending: Spending) -> None:
        if spending.unwritten:
            self._waiting[spending.client, self._clock().date()] += spending.unwritten
            spending.unwritten = 0
