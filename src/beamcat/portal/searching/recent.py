"""What somebody has searched for lately: the last ten, kept with their preferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from beamcat.errors import BeamcatError
from beamcat.observability.logs import logger
from beamcat.portal.page import Asking
from beamcat.portal.searching.asked import Asked, asked_of

KEY = "recent_searches"
MOST = 10
LONGEST = 500
"""Characters of an address that is kept."""


@dataclass(frozen=True, slots=True)
class Recent:
    """A search: its text, and the address of its page."""

    text: str
    address: str


async def recent_searches(asking: Asking) -> list[Recent]:
    """The latest first; none for strangers."""
    if not asking.visitor.signed_in:
        return []
    kept = (await asking.core.preferences.read(asking.visitor.person.name)).get(KEY)
    return [recent for one in kept if (recent := _read(one)) is not None] if isinstance(kept, list) else []


async def remember(asking: Asking, asked: Asked) -> None:
    """Keep a search of somebody who has signed in as the latest. That it cannot be is no reason to fail."""
    address = asked.changed(panels=()).address
    if not asking.visitor.signed_in or not asked.text or len(address) > LONGEST:
        return
    before = await recent_searches(asking)
    if before and before[0].address == address:
        return
    kept = [Recent(asked.text, address), *(one for one in before if one.text != asked.text)][:MOST]
    try:
        await asking.core.preferences.change(asking.visitor.person.name, {KEY: [one.address for one in kept]})
    except BeamcatError as error:
        logger().warning("a recent search is not kept", error=error.message)


async def forget_all(asking: Asking) -> None:
    """Forget all of them."""
    await asking.core.preferences.change(asking.visitor.person.name, {KEY: None})


def _read(address: Any) -> Recent | None:
    if not isinstance(address, str):
        return None
    try:
        asked, _ = asked_of(address.partition("?")[2].encode())
    except (BeamcatError, ValueError):
        return None
    return Recent(asked.text, asked.address) if asked.text else None
