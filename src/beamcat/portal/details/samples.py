"""The page of a sample: what it is, and every experiment it was in."""

from __future__ import annotations

from collections import defaultdict

from starlette.responses import Response

from beamcat.portal import lists, reading
from beamcat.portal.details import copying
from beamcat.portal.details.closed import found_or_closed
from beamcat.portal.details.editing import editable, undo_of
from beamcat.portal.details.frame import home_crumb, opening, tab_asked, tabs_of
from beamcat.portal.details.history import history_of
from beamcat.portal.details.parameters import parameters_of
from beamcat.portal.details.recent import note_visit
from beamcat.portal.lists.datasets import ALL_DATASETS
from beamcat.portal.page import Asking, Page
from beamcat.portal.reading import Thing

MOST = 200


async def sample(asking: Asking) -> Response:
    """GET and POST /samples/{id}: all experiments and datasets of the sample, under whichever record of it."""
    found = await found_or_closed(asking, "Sample", "type", "investigation.facility")
    if isinstance(found, Response):
        return found
    same = await reading.things(
        asking,
        f"SELECT it FROM Sample it JOIN it.investigation i WHERE {_same(found)} ORDER BY i.startDate DESC, it.id DESC "
        f"LIMIT 0, {MOST} INCLUDE it.investigation.investigationInstruments.instrument",
    )
    same = [each for each in same if each.investigation is not None]
    ids = ", ".join(str(each.id) for each in same) or str(found.id)
    shown = None
    if await tab_asked(asking) == "datasets":
        within = lists.Within(f"it.sample.id IN ({ids})", keep={"tab": "datasets"}, without=frozenset(("sample",)))
        shown = await lists.look(asking, ALL_DATASETS, within)
        if isinstance(shown, Response):
            return shown
    counts = dict(
        await reading.rows(
            asking,
            "SELECT s.id, COUNT(it) FROM Dataset it JOIN it.sample s "
            f"WHERE s.id IN ({ids}) GROUP BY s.id LIMIT 0, {MOST}",
        )
    )
    recorded = await reading.things(
        asking, f"SELECT it FROM SampleParameter it WHERE it.sample.id = {found.id} LIMIT 0, {MOST} INCLUDE it.type"
    )
    tabs = tabs_of(
        asking,
        "details.parts.sample",
        (
            ("experiments", len(same)),
            ("datasets", sum(counts.values())),
            ("parameters", len(recorded)),
            ("history", None),
        ),
    )
    parameters = await parameters_of(asking, recorded, "parameters") if tabs.open == "parameters" else None
    if asking.is_fragment and parameters is not None:
        return await asking.render("details/_parameters.html", parameters=parameters, tabs=tabs)
    question = copying.of_ids(
        "Sample", [each.id for each in same], "name", "investigation.visitId", include=("investigation",)
    )
    if tabs.open == "datasets":
        question = copying.Question("Dataset", f"it.sample.id IN ({ids})", told=("name",))
    elif parameters is not None:
        question = copying.of_ids("SampleParameter", [each.id for each in recorded], "type.name", include=("type",))
    response = await asking.render(
        "details/sample.html",
        it=found,
        tabs=tabs,
        crumbs=[home_crumb(asking), (asking.visitor.words("details.samples"), "/samples"), (found.name, "")],
        states=[state for state in (opening(asking, found.investigation),) if state],
        same=same,
        counts=defaultdict(int, counts),
        list=shown,
        parameters=parameters,
        history=await history_of(asking, "Sample", found.id) if tabs.open == "history" else [],
        fields=await editable(asking, found),
        undo=await undo_of(asking, found),
        copy=copying.pieces(asking, question),
    )
    return note_visit(asking, response, "sample", found.name)


def _same(found: Thing) -> str:
    """Which records are of the same sample: those with its identifier; or else those of its name and type."""
    if found.pid:
        return f"it.pid = {reading.text(found.pid)}"
    kind = "it.type IS NULL" if found.type is None else f"it.type.id = {found.type.id}"
    return f"it.name = {reading.text(found.name)} AND {kind}"


PAGES = (
    Page("/samples/{id}", sample, "sample"),
    Page("/samples/{id}", sample, "sample", "POST"),
)
