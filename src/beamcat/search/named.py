"""What is called exactly so: a DOI, a persistent identifier, the name of a visit, proposal or dataset, pasted alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from beamcat.access.caller import Caller, Scope
from beamcat.search.asking import EntityWanted, ask
from beamcat.search.question import AnyOf, Same
from beamcat.search.service import Search
from beamcat.search.wanted import FoundHit

LONGEST = 300
"""Characters of a name: longer texts are none."""
MOST_OF_EACH = 3
"""Objects of one kind that are told: a proposal may have many visits."""

_BY: Mapping[str, tuple[str, ...]] = {
    "Investigation": ("visit_id", "name", "doi"),
    "Dataset": ("name", "doi"),
    "DataPublication": ("pid",),
    "Instrument": ("name", "pid"),
    "Sample": ("pid",),
    "Datafile": ("doi",),
}
"""Entity -> the fields of its documents that may be the name."""
_TOLD: Mapping[str, tuple[str, ...]] = {
    "Investigation": ("name", "visitId", "title"),
    "Dataset": ("name", "visitId", "investigation.title"),
    "DataPublication": ("title", "pid"),
    "Instrument": ("name", "fullName"),
    "Sample": ("name", "visitId"),
    "Datafile": ("name", "dataset.name"),
}
_URL = re.compile(r"https?://(?:(?:dx\.)?doi\.org|hdl\.handle\.net|n2t\.net)/+", re.IGNORECASE)
_SCHEME = re.compile(r"(?:doi|hdl|pid)\s*:\s*", re.IGNORECASE)


async def named(search: Search, caller: Caller, text: str) -> list[FoundHit]:
    """The objects that the caller may read and that are called exactly so; visits and publications first.

    Identifiers are found with and without what stands before them: `https://doi.org/`, `doi:`. Raises as `Search.find`.
    """
    caller.require(Scope.READ)
    names = _spellings(text)
    if not names:
        return []
    entities = [entity for entity in _BY if entity in search.parts.settings.entities]
    found = await asyncio.gather(*(_called(search, caller, entity, names) for entity in entities))
    return [hit for some in found for hit in some]


async def _called(search: Search, caller: Caller, entity: str, names: tuple[str, ...]) -> list[FoundHit]:
    match = AnyOf(tuple(Same(field, name) for field in _BY[entity] for name in names))
    wanted = EntityWanted(entity, match, limit=MOST_OF_EACH, fields=_TOLD[entity], count_up_to=0)
    hits = (await ask(search.parts, caller, wanted)).hits
    return [FoundHit(hit.id, entity, None, row.source) for hit, row in hits]


def _spellings(text: str) -> tuple[str, ...]:
    """The ways in which the name may stand in the catalogue; none for what can be no name."""
    name = text.strip().strip('"').strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        return ()
    bare = _SCHEME.sub("", _URL.sub("", name, count=1), count=1) if _URL.match(name) or _SCHEME.match(name) else name
    if not bare.startswith("10."):
        return tuple(dict.fromkeys((name, bare)))
    return tuple(dict.fromkeys((name, bare, f"doi:{bare}", f"https://doi.org/{bare}")))
