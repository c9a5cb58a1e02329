"""Pages of published data, and of articles that came of experiments."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from beamcat.portal import reading
from beamcat.portal.details import copying
from beamcat.portal.details.citing import Author, Cited, citations
from beamcat.portal.details.closed import found_or_closed
from beamcat.portal.details.editing import editable, undo_of
from beamcat.portal.details.frame import opening, tabs_of
from beamcat.portal.details.history import history_of
from beamcat.portal.details.recent import note_visit
from beamcat.portal.page import Asking, Page
from beamcat.portal.reading import Thing

MOST = 200
VERSIONS = {
    "isversionof",
    "isnewversionof",
    "ispreviousversionof",
    "hasversion",
    "isobsoletedby",
    "obsoletes",
}
"""Relations of DataCite between versions of the same."""
NEWER = {"ispreviousversionof", "isobsoletedby"}
LICENCES = {
    "cc0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "cc-by-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "cc by 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "cc-by-sa-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
}
CREATORS = {"creator", "author", ""}


async def data_publication(asking: Asking) -> Response:
    """GET /publications/{id}: published data: who made them, what they are, how to cite and get them."""
    found = await reading.find(
        asking,
        "DataPublication",
        asking.id_of(),
        "facility",
        "type",
        "users.user",
        "users.affiliations",
        "dates",
        "relatedItems",
        "subjects",
        "fundingReferences.funding",
        "content.parameters.type",
    )
    tabs = tabs_of(asking, "details.parts.publication", (("content", None), ("details", None), ("history", None)))
    investigations, datasets = await _content(asking, found)
    licence = _licence(found)
    people = sorted(found.users, key=lambda one: (one.orderKey or "~", one.id))
    versions, related = _relations(found)
    ids = [each.id for each, _ in investigations]
    question = (
        copying.of_ids("Investigation", ids, "visitId", "title")
        if ids
        else copying.of_ids("Dataset", [each.id for each in datasets], "name")
    )
    names = copying.names_of(investigations[0][0]) if len(investigations) == 1 and not datasets else None
    response = await asking.render(
        "details/data_publication.html",
        it=found,
        tabs=tabs,
        crumbs=[(asking.visitor.words("base.places.publications"), "/publications"), (found.pid, "")],
        people=people,
        creators=[one for one in people if (one.contributorType or "").lower() in CREATORS] or people,
        investigations=investigations,
        datasets=datasets,
        size=sum(each.fileSize or 0 for each in [*(one for one, _ in investigations), *datasets]),
        files=sum(each.fileCount or 0 for each in [*(one for one, _ in investigations), *datasets]),
        add=",".join(
            [*(f"investigation {each.id}" for each, _ in investigations), *(f"dataset {d.id}" for d in datasets)]
        ),
        licence=licence,
        licence_address=LICENCES.get(licence.lower(), ""),
        versions=versions,
        newer=next((item for kind, item in versions if kind in NEWER), None),
        related=related,
        doi_address=_address(found.pid),
        citations=citations(_cited(asking, found, people)),
        history=await history_of(asking, "DataPublication", found.id) if tabs.open == "history" else [],
        fields=await editable(asking, found),
        undo=await undo_of(asking, found),
        copy=copying.pieces(asking, question, names),
    )
    return note_visit(asking, response, "publication", found.title)


async def article(asking: Asking) -> Response:
    """GET /publications/articles/{id}: an article, and the experiment it came of."""
    found = await found_or_closed(asking, "Publication", "investigation")
    if isinstance(found, Response):
        return found
    inside = found.investigation
    response = await asking.render(
        "details/article.html",
        it=found,
        crumbs=[
            (asking.visitor.words("base.places.publications"), "/publications"),
            (found.doi or found.fullReference, ""),
        ],
        inside=inside,
        state=opening(asking, inside),
        doi_address=_address(found.doi) if found.doi else "",
        link=found.url if (found.url or "").startswith(("https://", "http://")) else "",
        copy=copying.pieces(asking, copying.Question("Publication", f"it.id = {found.id}", told=("fullReference",))),
    )
    return note_visit(asking, response, "article", found.fullReference)


async def _content(asking: Asking, found: Thing) -> tuple[list[tuple[Thing, object]], list[Thing]]:
    """The investigations and datasets of the content that the visitor may read."""
    if found.content is None:
        return [], []
    within = f"l.dataCollection.id = {found.content.id}"
    investigations = await reading.things(
        asking,
        f"SELECT DISTINCT it FROM Investigation it JOIN it.dataCollectionInvestigations l WHERE {within} "
        f"ORDER BY it.startDate, it.id LIMIT 0, {MOST} INCLUDE it.facility, it.investigationInstruments.instrument",
    )
    datasets = await reading.things(
        asking,
        f"SELECT DISTINCT it FROM Dataset it JOIN it.dataCollectionDatasets l WHERE {within} "
        f"ORDER BY it.startDate, it.id LIMIT 0, {MOST} INCLUDE it.type, it.investigation",
    )
    return [(each, opening(asking, each)) for each in investigations], datasets


def _licence(found: Thing) -> str:
    recorded = found.content.parameters if found.content is not None else []
    named = [
        each.stringValue
        for each in recorded
        if each.type and each.type.name.lower() in {"licence", "license", "rights"}
    ]
    return named[0] if named and named[0] else ""


def _relations(found: Thing) -> tuple[list[tuple[str, Thing]], list[Thing]]:
    versions = [(kind, item) for item in found.relatedItems if (kind := (item.relationType or "").lower()) in VERSIONS]
    return versions, [item for item in found.relatedItems if (item.relationType or "").lower() not in VERSIONS]


def _address(pid: str) -> str:
    """Where an identifier leads: DOIs by doi.org, addresses as they are; empty where nobody knows."""
    bare = pid.removeprefix("doi:").removeprefix("DOI:").strip()
    if bare.startswith(("https://", "http://")):
        return bare
    return f"https://doi.org/{bare}" if bare.startswith("10.") and "/" in bare else ""


def _cited(asking: Asking, found: Thing, people: Sequence[Thing]) -> Cited:
    facility = found.facility
    publisher = (facility.fullName or facility.name) if facility is not None else asking.core.settings.portal.facility
    creators = [one for one in people if (one.contributorType or "").lower() in CREATORS] or list(people)
    year = asking.formatting.iso(found.publicationDate)[:4] if found.publicationDate else ""
    return Cited([_author(one) for one in creators], year, found.title, publisher, _address(found.pid) or found.pid)


def _author(one: Thing) -> Author:
    if one.familyName:
        return Author(one.familyName, one.givenName or "")
    name = one.fullName or (one.user.fullName if one.user else None) or ""
    family, comma, given = name.partition(", ")
    if comma:
        return Author(family, given)
    given, _, family = name.rpartition(" ")
    return Author(family, given)


PAGES = (
    Page("/publications/{id}", data_publication, "publication"),
    Page("/publications/articles/{id}", article, "article"),
)
