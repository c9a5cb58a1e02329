"""Whether somebody follows the changes of the catalogue, and so has the one writer of the index."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from beamcat.database.pool import Database
from beamcat.events.leading import lock_key
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine
from beamcat.search.rebuilding.population import is_populated, populate
from beamcat.search.rebuilding.record import unlock

FOLLOWER = "reader search"
"""What `search.feeding` leads."""
_POLL_S = 0.5


@contextlib.asynccontextmanager
async def following(database: Database) -> AsyncIterator[bool]:
    """Whether nobody else follows the changes; then nobody else does so until the end of the block."""
    async with database.own_connection() as conn:
        row = await (await conn.execute("SELECT pg_try_advisory_lock(%s, %s)", lock_key(FOLLOWER))).fetchone()
        try:
            yield row == (True,)
        finally:
            await unlock(conn, lock_key(FOLLOWER))


async def is_followed(database: Database) -> bool:
    """Whether a server follows the changes."""
    async with following(database) as free:
        return not free


async def populate_all(database: Database, engine: Engine, documents: Mapping[str, Documents]) -> None:
    """Have all done that was requested: by the server if one runs, else here."""
    while not await is_populated(database):
        async with following(database) as free:
            position = await engine.position()
            if free and position is not None:
                writing = await engine.writing()
                try:
                    while await populate(database, engine, documents, writing, position):
                        pass
                finally:
                    await writing.close()
                return
        await asyncio.sleep(_POLL_S)
