"""One among all workers of all servers does a piece of work, and another one takes over when it dies.

Who leads holds an advisory lock of PostgreSQL on a connection of its own. The lock ends with the connection, so that
what is done on that connection is done by the one leader, or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import zlib
from collections.abc import AsyncIterator

from beamcat.database.pool import Connection, Database

FOLLOW_S = 2.0
"""How often those who do not lead look whether they may."""

_KEEPALIVE = "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4"
"""The lock of a machine that has lost its power is free after 40 s."""

_SPACE = 0x6265616D
"""The first half of the keys: "beam" in ASCII."""


@contextlib.asynccontextmanager
async def leadership(database: Database, name: str, *, follow_s: float = FOLLOW_S) -> AsyncIterator[Connection]:
    """Wait until nobody else leads `name`, then lead it on this connection, which is not one of the pool.

    Raises `Unavailable` when the database is away, be it before or while leading: then somebody else may lead.
    """
    key = lock_key(name)
    while True:
        if await _is_free(database, key):
            async with database.own_connection() as conn:
                row = await (await conn.execute("SELECT pg_try_advisory_lock(%s, %s)", key)).fetchone()
                if row == (True,):
                    for setting in _KEEPALIVE.split("; "):
                        await conn.execute(setting.encode())
                    yield conn
                    return
        await asyncio.sleep(follow_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads, hides nothing


def lock_key(name: str) -> tuple[int, int]:
    """The advisory lock of this name, in the form of two 32-bit numbers."""
    number = zlib.crc32(name.encode())
    return _SPACE, number - 2**32 if number >= 2**31 else number


async def _is_free(database: Database, key: tuple[int, int]) -> bool:
    """A look that lets go at once, so that those who follow hold no connection."""
    async with database.connection() as conn:
        row = await (await conn.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", key)).fetchone()
    return row == (True,)
