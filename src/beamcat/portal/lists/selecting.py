"""Rows for the basket: those that are ticked, or all of the filter."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from beamcat.errors import BadParameter
from beamcat.portal import reading
from beamcat.portal.basket.changing import add_all
from beamcat.portal.lists.asked import Asked
from beamcat.portal.lists.state import address_of
from beamcat.portal.page import Asking
from beamcat.store.requests.items import Kind, Reference


async def pick(asking: Asking, asked: Asked, form: Mapping[str, str]) -> Response:
    """Put the ticked rows (`pick-12`), or with `select=all` every row of the filter, into the basket."""
    words, settings = asking.visitor.words, asking.core.settings
    most = min(settings.downloads.max_cart_items, settings.catalogue.max_entities - 1)
    if not asked.list.basket:
        raise BadParameter(words("lists.pick.not_here"))
    if form.get("select") == "all":
        ids = await _all(asking, asked, most)
        if len(ids) > most:
            raise BadParameter(words("lists.pick.too_many", most=asking.formatting.number(most)))
    else:
        ids = [int(name[5:]) for name in form if name.startswith("pick-") and name[5:].isdecimal() and len(name) < 24]
    if not ids:
        raise BadParameter(words("lists.pick.none"))
    references = [Reference(Kind(asked.list.basket), identifier) for identifier in ids]
    return await add_all(asking, references, address_of(asked.path, asked.within, asked.state.parameters()))


async def _all(asking: Asking, asked: Asked, most: int) -> list[int]:
    """The ids of all rows, in the order of the list; one more than may be put into the basket where there are more."""
    reader = asked.within.reader or asking.visitor.reader
    query = f"{asked.question.select('it.id')} LIMIT 0, {most + 1}"
    return [row[0] for row in await reading.rows(asking, query, reader)]
