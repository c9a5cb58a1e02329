"""The first page: what there is, and one box to search it."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.portal import reading
from beamcat.portal.page import Asking, Page

NEWEST = 6


async def home(asking: Asking) -> Response:
    """GET /: the search box, how much is open to the visitor, the newest investigations, and ways in."""
    newest = await reading.things(
        asking,
        "SELECT it FROM Investigation it ORDER BY it.startDate DESC, it.id DESC "
        f"LIMIT 0, {NEWEST} INCLUDE it.investigationInstruments.instrument, it.type",
    )
    instruments = await reading.things(asking, "SELECT it FROM Instrument it ORDER BY it.name LIMIT 0, 100")
    return await asking.render("home.html", newest=newest, instruments=instruments)


PAGES = (Page("/", home, "home"),)
