"""`python -m tests.events.recorder HOME`: a reader in a process of its own, made to be killed.

It writes every object of every event into the table `test_record` of the catalogue that is served from this home.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.pool import Connection, Database
from beamcat.events.event import Event
from beamcat.events.keeping import Start
from beamcat.events.reading import keep_writing

NAME = "recorder"


class Recorder:
    """See the module."""

    name = NAME
    start = Start.BEGINNING

    async def handle(self, events: Sequence[Event], conn: Connection) -> None:
        async with conn.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO test_record SELECT %s, %s, %s, * FROM unnest(%s::bigint[])",
                [(e.position, e.entity, e.operation.value, list(e.each_id())) for e in events],
            )


async def main(home: Path) -> None:
    """Record until killed."""
    settings = DatabaseSettings()
    async with Database(EmbeddedPostgres(home, settings).url, settings) as database:
        async with database.connection() as conn:
            await conn.execute(
                "CREATE TABLE IF NOT EXISTS test_record (position bigint, entity text, operation text, id bigint)"
            )
        await keep_writing(database, Recorder(), batch=7, pause_s=0.02, follow_s=0.1)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
