"""The page of a person: name, institution, ORCID, and what they worked on. Addresses of e-mail are told nobody."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.errors import NoSuchObject
from beamcat.portal import reading
from beamcat.portal.details import copying
from beamcat.portal.details.frame import opening
from beamcat.portal.details.recent import note_visit
from beamcat.portal.page import Asking, Page
from beamcat.portal.reading import Thing

MOST = 100
_NAMED_IN = ("InvestigationUser", "InstrumentScientist", "DataPublicationUser")
"""Records that lead to people by a public step."""


async def person(asking: Asking) -> Response:
    """GET /people/{id}: who it is, as far as what the visitor may read names them."""
    identifier = asking.id_of()
    found = await _find(asking, identifier)
    parts = await reading.things(
        asking,
        f"SELECT it FROM InvestigationUser it JOIN it.investigation i WHERE it.user.id = {identifier} "
        f"ORDER BY i.startDate DESC, it.id DESC LIMIT 0, {MOST} "
        "INCLUDE it.investigation.investigationInstruments.instrument",
    )
    by_investigation: dict[int, tuple[Thing, list[str]]] = {}
    for part in parts:
        if part.investigation is not None:
            by_investigation.setdefault(part.investigation.id, (part.investigation, []))[1].append(part.role)
    instruments = await reading.things(
        asking,
        "SELECT it FROM Instrument it JOIN it.instrumentScientists l "
        f"WHERE l.user.id = {identifier} ORDER BY it.name, it.id LIMIT 0, {MOST}",
    )
    publications = await reading.things(
        asking,
        "SELECT DISTINCT it FROM DataPublication it JOIN it.users l "
        f"WHERE l.user.id = {identifier} ORDER BY it.publicationDate DESC, it.id DESC LIMIT 0, {MOST}",
    )
    listed = [investigation for investigation, _ in by_investigation.values()]
    response = await asking.render(
        "details/person.html",
        it=found,
        crumbs=[(found.fullName or found.name, "")],
        investigations=[(each, roles, opening(asking, each)) for each, roles in by_investigation.values()],
        instruments=instruments,
        publications=publications,
        orcid=_orcid(found),
        copy=copying.pieces(asking, copying.of_ids("Investigation", [each.id for each in listed], "visitId", "title")),
    )
    return note_visit(asking, response, "person", found.fullName or found.name)


async def _find(asking: Asking, identifier: int) -> Thing:
    try:
        return await reading.find(asking, "User", identifier)
    except NoSuchObject:
        for entity in _NAMED_IN:
            named = await reading.things(
                asking, f"SELECT it FROM {entity} it WHERE it.user.id = {identifier} LIMIT 0, 1 INCLUDE it.user"
            )
            if named and named[0].user is not None:
                user: Thing = named[0].user
                return user
        raise


def _orcid(found: Thing) -> str:
    """The ORCID iD without the address in front of it."""
    return (found.orcidId or "").rpartition("/")[2]


PAGES = (Page("/people/{id}", person, "person"),)
