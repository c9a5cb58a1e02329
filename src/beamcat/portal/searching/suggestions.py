"""What is suggested while somebody types in a search box."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.responses import Response

from beamcat.errors import BeamcatError
from beamcat.portal.page import Asking
from beamcat.portal.searching.direct import GoTo, pages_named
from beamcat.portal.searching.recent import recent_searches
from beamcat.search.service import Search
from beamcat.search.suggesting import completed
from beamcat.search.wanted import Suggestion, SuggestionKind

MOST = 8
LONGEST = 1_000
"""Characters of a text to which something is suggested."""
SHORTEST_NAME = 4
"""Characters from which on the text may be the name of something."""
_ICONS = {
    SuggestionKind.WORD: "search",
    SuggestionKind.FIELD: "filter",
    SuggestionKind.INSTRUMENT: "beam",
    SuggestionKind.TECHNIQUE: "layers",
    SuggestionKind.INVESTIGATION: "flask",
    SuggestionKind.SAMPLE: "tag",
    SuggestionKind.PERSON: "user",
    SuggestionKind.PARAMETER: "chart",
}
_GOES_ON = frozenset((SuggestionKind.FIELD, SuggestionKind.PARAMETER))
"""What more is to be typed behind."""


@dataclass(frozen=True, slots=True)
class Option:
    """One line: `text` is what stands in the box then; with an `address`, that is gone to."""

    icon: str
    label: str
    kind: str
    text: str = ""
    address: str = ""
    goes_on: bool = False


async def suggest(asking: Asking) -> Response:
    """GET /search/suggest?q=: the options as the parts of a list box; for an empty box, what was searched lately."""
    text = asking.query.get("q", "")[:LONGEST]
    t = asking.visitor.words
    if not text.strip():
        options = [
            Option("clock", one.text, t("searching.recent"), address=one.address)
            for one in await recent_searches(asking)
        ]
    else:
        options = await _options(asking, text)
    return await asking.render("searching/_suggestions.html", options=options)


async def _options(asking: Asking, text: str) -> list[Option]:
    search = asking.core.search
    if search is None:
        return []
    found, pages = await asyncio.gather(_suggested(asking, search, text), _pages(asking, search, text))
    t = asking.visitor.words
    options = [
        Option(page.kind.icon, page.what, page.more or t(f"searching.one.{page.kind.key}"), address=page.address)
        for page in pages[:2]
    ]
    known = {page.what for page in pages}
    for one in found:
        if one.label in known:
            continue
        ending = " " if one.kind is SuggestionKind.PARAMETER else ""
        options.append(
            Option(
                _ICONS[one.kind],
                one.label,
                t(f"searching.suggested.{one.kind.value}"),
                text=completed(text, one.text) + ending,
                goes_on=one.kind in _GOES_ON,
            )
        )
    return options[:MOST]


async def _suggested(asking: Asking, search: Search, text: str) -> list[Suggestion]:
    """No suggestions where search cannot be asked: the box works without."""
    try:
        return await search.suggest(asking.visitor.reader, None, text, MOST)
    except BeamcatError:
        return []


async def _pages(asking: Asking, search: Search, text: str) -> list[GoTo]:
    if len(text.strip()) < SHORTEST_NAME:
        return []
    try:
        return await pages_named(asking, search, text)
    except BeamcatError:
        return []
