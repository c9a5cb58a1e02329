"""The page of a dataset."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.portal import reading
from beamcat.portal.details import copying
from beamcat.portal.details.closed import found_or_closed
from beamcat.portal.details.editing import editable, undo_of
from beamcat.portal.details.frame import State, Tabs, home_crumb, of_facility, opening, tabs_of
from beamcat.portal.details.history import history_of
from beamcat.portal.details.parameters import Parameters, parameters_of
from beamcat.portal.details.provenance import Provenance, provenance_of
from beamcat.portal.details.publishing import Publications, publications_of
from beamcat.portal.details.recent import note_visit
from beamcat.portal.details.related import AllRelated, related_to
from beamcat.portal.details.storing import storage_state
from beamcat.portal.page import Asking, Page
from beamcat.portal.reading import Thing
from beamcat.store.selection import Wanted

MOST = 2000
"""Parameters of one dataset that are shown."""
HIGHLIGHTS = ("energy", "photon_energy", "incident_energy", "wavelength", "temperature", "sample_temperature")
"""Parameters that stand in the head of the page, as far as there are any."""


async def dataset(asking: Asking) -> Response:
    """GET /datasets/{id}: what it is, above the fold; then its parts."""
    found = await found_or_closed(
        asking,
        "Dataset",
        "investigation.facility",
        "investigation.investigationInstruments.instrument",
        "investigation.investigationFacilityCycles.facilityCycle",
        "type",
        "sample.type",
        "datasetTechniques.technique",
        "datasetInstruments.instrument",
    )
    if isinstance(found, Response):
        return found
    recorded = await reading.things(
        asking, f"SELECT it FROM DatasetParameter it WHERE it.dataset.id = {found.id} LIMIT 0, {MOST} INCLUDE it.type"
    )
    tabs = tabs_of(
        asking,
        "details.parts.dataset",
        (
            ("metadata", len(recorded)),
            ("files", found.fileCount),
            ("provenance", None),
            ("related", None),
            ("publications", None),
            ("history", None),
        ),
    )
    parameters = await parameters_of(asking, recorded, "") if tabs.open == "metadata" else None
    if asking.is_fragment and parameters is not None:
        return await asking.render("details/_parameters.html", parameters=parameters, tabs=tabs)
    inside = found.investigation
    provenance = await provenance_of(asking, found) if tabs.open == "provenance" else None
    related = await related_to(asking, "Dataset", found.id) if tabs.open == "related" else None
    publications = None
    if tabs.open == "publications":
        publications = await publications_of(asking, inside.id if inside else None, found.id)
    names = copying.names_of(inside, found.name)
    response = await asking.render(
        "details/dataset.html",
        it=found,
        tabs=tabs,
        crumbs=_crumbs(asking, found),
        states=[state for state in await _states(asking, found) if state],
        highlights=await _highlights(asking, recorded),
        instruments=[link.instrument for link in found.datasetInstruments if link.instrument]
        or ([link.instrument for link in inside.investigationInstruments if link.instrument] if inside else []),
        techniques=[link.technique for link in found.datasetTechniques if link.technique],
        parameters=parameters,
        provenance=provenance,
        related=related,
        publications=publications,
        history=await history_of(asking, "Dataset", found.id) if tabs.open == "history" else [],
        fields=await editable(asking, found),
        undo=await undo_of(asking, found),
        data_path=f"{copying.DATA}{names.path}" if names is not None else "",
        copy=copying.pieces(asking, _question(found, tabs, parameters, provenance or related or publications), names),
    )
    return note_visit(asking, response, "dataset", found.name)


async def lineage(asking: Asking) -> Response:
    """GET /datasets/{id}/lineage: what it was made from and what was made of it, as a part of the page."""
    found = await reading.find(asking, "Dataset", asking.id_of(), "type", "sample")
    return await asking.render(
        "details/_lineage.html", provenance=await provenance_of(asking, found), sample=found.sample
    )


def _crumbs(asking: Asking, found: Thing) -> list[tuple[str, str]]:
    inside = found.investigation
    around = [] if inside is None else [*of_facility(inside), (inside.visitId, f"/investigations/{inside.id}")]
    return [home_crumb(asking), *around, (found.name, "")]


async def _states(asking: Asking, found: Thing) -> list[State | None]:
    t = asking.visitor.words
    incomplete = None if found.complete else State("waiting", t("details.incomplete"), "clock")
    where = await storage_state(asking, Wanted(datasets=(found.id,)), found.fileCount)
    return [where, opening(asking, found.investigation), incomplete]


async def _highlights(asking: Asking, recorded: list[Thing]) -> list[tuple[str, str, str]]:
    """The few parameters of the head: what they are called, value, unit."""
    by_name = {each.type.name: each for each in recorded if each.type is not None and each.numericValue is not None}
    f = asking.formatting
    return [
        (by_name[name].type.description or name, f.value(by_name[name].numericValue), by_name[name].type.units)
        for name in HIGHLIGHTS
        if name in by_name
    ][:2]


def _question(
    found: Thing, tabs: Tabs, parameters: Parameters | None, shown: Provenance | AllRelated | Publications | None
) -> copying.Question:
    """What the open tab shows, as a query."""
    if parameters is not None:
        ids = [each.id for group in parameters.groups for each in group.parameters]
        if len(ids) == parameters.total:
            return copying.Question(
                "DatasetParameter",
                f"it.dataset.id = {found.id}",
                include=("type",),
                told=("type.name", "numericValue", "stringValue"),
            )
        return copying.of_ids("DatasetParameter", ids, "type.name", "numericValue", "stringValue", include=("type",))
    if tabs.open == "files":
        return copying.Question("Datafile", f"it.dataset.id = {found.id}", "it.name, it.id", told=("name", "fileSize"))
    match shown:
        case Provenance():
            return copying.of_ids("Dataset", shown.ids, "name")
        case AllRelated(found=alike) if alike:
            return copying.of_ids("Dataset", [each.id for each in alike], "name")
        case Publications(data=data) if data:
            return copying.of_ids("DataPublication", [each.id for each in data], "pid")
    return copying.Question("Dataset", f"it.id = {found.id}", told=("name",))


PAGES = (
    Page("/datasets/{id}", dataset, "dataset"),
    Page("/datasets/{id}/lineage", lineage, "lineage"),
)
