"""The first page: one box to search everything, how much is open, what opened last, and ways in."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.access.caller import Caller
from beamcat.portal import reading
from beamcat.portal.browsing.own import Coming, coming
from beamcat.portal.browsing.whose import OPEN, stranger
from beamcat.portal.lists.investigations import INVESTIGATIONS
from beamcat.portal.lists.programs import programs
from beamcat.portal.lists.rows import rows_of
from beamcat.portal.lists.showing import ShownRow, shown_row
from beamcat.portal.page import Asking, Page

NEWEST, OWN = 6, 3
PATIENCE_S = 0.1
"""How long the page waits for figures that are being counted; later they come by themselves."""
MINE = "it.id IN (SELECT iu.investigation.id FROM InvestigationUser iu WHERE iu.user.name = :user)"


async def home(asking: Asking) -> Response:
    """GET /: the same for everybody who has not signed in; for others with what is theirs before it."""
    reader = await stranger(asking)
    alone = asking.query.get("part") == "facts"
    facts = None if reader is None else await asking.core.figures.figures(reader, None if alone else PATIENCE_S)
    if alone:
        return await asking.render("home/_facts.html", facts=facts)
    own: list[ShownRow] = []
    next_visit: Coming | None = None
    if asking.visitor.signed_in:
        begun = f"{MINE} AND it.startDate <= CURRENT_TIMESTAMP"
        own = await _cards(asking, asking.visitor.reader, begun, "it.startDate", OWN)
        next_visit = await coming(asking)
    newest = await _cards(asking, reader or asking.visitor.reader, OPEN, "it.releaseDate", NEWEST)
    query = f"SELECT it FROM Investigation it WHERE {OPEN} ORDER BY it.releaseDate DESC, it.id"
    return await asking.render(
        "home/page.html",
        facts=facts,
        own=own,
        coming=next_visit,
        newest=newest,
        programs=programs(asking, query, "Investigation", anonymous=reader is not None),
    )


async def _cards(asking: Asking, reader: Caller, condition: str, newest: str, number: int) -> list[ShownRow]:
    list_ = INVESTIGATIONS
    found = await reading.things(
        asking,
        f"SELECT it FROM Investigation it WHERE {condition} ORDER BY {newest} DESC, it.id LIMIT 0, {number}"
        f" INCLUDE {', '.join(f'it.{path}' for path in list_.include)}",
        reader,
    )
    rows = await rows_of(asking, list_, reader, found)
    return [shown_row(asking, list_, list_.columns[:1], row) for row in rows]


PAGES = (Page("/", home, "home"),)
