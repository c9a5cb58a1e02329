"""The index of a server that has none: made by itself, beside what else the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.observability.logs import logger
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine
from beamcat.search.rebuilding.building import Manner, rebuild
from beamcat.search.rebuilding.record import AlreadyRebuilding, under_way

LOOK_EVERY_S = 2.0
"""Whether somebody else who makes it is done."""


async def first_index(
    settings: Settings, database: Database, engine: Engine, documents: Mapping[str, Documents]
) -> None:
    """Make the index of a server that has none (`engine.position()` is None), or one of another version.

    For the one worker that follows changes; returns when the index is asked, `engine.position()` is then not None.
    Waits while somebody else rebuilds it. Large ones are made by one process of low priority.
    """
    while await engine.position() is None:
        before = await under_way(database)
        anew = before is not None and set(before.entities) != set(documents)
        try:
            done = await rebuild(settings, database, engine, manner=Manner(processes=1, anew=anew, is_nice=True))
        except AlreadyRebuilding:
            await asyncio.sleep(LOOK_EVERY_S)
        else:
            logger().info("the index of search is made", documents=done.documents, seconds=round(done.seconds, 1))
