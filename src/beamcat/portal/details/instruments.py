"""The page of an instrument."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.portal import reading
from beamcat.portal.details import copying
from beamcat.portal.details.editing import editable, undo_of
from beamcat.portal.details.frame import opening, tabs_of
from beamcat.portal.details.history import history_of
from beamcat.portal.details.recent import note_visit
from beamcat.portal.page import Asking, Page
from beamcat.portal.reading import Thing

NEWEST = 12
CYCLES = 12
LOOKED_AT = 25
"""Of so many of its newest experiments the techniques are told."""


async def instrument(asking: Asking) -> Response:
    """GET /instruments/{id}: what it is, who looks after it, what it measures now, and its newest data."""
    found = await reading.find(asking, "Instrument", asking.id_of(), "facility", "instrumentScientists.user")
    newest = await _newest(asking, found)
    tabs = tabs_of(
        asking, "details.parts.instrument", (("newest", None), ("cycles", None), ("people", None), ("history", None))
    )
    cycles = (
        await reading.things(
            asking,
            f"SELECT it FROM FacilityCycle it WHERE it.facility.id = {found.facility.id} "
            f"ORDER BY it.startDate DESC, it.id DESC LIMIT 0, {CYCLES}",
        )
        if found.facility
        else []
    )
    now = asking.now
    current = next((c for c in cycles if c.startDate and c.endDate and c.startDate <= now <= c.endDate), None)
    question = copying.of_ids("Investigation", [each.id for each in newest], "visitId", "title")
    response = await asking.render(
        "details/instrument.html",
        it=found,
        tabs=tabs,
        crumbs=[(asking.visitor.words("base.places.instruments"), "/instruments"), (found.name, "")],
        newest=[(each, opening(asking, each)) for each in newest[:NEWEST]],
        cycles=cycles,
        current=current,
        latest=next((c for c in cycles if c.endDate and c.endDate < now), None),
        scientists=[link.user for link in found.instrumentScientists if link.user],
        techniques=await _techniques(asking, newest),
        history=await history_of(asking, "Instrument", found.id) if tabs.open == "history" else [],
        fields=await editable(asking, found),
        undo=await undo_of(asking, found),
        copy=copying.pieces(asking, question),
    )
    return note_visit(asking, response, "instrument", found.fullName or found.name)


async def _newest(asking: Asking, found: Thing) -> list[Thing]:
    return await reading.things(
        asking,
        "SELECT it FROM Investigation it JOIN it.investigationInstruments l "
        f"WHERE l.instrument.id = {found.id} ORDER BY it.startDate DESC, it.id DESC LIMIT 0, {LOOKED_AT}",
    )


async def _techniques(asking: Asking, newest: list[Thing]) -> list[Thing]:
    if not newest:
        return []
    listed = ", ".join(str(each.id) for each in newest)
    return await reading.things(
        asking,
        "SELECT DISTINCT it FROM Technique it JOIN it.datasetTechniques l JOIN l.dataset d "
        f"WHERE d.investigation.id IN ({listed}) ORDER BY it.name, it.id LIMIT 0, 20",
    )


PAGES = (Page("/instruments/{id}", instrument, "instrument"),)
