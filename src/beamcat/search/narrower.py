"""Which techniques, instruments or types a name stands for: those that are called so, and what is a kind of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beamcat.access.caller import Caller
from beamcat.search.language.meaning import Asked, Exactly, Table
from beamcat.search.lookups import CatalogueLookups
from beamcat.search.service import Search


async def techniques_called(search: Search, caller: Caller, names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Name -> the techniques that a filter by it finds, as far as the caller may read them; the first few of many."""
    if not names:
        return {}
    asked = {name: Asked(Table.TECHNIQUE, Exactly(name)) for name in names}
    found = await CatalogueLookups(search.parts, caller).find(list(asked.values()))
    return {name: found[one].names for name, one in asked.items()}
