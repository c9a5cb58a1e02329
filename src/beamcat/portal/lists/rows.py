"""Rows: objects of a list with what is found for them beside, and how many there are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from beamcat.access.caller import Caller
from beamcat.catalogue.summaries import Counted
from beamcat.portal.lists.asked import Asked
from beamcat.portal.lists.declaring import ListOf, Row
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing


async def rows_of(asking: Asking, list_: ListOf, reader: Caller, things: Sequence[Thing]) -> list[Row]:
    """Objects with what is found for them beside, each kind of it for all of them at once."""
    if not things:
        return []
    found = await asyncio.gather(*(extra(asking, reader, things) for extra in list_.extras.values()))
    by_name = dict(zip(list_.extras, found, strict=True))
    return [Row(thing, {name: values.get(thing.id) for name, values in by_name.items()}) for thing in things]


async def count(asking: Asking, asked: Asked, reader: Caller) -> Counted:
    """How many rows a list has, and how much, as far as lists are counted."""
    query = asked.question.select(f"it.id, {asked.list.sizes or 'it.id'}", ordered=False)
    return await asking.core.summaries.count(reader, query, asking.core.settings.portal.count_at_most)
