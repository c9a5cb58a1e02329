"""The links somebody has made, and those they have opened; making one, and ending one."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from beamcat.access.shares import Share, proof_of
from beamcat.doors.statuses import STATUSES
from beamcat.doors.urls import public_url
from beamcat.errors import BadParameter, BeamcatError, Forbidden
from beamcat.portal.basket.owning import owner
from beamcat.portal.page import Asking
from beamcat.portal.shares.remembered import proofs
from beamcat.store.requests.items import Reference, parse_references

USUAL_DAYS = 30
CHOICES_DAYS = (7, 30, 90, 365)


async def mine(asking: Asking) -> Response:
    """GET /shares: what the person shares, and what is shared with them."""
    person = asking.visitor.person.name
    shares = asking.core.sharing.shares
    known = await proofs(asking)
    others = [
        share
        for share in await shares.some([int(identifier) for identifier in known])
        if share.owner != person and proof_of(share, person) == known[str(share.id)]
    ]
    return await asking.render(
        "shares/list.html",
        shares=[(share, _state(asking, share)) for share in await shares.of(person, asking.now)],
        others=[(share, _state(asking, share)) for share in others],
        enabled=asking.core.settings.portal.shares,
    )


async def new(asking: Asking) -> Response:
    """GET /shares/new?add=dataset+12, or ?basket=1: what is to be shared, and how."""
    _require_enabled(asking)
    return await _form(asking, await _wanted(asking, asking.query.get("add")))


async def make(asking: Asking) -> Response:
    """POST /shares: make a link, and show its address, once."""
    _require_enabled(asking)
    form = await asking.form()
    references = await _wanted(asking, form.get("add"))
    days = form.get("days", "")
    try:
        if not (days.isascii() and days.isdecimal() and len(days) <= 5):
            raise BadParameter("the days are a whole number")
        share, key = await asking.core.sharing.offer(
            asking.visitor.person,
            form.get("name", ""),
            references,
            asking.now + timedelta(days=int(days)),
            asking.now,
            blinded=bool(form.get("blinded")),
        )
    except BeamcatError as error:
        if STATUSES[error.kind] >= 500:
            raise
        return await _form(
            asking, references, problem=error.message, status=STATUSES[error.kind], name=form.get("name")
        )
    address = f"{public_url(asking.request, asking.core)}/shared/{key}"
    return await asking.render(
        "shares/made.html", share=share, shared_at=address, headers={"Cache-Control": "no-store"}
    )


async def revoke(asking: Asking) -> Response:
    """POST /shares/{id}/revoke: end a link at once."""
    await asking.core.sharing.shares.revoke(asking.id_of(), asking.visitor.person.name, asking.now)
    return asking.go("/shares")


async def _form(
    asking: Asking, references: list[Reference], *, problem: str = "", status: int = 200, name: str | None = None
) -> Response:
    lines = await asking.core.requests.contents.lines(asking.visitor.person, references[:200])
    longest = asking.core.settings.portal.share_days
    return await asking.render(
        "shares/new.html",
        status=status,
        lines=lines,
        count=len(references),
        add=",".join(f"{each.kind.value} {each.id}" for each in references),
        days=sorted({min(each, longest) for each in CHOICES_DAYS}),
        usual=min(USUAL_DAYS, longest),
        name=name if name is not None else (lines[0].title or lines[0].name if lines else ""),
        problem=problem,
    )


async def _wanted(asking: Asking, add: str | None) -> list[Reference]:
    """What is named, or else what is in the basket."""
    if add:
        return list(dict.fromkeys(parse_references(add)))
    asking.visitor.person  # noqa: B018 - sharing is for people who have signed in
    whose = owner(asking)
    assert whose is not None
    requests = asking.core.requests
    cart = await requests.carts.find(await requests.usual_facility(), whose)
    if cart is None:
        raise BadParameter("Put what you want to share into your basket first")
    return cart.references


def _state(asking: Asking, share: Share) -> str:
    if share.revoked is not None:
        return "revoked"
    return "ended" if share.has_ended(asking.now) else "open"


def _require_enabled(asking: Asking) -> None:
    asking.visitor.person  # noqa: B018 - sharing is for people who have signed in
    if not asking.core.settings.portal.shares:
        raise Forbidden("Sharing by links is switched off at this facility")
