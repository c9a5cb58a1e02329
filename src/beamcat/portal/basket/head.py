"""The basket in the head of each page: how much is in it, and what, so that buttons can say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beamcat.portal.basket.owning import keys
from beamcat.portal.page import Asking
from beamcat.store.requests.items import Reference

COUNTED = 1000
"""A basket with so many things is said to have more than that."""
NAMED = 300
"""Things whose buttons say that they are in it."""


async def basket_in_head(asking: Asking) -> Mapping[str, Any]:
    """How much is in the visitor's basket: one statement by an index, none for strangers without one."""
    owners = keys(asking)
    if not owners:
        return {}
    requests = asking.core.requests
    named = [requests.settings.facility] if requests.settings.facility else []
    return shown(await requests.carts.glance(owners, most=COUNTED, facilities=named))


def shown(references: Sequence[Reference]) -> dict[str, Any]:
    """What the head needs to know of a basket with these things."""
    first = references[:NAMED]
    return {"basket": len(references), "basket_items": ",".join(f"{each.kind.value} {each.id}" for each in first)}
