"""The page of what was found: /search."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.background import BackgroundTask
from starlette.responses import Response

from beamcat.doors.urls import public_url
from beamcat.errors import BadParameter, BeamcatError, TimedOut, Unavailable, ValidationFailed
from beamcat.portal.page import Asking
from beamcat.portal.searching.asked import FILTER, Asked, asked_of, entities_of, read_value
from beamcat.portal.searching.copying import copies
from beamcat.portal.searching.direct import GoTo, pages_named
from beamcat.portal.searching.facets import Facets, asked_facets, chips, facets_told, labels_of_ids
from beamcat.portal.searching.hits import hits_told
from beamcat.portal.searching.kinds import KINDS, KindFound, is_sort, sorts_of
from beamcat.portal.searching.notes import table_word, understanding
from beamcat.portal.searching.recent import remember
from beamcat.search.narrower import techniques_called
from beamcat.search.readiness import Readiness, readiness
from beamcat.search.service import Search
from beamcat.search.spelling import Correction, corrected
from beamcat.search.wanted import Found, FoundHit, HowMany

PAGE = 20
MOST_ALIKE = 20
HELP = (
    ("words", ("thin film", '"spin crossover"', "perov*", "iron OR nickel", "cathode -lithium", "spectroscpy~")),
    ("fields", ('title:"layered cathodes"', "technique:tomography", "type:calibration", "user:beamish")),
    ("values", ("temperature < 20 degC", "energy = 12.4 keV", "date:2023", "size > 2 GB")),
    ("paths", ("*_master.h5", "raw/lpsD_charge1C*", r"raw\lpsD_charge1C*")),
)
"""Examples of what can be typed, by subject."""
NEWEST = "-date"
"""The order where no words say what fits best."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A kind with how many of it there are; `count` none: it cannot be asked so."""

    kind: KindFound | None
    address: str
    count: HowMany | None
    is_current: bool


async def find(asking: Asking) -> Response:
    """GET /search: hits with reasons, tabs by kind, facets; as a fragment the hits with what else changes."""
    query: bytes = asking.request.scope["query_string"]
    asked, is_plain = asked_of(query)
    more = asking.query.get("more", "")
    if not asking.is_fragment and not is_plain:
        return asking.go(asked.address)
    search = asking.core.search
    if search is None:
        return await _without(asking, asked, None)
    asking.visitor.reader  # noqa: B018 - where strangers see nothing, they sign in first
    asked = _sensible(asked, tuple(asking.core.settings.search.entities))
    try:
        values = await _Page(asking, search, asked, more).values()
    except Unavailable as error:
        return await _without(asking, asked, await _how_far(search), error)
    if asking.is_fragment:
        is_more = bool(asked.after) and asking.request.headers.get("hx-target", "") != "results"
        template = "searching/_more.html" if is_more else "searching/_found.html"
        headers = {} if is_more else {"HX-Push-Url": asked.changed().address}
        response = await asking.render(template, headers=headers, **values)
        typed = asking.request.headers.get("hx-trigger") in {"q", "hero-q"}
    else:
        response = await asking.render("searching/page.html", **values)
        typed = False
    if asking.visitor.signed_in and not asked.after and not typed:
        response.background = BackgroundTask(remember, asking, asked)
    return response


async def alike(asking: Asking) -> Response:
    """GET /search/alike?kind=&id=: what has to do with a hit, and why."""
    kind = next((kind for kind in KINDS if kind.key == asking.query.get("kind")), None)
    text = asking.query.get("id", "")
    if kind is None or not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadParameter("Name a kind and an id, as the links of hits do")
    if asking.core.alike is None or asking.core.search is None:
        return await _without(asking, Asked(), None)
    caller = asking.visitor.reader
    try:
        related = await asking.core.alike.related(caller, kind.entity, int(text), MOST_ALIKE)
        (shown,) = await hits_told(
            asking, [FoundHit(int(text), kind.entity, None, await _source(asking, kind, text))], _NONE
        )
    except Unavailable as error:
        return await _without(asking, Asked(), await _how_far(asking.core.search), error)
    hits = await hits_told(asking, [one.hit for one in related], _NONE)
    told = [(hit, one.reasons) for hit, one in zip(hits, related, strict=True)]
    return await asking.render("searching/alike.html", of=shown, alike=told)


_NONE = understanding(())


async def _source(asking: Asking, kind: KindFound, text: str) -> Mapping[str, Any]:
    assert asking.core.search is not None
    rows = await asking.core.search.parts.pages.read(asking.visitor.reader, kind.entity, [int(text)])
    return rows[int(text)].source if int(text) in rows else {}


class _Page:
    """One page of hits, with all that stands around them."""

    def __init__(self, asking: Asking, search: Search, asked: Asked, more: str) -> None:
        self._asking, self._search, self._asked, self._more = asking, search, asked, more
        self._caller = asking.visitor.reader
        self._indexed = tuple(asking.core.settings.search.entities)

    async def values(self) -> dict[str, Any]:
        """What the templates show. Raises `Unavailable`."""
        asked = self._asked
        problem = ""
        found = Found()
        by_entity: Mapping[str, HowMany] = {}
        go_to: list[GoTo] = []
        facets = Facets((), tuple((f"{FILTER}{name}", value) for name, value in asked.filters))
        try:
            found, by_entity, go_to = await asyncio.gather(self._found(), self._tabs(), self._go_to())
            facets = await facets_told(self._asking, self._search, asked, found.facets, opened=self._more)
        except (BadParameter, ValidationFailed, TimedOut) as error:
            problem = error.message
        if asked.kind is None:
            by_entity = found.by_entity
        understood = understanding(found.notes)
        instead, correction = (None, None)
        if not problem and not found.hits and not asked.after:
            instead, correction = await self._instead()
        shown = instead or found
        return {
            "asked": asked,
            "tabs": self._tabs_told(by_entity),
            "found": found,
            "hits": await hits_told(self._asking, shown.hits, understanding(shown.notes)),
            "counted": found.counted,
            "next": asked.changed(after=found.next).address if found.next else "",
            "facets": facets,
            "chips": await self._chips(found),
            "sorts": sorts_of(entities_of(asked, self._indexed)),
            "understood": understood,
            "problem": problem,
            "go_to": go_to,
            "correction": correction,
            "corrected": None if correction is None else asked.changed(text=correction.text, filters=(), mine=False),
            "corrected_count": None if instead is None else instead.counted,
            "copies": copies(
                asked,
                public_url(self._asking.request, self._asking.core),
                signed_in=self._asking.visitor.signed_in,
                open_to_all=await self._open_to_all(),
            ),
            "kept": urlencode(asked.changed(panels=()).pairs()),
            "tells": await self._tells(),
            "table_word": partial(table_word, self._asking.visitor.words),
            "help": HELP,
        }

    async def _found(self) -> Found:
        asked = self._asked
        facets = () if asked.after and self._asking.is_fragment else asked_facets(asked, self._more)
        wanted = asked.wanted(entities_of(asked, self._indexed), facets=facets, limit=PAGE, highlight=bool(asked.text))
        return await self._search.find(self._caller, wanted)

    async def _tabs(self) -> Mapping[str, HowMany]:
        """How many of each kind; where a kind is looked at, the others are counted beside it."""
        asked = self._asked
        if asked.kind is None or asked.after:
            return {}
        everything = replace(asked, kind=None, sort="")
        wanted = everything.wanted(entities_of(everything, self._indexed), limit=0)
        try:
            return (await self._search.find(self._caller, wanted)).by_entity
        except (BadParameter, ValidationFailed, TimedOut):
            return {}

    async def _go_to(self) -> list[GoTo]:
        if not self._asked.text or self._asked.after:
            return []
        return await pages_named(self._asking, self._search, self._asked.text)

    def _tabs_told(self, by_entity: Mapping[str, HowMany]) -> list[Tab]:
        asked = self._asked
        numbers = list(by_entity.values())
        total = HowMany(
            sum(one.number for one in numbers), any(one.more for one in numbers), any(one.estimate for one in numbers)
        )
        tabs = [Tab(None, asked.of_kind(None).address, total if numbers else None, asked.kind is None)]
        for kind in KINDS:
            if kind.entity in self._indexed:
                count = by_entity.get(kind.entity)
                tabs.append(Tab(kind, asked.of_kind(kind).address, count, asked.kind is kind))
        return tabs

    async def _instead(self) -> tuple[Found | None, Correction | None]:
        """What words that are written nearly so find, where nothing was found."""
        asked = self._asked
        wanted = asked.wanted(entities_of(asked, self._indexed), limit=PAGE, highlight=True)
        correction = await corrected(self._search, self._caller, wanted)
        if correction is None:
            return None, None
        again = replace(wanted, text=correction.text, filters=(), mine=False)
        return await self._search.find(self._caller, again), correction

    async def _chips(self, found: Found) -> list[tuple[str, str, str]]:
        names = [read_value(value) for name, value in self._asked.filters if name.lstrip("-") == "technique"]
        narrower = await techniques_called(self._search, self._caller, names)
        return chips(self._asking, self._asked, labels_of_ids(found.facets), narrower)

    async def _open_to_all(self) -> bool:
        client = self._asking.request.client
        if self._asking.core.saved is None:
            return False
        return await self._asking.core.sessions.anonymous(client.host if client else "") is not None

    async def _tells(self) -> tuple[str, ...]:
        """How somebody can be told of what is new to a search that they keep."""
        saved = self._asking.core.saved
        if saved is None or not self._asking.visitor.signed_in:
            return ()
        return ("never", "at-once", "daily", "weekly") if saved.posting is not None else ("never",)


def _sensible(asked: Asked, indexed: Sequence[str]) -> Asked:
    """Without a kind that is not indexed and an order that there is not; the newest first where there are no words."""
    if asked.kind is not None and asked.kind.entity not in indexed:
        asked = replace(asked, kind=None, after="")
    entities = entities_of(asked, indexed)
    if not is_sort(asked.sort, entities):
        asked = replace(asked, sort="", after="")
    if not asked.text and not asked.sort and is_sort(NEWEST, entities):
        asked = replace(asked, sort=NEWEST)
    return asked


async def _how_far(search: Search) -> Readiness | None:
    try:
        return await readiness(search)
    except BeamcatError:
        return None


async def _without(asking: Asking, asked: Asked, ready: Readiness | None, error: Unavailable | None = None) -> Response:
    """Search is switched off, away, or its index is being made: what there is instead."""
    state = "off" if error is None else "building" if ready is not None and not ready.is_ready else "away"
    rebuild = None if ready is None else ready.rebuild
    template = "searching/_without.html" if asking.is_fragment else "searching/without.html"
    headers = {} if state == "off" else {"Retry-After": "10"}
    return await asking.render(
        template,
        status=200 if asking.is_fragment or state == "off" else 503,
        headers=headers,
        asked=asked,
        state=state,
        progress=None if rebuild is None else rebuild.progress,
    )
