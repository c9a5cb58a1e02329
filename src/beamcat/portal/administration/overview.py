"""One look at everything: what waits, what is slow, how full it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from beamcat.errors import BeamcatError
from beamcat.events.calls import busiest
from beamcat.events.lag import backlog
from beamcat.observability.logs import logger
from beamcat.portal.administration.entry import admin_page, administrator
from beamcat.portal.page import Asking, Page
from beamcat.search.rebuilding.plan import newest_position
from beamcat.store.storage.contract import KnowsRoom

BUSY_SINCE = timedelta(hours=24)


async def overview(asking: Asking) -> Response:
    """GET /admin."""
    administrator(asking)
    core = asking.core
    queue = await core.data.queue()
    counts = await core.sessions.counts()
    lag = await backlog(core.database)
    return await admin_page(
        asking,
        "overview.html",
        said=asking.query.get("said", ""),
        running=sum(1 for each in queue if each["running"]),
        waiting=sum(1 for each in queue if not each["running"]),
        troubled=sum(1 for each in queue if each["problem"]),
        sessions=counts,
        live=sum(count.live for count in counts),
        readers=lag.readers,
        inbox=lag.inbox,
        room=await _room(asking),
        index=await _index(asking),
        busiest=await busiest(core.database, since=asking.now - BUSY_SINCE, by="user", limit=8),
        slowest=await busiest(core.database, since=asking.now - BUSY_SINCE, by="operation", limit=8),
        announcements=await core.announcements.coming(asking.now),
    )


async def _room(asking: Asking) -> int | None:
    """Bytes that are free in the main storage; None where it cannot tell."""
    main = asking.core.data.main
    return await main.room() if isinstance(main, KnowsRoom) else None


async def _index(asking: Asking) -> dict[str, Any] | None:
    """How the search index is; None without search."""
    search = asking.core.search
    if search is None:
        return None
    try:
        position = await search.engine.position()
        holdings = await search.engine.holdings()
    except BeamcatError as error:
        logger().warning("the state of the index is not known", error=error.message)
        return {"problem": error.message}
    newest = await newest_position(asking.core.database)
    return {
        "problem": "",
        "behind": None if position is None else max(0, newest - position),
        "documents": sum(each.documents for each in holdings),
        "size_bytes": sum(each.size_bytes for each in holdings),
    }


PAGES = (Page("/admin", overview, "admin"),)
