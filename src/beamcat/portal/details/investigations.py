"""The page of an experiment."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from beamcat.portal import lists, reading
from beamcat.portal.details import copying
from beamcat.portal.details.closed import found_or_closed
from beamcat.portal.details.editing import editable, undo_of
from beamcat.portal.details.frame import Tabs, home_crumb, measuring, of_facility, opening, tab_asked, tabs_of
from beamcat.portal.details.history import history_of
from beamcat.portal.details.parameters import Parameters, parameters_of
from beamcat.portal.details.publishing import publications_of
from beamcat.portal.details.recent import note_visit
from beamcat.portal.details.related import related_to
from beamcat.portal.details.storing import storage_state
from beamcat.portal.lists.datasets import DATASETS
from beamcat.portal.lists.others import SAMPLES
from beamcat.portal.page import Asking, Page
from beamcat.portal.reading import Thing
from beamcat.store.selection import Wanted

FIRST_ROLES = ("principal investigator", "principal_investigator", "pi", "experimenter")
MOST = 500


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of a team, with all their roles."""

    user: Thing
    roles: tuple[str, ...]


async def investigation(asking: Asking) -> Response:
    """GET and POST /investigations/{id}: what was measured, by whom, and all that there is of it."""
    found = await found_or_closed(
        asking,
        "Investigation",
        "facility",
        "type",
        "investigationUsers.user",
        "investigationInstruments.instrument",
        "investigationFacilityCycles.facilityCycle",
        "keywords",
        "fundingReferences.funding",
        "shifts",
    )
    if isinstance(found, Response):
        return found
    shown = await _list(asking, found)
    if isinstance(shown, Response):
        return shown
    datasets = await reading.number(asking, f"SELECT COUNT(it) FROM Dataset it WHERE it.investigation.id = {found.id}")
    samples = await reading.number(asking, f"SELECT COUNT(it) FROM Sample it WHERE it.investigation.id = {found.id}")
    publications = await publications_of(asking, found.id)
    recorded = await reading.things(
        asking,
        f"SELECT it FROM InvestigationParameter it WHERE it.investigation.id = {found.id} LIMIT 0, {MOST} "
        "INCLUDE it.type",
    )
    team = _team(found)
    tabs = tabs_of(
        asking,
        "details.parts.investigation",
        (
            ("datasets", datasets),
            ("samples", samples),
            ("people", len(team)),
            ("publications", publications.count),
            ("parameters", len(recorded)),
            ("related", None),
            ("history", None),
        ),
    )
    parameters = await parameters_of(asking, recorded, "parameters") if tabs.open == "parameters" else None
    if asking.is_fragment and parameters is not None:
        return await asking.render("details/_parameters.html", parameters=parameters, tabs=tabs)
    names = copying.names_of(found)
    response = await asking.render(
        "details/investigation.html",
        it=found,
        tabs=tabs,
        crumbs=[home_crumb(asking), *of_facility(found), (found.visitId, "")],
        states=[
            state for state in (measuring(asking, found), opening(asking, found), await _where(asking, found)) if state
        ],
        closed=datasets == 0
        and bool(found.fileCount)
        and (found.releaseDate is None or found.releaseDate > asking.now),
        team=team,
        leaders=[member.user for member in team if member.roles[0].lower() in FIRST_ROLES],
        datasets=datasets,
        publications=publications,
        parameters=parameters,
        fields=await editable(asking, found),
        undo=await undo_of(asking, found),
        data_path=f"{copying.DATA}{names.path}" if names is not None else "",
        copy=copying.pieces(asking, _question(found, tabs, parameters), names),
        list=shown,
        related=await related_to(asking, "Investigation", found.id) if tabs.open == "related" else None,
        history=await history_of(asking, "Investigation", found.id) if tabs.open == "history" else [],
    )
    return note_visit(asking, response, "investigation", found.title)


async def _list(asking: Asking, found: Thing) -> lists.Shown | Response | None:
    """The list of the open tab, or the part of it that was asked for; None on tabs without one."""
    within = f"it.investigation.id = {found.id}"
    match await tab_asked(asking):
        case "" | "datasets":
            return await lists.look(asking, DATASETS, lists.Within(within))
        case "samples":
            inside = frozenset(("investigation", "measured"))
            return await lists.look(asking, SAMPLES, lists.Within(within, keep={"tab": "samples"}, without=inside))
        case _:
            return None


def _question(found: Thing, tabs: Tabs, parameters: Parameters | None) -> copying.Question:
    """What the open tab shows, as a query."""
    within = f"it.investigation.id = {found.id}"
    match tabs.open:
        case "datasets":
            return copying.Question("Dataset", within, "it.startDate DESC, it.id DESC", told=("name", "fileSize"))
        case "samples":
            return copying.Question("Sample", within, "it.name, it.id", told=("name",))
        case "people":
            return copying.Question("InvestigationUser", within, include=("user",), told=("role", "user.fullName"))
        case "publications":
            return copying.Question("Publication", within, told=("fullReference",))
        case "parameters" if parameters is not None:
            shown = [each.id for group in parameters.groups for each in group.parameters]
            return copying.of_ids(
                "InvestigationParameter", shown, "type.name", "numericValue", "stringValue", include=("type",)
            )
        case _:
            return copying.Question("Investigation", f"it.id = {found.id}", told=("title",))


async def _where(asking: Asking, found: Thing) -> object:
    return await storage_state(asking, Wanted(investigations=(found.id,)), found.fileCount)


def _team(found: Thing) -> list[Member]:
    """The people, principal investigators first, each once."""
    roles: dict[int, list[str]] = {}
    people: dict[int, Thing] = {}
    for link in found.investigationUsers:
        if link.user is not None:
            people[link.user.id] = link.user
            roles.setdefault(link.user.id, []).append(link.role)

    def first(identifier: int) -> tuple[bool, str, str]:
        leads = any(role.lower() in FIRST_ROLES for role in roles[identifier])
        return not leads, min(roles[identifier]), people[identifier].familyName or people[identifier].fullName or ""

    return [
        Member(
            people[identifier],
            tuple(sorted(roles[identifier], key=lambda role: (role.lower() not in FIRST_ROLES, role))),
        )
        for identifier in sorted(people, key=first)
    ]


PAGES = (
    Page("/investigations/{id}", investigation, "investigation"),
    Page("/investigations/{id}", investigation, "investigation", "POST"),
)
