"""Connections to the database.

They are kept in a pool, checked before use at the price of one system call, and replaced when the server went away: a
request that arrives while the database restarts waits for it a few seconds. All are in UTC and `autocommit`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import select
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from psycopg import AsyncConnection, IsolationLevel, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int8BinaryLoader
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from beamcat.config import DatabaseSettings
from beamcat.errors import TimedOut, Unavailable

log = logging.getLogger(__name__)

Connection = AsyncConnection[tuple[Any, ...]]

WAIT_S = 10.0
"""How long a request waits for a connection by default, be it that all are busy or that the database restarts."""
KEPT_CONNECTIONS = 2
RECONNECT_S = 0.5
"""How long the pool tries before it starts counting anew; psycopg's own pause between two tries doubles."""
PREPARE_AFTER = 2
"""Executions of a statement on one connection before it is prepared."""
FIRST_WITH_SELF_JOIN_ELIMINATION = 180000
"""The PostgreSQL that began to merge joins of a table with itself. It loses conditions on the way: in 18.6,
`a.id = (SELECT max(c.id) ... WHERE c.id = -b.id)` on a merged `a` holds for every row."""
PREPARED_STATEMENTS = 500
"""Prepared statements kept per connection."""
MOST_TRIES = 5
"""Tries of a transaction that lost against another one."""
LONGEST_PAUSE_S = 0.05

T = TypeVar("T")

_LOST = ("08", "57P01", "57P02", "57P03", "57P04", "57P05", "53300", "25P03", "25P04")
"""SQLSTATEs (or their beginnings) that say the server, or this connection to it, is away."""


class Database:
    """The catalogue's database. `async with Database(url, settings) as database`.

    `wait_s` is how long a request waits for a connection before it is told that the database is away.
    """

    def __init__(self, url: str, settings: DatabaseSettings, *, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._url = url
        self._session = _session(url, settings)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            connection_class=AsyncConnection,
            kwargs=self._session,
            min_size=min(KEPT_CONNECTIONS, settings.connections),
            max_size=settings.connections,
            open=False,
            configure=_configure,
            timeout=wait_s,
            reconnect_timeout=RECONNECT_S,
            reconnect_failed=self._keep_trying,
            name="beamcat",
        )

    async def open(self) -> None:
        """Connect. Raises `Unavailable` when the database cannot be reached within a few seconds."""
        try:
            await self._pool.open(wait=True, timeout=self._wait_s)
        except PoolTimeout as error:
            raise Unavailable("the database cannot be reached") from error

    async def close(self) -> None:
        """End all connections."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection on which every statement is a transaction of its own."""
        with heeding_cancellation(), translated():
            conn = await self._living_connection()
            try:
                yield conn
            finally:
                await self._pool.putconn(conn)

    @contextlib.asynccontextmanager
    async def own_connection(self) -> AsyncIterator[Connection]:
        """A connection beside the pool, for who keeps one for long, such as for a lock that lives as long as it."""
        with heeding_cancellation(), translated():
            conn = await self._connected()
            try:
                await _configure(conn)
                yield conn
            finally:
                await conn.close()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a read committed transaction: committed at the end, rolled back by any error."""
        async with self.connection() as conn:
            at_commit = False
            try:
                async with conn.transaction():
                    yield conn
                    at_commit = True
            except psycopg.OperationalError as error:
                if at_commit and _is_loss(error):
                    raise Unavailable(
                        "the database went away while it kept the change; look whether it is there before trying again"
                    ) from error
                raise

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A connection whose statements all see the same moment, and cannot write."""
        async with self.connection() as conn:
            await conn.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await conn.set_read_only(True)
            try:
                async with conn.transaction():
                    yield conn
            finally:
                if not conn.closed:
                    await conn.set_isolation_level(IsolationLevel.READ_COMMITTED)
                    await conn.set_read_only(False)

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """What `work` returns, done in one transaction, and done again when it lost against another one.

        `work` must not act outside the transaction. Raises `Unavailable` after five defeats.
        """
        for attempt in range(1, MOST_TRIES + 1):
            try:
                async with self.transaction() as conn:
                    return await work(conn)
            except (errors.DeadlockDetected, errors.SerializationFailure) as error:
                if attempt == MOST_TRIES:
                    raise Unavailable("too many others are changing the same objects; try again") from error
                log.info("transaction lost against another one (%s), try %d", error.sqlstate, attempt)
            await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_S * attempt))  # noqa: S311 - spreads, hides nothing
        raise AssertionError("unreachable")

    def statistics(self) -> Mapping[str, int]:
        """Numbers of the pool: `pool_size`, `pool_available`, `requests_waiting`, `requests_num`, ..."""
        return self._pool.get_stats()

    async def _connected(self) -> Connection:
        """A new connection; when this is cancelled meanwhile, one that is closed.

        Half open, it would stay until Python's collector finds it, and for a minute of `authentication_timeout` the
        server could neither drop a database nor stop.
        """
        connecting = asyncio.ensure_future(AsyncConnection.connect(self._url, **self._session))
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            with contextlib.suppress(psycopg.OperationalError):
                await (await connecting).close()
            raise

    async def _living_connection(self) -> Connection:
        deadline = time.monotonic() + self._wait_s
        while True:
            conn = await self._pool.getconn(timeout=max(0.001, deadline - time.monotonic()))
            if not _has_died(conn):
                return conn
            await conn.close()
            await self._pool.putconn(conn)

    async def _keep_trying(self, pool: AsyncConnectionPool[Connection]) -> None:
        """The pool has given up on a connection: have it try to grow again, somebody may be waiting."""
        if not pool.closed:
            await pool.check()


@contextlib.contextmanager
def heeding_cancellation() -> Iterator[None]:
    """Ends cancelled if this task has been cancelled meanwhile and nobody has listened.

    `asyncio.wait_for` of Python 3.11 loses a cancellation that comes together with what it waits for, and the pool
    waits with it; a statement that fails while it is cancelled raises its own error in place of the cancellation.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    except Exception as error:
        if task and task is asyncio.current_task() and task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise
    if task and task is asyncio.current_task() and task.cancelling() > before:
        raise asyncio.CancelledError


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the loss of the server into `Unavailable` and a stopped statement into `TimedOut`; the rest passes."""
    try:
        yield
    except errors.QueryCanceled as error:
        raise TimedOut("the question took longer than the settings allow") from error
    except (PoolTimeout, TooManyRequests) as error:
        raise Unavailable("the database is busy or restarting; try again") from error
    except psycopg.OperationalError as error:
        if _is_loss(error):
            raise Unavailable(f"the database is away: {error}") from error
        raise


def _is_loss(error: psycopg.OperationalError) -> bool:
    return error.sqlstate is None or error.sqlstate.startswith(_LOST)


def _session(url: str, settings: DatabaseSettings) -> dict[str, Any]:
    """The parameters of every connection, beside those of the URL."""
    asked = conninfo_to_dict(url)
    options = {
        "timezone": "UTC",
        "statement_timeout": f"{settings.statement_timeout_s * 1000:.0f}",
        "jit": "off",
        "default_transaction_isolation": r"read\ committed",
    }
    ours = " ".join(f"-c {name}={value}" for name, value in options.items())
    return {
        "autocommit": True,
        "prepare_threshold": PREPARE_AFTER,
        "application_name": asked.get("application_name", "beamcat"),
        "options": f"{asked.get('options', '')} {ours}".strip(),
        "connect_timeout": asked.get("connect_timeout", 5),
        "client_encoding": "UTF8",
    }


async def _configure(conn: Connection) -> None:
    conn.prepared_max = PREPARED_STATEMENTS
    # As an int a moment costs a fifth of a datetime, and most answers only print it: `instants` converts.
    conn.adapters.register_loader("timestamptz", Int8BinaryLoader)
    if conn.info.server_version >= FIRST_WITH_SELF_JOIN_ELIMINATION:
        await conn.execute("SET enable_self_join_elimination = off")


def _has_died(conn: Connection) -> bool:
    """An idle connection has nothing to read unless the server closed it (or sends a notice, which is rare)."""
    if conn.closed:
        return True
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN | select.POLLPRI)
    return bool(poll.poll(0))
