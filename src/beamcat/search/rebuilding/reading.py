"""A state of the database to read documents from, for as long as one piece takes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from beamcat.database.pool import Connection, Database

_SETTINGS = {
    "statement_timeout": "0",
    # as many cores are busy as there are processes, and no more
    "max_parallel_workers_per_gather": "0",
    "work_mem": "64MB",
}
# PostgreSQL cannot know how many rows belong to a shard: it expects very few, and would join them one by one
_OF_SHARDS = {**_SETTINGS, "enable_nestloop": "off"}


@contextlib.asynccontextmanager
async def reading(database: Database, *, of_shard: bool = False) -> AsyncIterator[Connection]:
    """A connection for reading many documents at once; `of_shard`: those of one shard only."""
    settings = _OF_SHARDS if of_shard else _SETTINGS
    calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
    async with database.snapshot() as conn:
        await conn.execute(f"SELECT {calls}".encode(), [said for setting in settings.items() for said in setting])
        yield conn
