"""What a worker does beside answering: it removes what is old, follows the changes, and moves on what waits.

Of all workers one at a time does what only one may do; each task finds out for itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from beamcat.catalogue.value_changes import prune_value_changes
from beamcat.database.pool import Database
from beamcat.doors.core import Core
from beamcat.errors import BeamcatError
from beamcat.events.audit import prune as prune_events
from beamcat.events.calls import prune as prune_calls
from beamcat.events.notifications import keep_notifying
from beamcat.events.reading import keep_writing
from beamcat.events.sequencing import keep_sequencing
from beamcat.observability.logs import logger
from beamcat.observability.metrics import Metrics
from beamcat.search.feeding import keep_feeding
from beamcat.search.opening import indexed_documents
from beamcat.search.saved.keeping import keep_alerting
from beamcat.store.requests.keeping import keep_advancing, keep_posting
from beamcat.store.viewing.making import keep_making
from beamcat.store.viewing.thumbnails import Wanting

PRUNE_EVERY_S = 3600.0
"""How often expired sessions, old events and old calls are removed."""
MEASURE_EVERY_S = 5.0
"""How often a worker writes down how its connections are."""


def tending(core: Core, metrics: Metrics) -> Iterator[Coroutine[Any, Any, None]]:
    """All of it, each to be run until the worker ends."""
    settings, database = core.settings, core.database
    yield _prune(core)
    yield _measure(database, metrics)
    yield keep_sequencing(database)
    yield keep_notifying(database, settings)
    if core.search is not None:
        yield keep_feeding(database, core.search.engine, indexed_documents(settings), settings, metrics)
    if core.alike is not None and core.alike.meanings is not None:
        yield core.alike.meanings.keeper.keep()
    if core.saved is not None:
        yield keep_alerting(core.saved)
    yield keep_advancing(database, core.requests)
    yield keep_posting(database, core.requests)
    if core.requests.targets is not None:
        yield core.requests.targets.keeper.keep()
    if settings.viewing.thumbnails:
        yield keep_writing(database, Wanting())
        yield keep_making(database, core.viewer, settings.viewing)
    yield core.uploads.keep()
    yield core.removal.keep_finishing()
    yield core.data.locks.keep() if core.two_levels is None else core.two_levels.run()


async def _prune(core: Core) -> None:
    """Remove expired sessions, old events and old calls every hour; the workers do it at different times."""
    database, keep_days = core.database, core.settings.events.keep_days
    while True:
        await asyncio.sleep(PRUNE_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311
        try:
            logger().debug("expired sessions removed", sessions=await core.sessions.prune())
        except BeamcatError as error:
            logger().warning("expired sessions stay until the next round", error=error.message)
        try:
            if keep_days:
                oldest = datetime.now(UTC) - timedelta(days=keep_days)
                logger().debug("old events removed", events=await prune_events(database, oldest))
                logger().debug("old values removed", values=await prune_value_changes(database, oldest))
        except BeamcatError as error:
            logger().warning("old events stay until the next round", error=error.message)
        try:
            oldest = datetime.now(UTC) - timedelta(days=core.settings.calls.keep_days)
            logger().debug("old calls removed", calls=await prune_calls(database, oldest))
        except BeamcatError as error:
            logger().warning("old calls stay until the next round", error=error.message)


async def _measure(database: Database, metrics: Metrics) -> None:
    while True:
        numbers = database.statistics()
        metrics.pool(
            {
                "open": numbers.get("pool_size", 0),
                "idle": numbers.get("pool_available", 0),
                "waiting": numbers.get("requests_waiting", 0),
            }
        )
        await asyncio.sleep(MEASURE_EVERY_S)
