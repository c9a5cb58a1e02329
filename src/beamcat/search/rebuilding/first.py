"""The index of a server that has none, or one that is of no use: made by itself, beside what else the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.observability.logs import logger
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine
from beamcat.search.rebuilding.building import Manner, rebuild
from beamcat.search.rebuilding.history import is_of_later_state
from beamcat.search.rebuilding.record import AlreadyRebuilding, under_way

LOOK_EVERY_S = 2.0
"""Whether somebody else who makes it is done."""


async def first_index(
    settings: Settings, database: Database, engine: Engine, documents: Mapping[str, Documents]
) -> None:
    """Make the index of a server that has none, or one of another version, or of a later state of the catalogue.

    For the one worker that follows changes; returns when the index is asked, `engine.position()` is then not None.
    Waits while somebody else rebuilds it. Large ones are made by one process of low priority.
    """
    while True:
        position = await engine.position()
        async with database.connection() as conn:
            is_of_later = await is_of_later_state(conn, position)
        if position is not None and not is_of_later:
            return
        before = await under_way(database)
        # a rebuild that this database does not know of was begun in the later state, too
        anew = is_of_later if before is None else set(before.entities) != set(documents)
        try:
            done = await rebuild(settings, database, engine, manner=Manner(processes=1, anew=anew, is_nice=True))
        except AlreadyRebuilding:
            await asyncio.sleep(LOOK_EVERY_S)
        else:
            logger().info("the index of search is made", documents=done.documents, seconds=round(done.seconds, 1))
