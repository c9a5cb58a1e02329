"""The ways to get data, each with how it is at the moment: what works, what is closed, and why."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from beamcat.config import FtsTargetSettings
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.portal.page import Asking
from beamcat.store.requests.items import Owner
from beamcat.store.requests.transports import Transport, is_fetched
from beamcat.store.selection import Total
from beamcat.store.targets.contract import Order, Person

PATIENCE_S = 2.0
"""How long a target may take to say whether it would take the request."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to get data. `state` is `ok`, `waiting` (works, not now) or `failed`, `reason` says why."""

    name: str
    title: str
    description: str
    fetched: bool
    state: str
    reason: str
    mail_required: bool
    destinations: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether it can be chosen."""
        return self.state != "failed"


async def methods(asking: Asking, owner: Owner, total: Total, title: str) -> list[Method]:
    """All that the visitor may use, in the order of the settings."""
    requests = asking.core.requests
    facility = await requests.usual_facility()
    usable = await requests.transports.usable(facility, owner.caller)
    person = Person(owner.caller.name, owner.caller.name, None, frozenset())
    if requests.targets is not None:
        person = await requests.targets.person(owner.caller.name, None)
    order = Order(0, person, facility, None, title, None, None, total.size)
    return list(await asyncio.gather(*(_method(asking, each, order) for each in usable)))


async def _method(asking: Asking, transport: Transport, order: Order) -> Method:
    t = asking.visitor.words
    fetched = is_fetched(transport.name)
    destinations = _destinations(asking, transport, order.person)
    state, reason = "ok", transport.message
    if transport.disabled:
        state, reason = "failed", transport.message or t("basket.method.closed")
    elif transport.settings.target is not None and len(destinations) < 2 and asking.core.requests.targets is not None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asking.core.requests.targets.check(transport.name, order)
        except BeamcatError as error:
            refused = error.kind in {ErrorKind.FORBIDDEN, ErrorKind.BAD_PARAMETER, ErrorKind.VALIDATION}
            state, reason = ("failed" if refused else "waiting"), error.message
        except TimeoutError:
            state, reason = "waiting", t("basket.method.slow")
    usual = t("basket.method.fetched") if fetched else transport.name
    return Method(
        transport.name,
        transport.settings.display_name or usual,
        transport.settings.description or (t("basket.method.fetched_text") if fetched else ""),
        fetched,
        state,
        reason,
        transport.settings.mail_required,
        destinations,
    )


def _destinations(asking: Asking, transport: Transport, person: Person) -> tuple[str, ...]:
    target = asking.core.settings.downloads.target.get(transport.settings.target or "")
    if not isinstance(target, FtsTargetSettings):
        return ()
    return tuple(
        name
        for name, chosen in target.destinations.items()
        if not (chosen.users or chosen.groupings)
        or person.name in chosen.users
        or person.groups.intersection(chosen.groupings)
    )
