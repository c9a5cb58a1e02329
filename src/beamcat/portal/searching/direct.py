"""Straight to what is called exactly as the text: "Go to ..."."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from beamcat.portal.page import Asking
from beamcat.portal.searching.kinds import BY_ENTITY, KindFound
from beamcat.search.named import named
from beamcat.search.service import Search
from beamcat.search.wanted import FoundHit

MOST = 4


@dataclass(frozen=True, slots=True)
class GoTo:
    """A page that the text names. `what` is what it is called, `more` what else is said of it."""

    address: str
    kind: KindFound
    what: str
    more: str


async def pages_named(asking: Asking, search: Search, text: str) -> list[GoTo]:
    """The pages that a DOI, an identifier or a name leads to."""
    return _told(text.strip(), await named(search, asking.visitor.reader, text))


def _told(text: str, hits: Sequence[FoundHit]) -> list[GoTo]:
    found = [_go_to(hit) for hit in hits]
    visits = [hit for hit in hits if hit.entity == "Investigation" and _same(hit.source.get("name"), text)]
    if len(visits) > 1:  # a proposal of several visits has a page of its own
        name = str(visits[0].source["name"])
        proposal = GoTo(f"/browse/proposals/{quote(name)}", BY_ENTITY["Investigation"], name, "")
        found = [proposal, *found]
    return found[:MOST]


def _go_to(hit: FoundHit) -> GoTo:
    kind, source = BY_ENTITY[hit.entity], hit.source
    match hit.entity:
        case "Investigation":
            what, more = source.get("visitId") or source.get("name"), source.get("title")
        case "Dataset":
            what, more = source.get("name"), source.get("investigation.title") or source.get("visitId")
        case "DataPublication":
            what, more = source.get("pid"), source.get("title")
        case "Instrument":
            what, more = source.get("name"), source.get("fullName")
        case "Datafile":
            what, more = source.get("name"), source.get("dataset.name")
        case _:
            what, more = source.get("name"), source.get("visitId")
    return GoTo(kind.page.format(id=hit.id), kind, str(what or hit.id), str(more or ""))


def _same(name: object, text: str) -> bool:
    return str(name).casefold() == text.casefold()
