"""Requesting data: what is in the basket, or one thing at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from starlette.responses import Response

from beamcat.doors.statuses import STATUSES
from beamcat.errors import BadParameter, BeamcatError, ErrorKind, Forbidden, NoSuchObject
from beamcat.portal.basket.basket import basket_page, suggested_name
from beamcat.portal.basket.owning import keep, owner_or_new
from beamcat.portal.page import Asking
from beamcat.portal.visiting import SignInFirst
from beamcat.store.requests.downloads import Packed
from beamcat.store.requests.items import Owner, Reference, parse_references
from beamcat.store.requests.submitting import Request
from beamcat.store.requests.transports import is_fetched

CAN_BE_MENDED = frozenset({ErrorKind.BAD_PARAMETER, ErrorKind.VALIDATION, ErrorKind.FORBIDDEN})
"""What is told beside the form, with what was typed."""


async def request(asking: Asking) -> Response:
    """POST /downloads: request what `add` names, or else what is in the basket."""
    form = await asking.form()
    owner, made = owner_or_new(asking)
    if owner.anonymous and not asking.core.requests.settings.anonymous:
        raise SignInFirst
    if form.get("add"):
        return keep(asking, await _at_once(asking, owner, parse_references(form["add"]), form), made)
    try:
        done = await asking.core.requests.submissions.submit_cart(await _request(asking, owner, form))
    except BeamcatError as error:
        if error.kind not in CAN_BE_MENDED:
            raise
        typed = {name: value for name, value in form.items() if len(value) <= 300}
        return await basket_page(asking, problem=error.message, status=STATUSES[error.kind], typed=typed)
    if done.download_id is None:
        return asking.go("/basket")
    return asking.go("/downloads", new=str(done.download_id))


async def _at_once(asking: Asking, owner: Owner, references: list[Reference], form: Mapping[str, str]) -> Response:
    requests = asking.core.requests
    lines = await requests.contents.lines(owner.caller, references[:1])
    if not lines:
        raise NoSuchObject("There is nothing of that, or it is not open to you")
    named = {**form, "name": form.get("name") or suggested_name(lines, len(references))}
    identifier = await requests.submissions.submit(await _request(asking, owner, named), references)
    return asking.go("/downloads", new=str(identifier))


async def _request(asking: Asking, owner: Owner, form: Mapping[str, str]) -> Request:
    requests = asking.core.requests
    facility = await requests.usual_facility()
    packed = form.get("form") or "zip"
    if packed not in get_args(Packed):
        raise BadParameter(f"the form is one of {', '.join(get_args(Packed))}")
    transport = form.get("transport") or ""
    if not transport:
        usable = await requests.transports.usable(facility, owner.caller)
        working = [each.name for each in usable if not each.disabled]
        transport = next((name for name in working if is_fetched(name)), next(iter(working), ""))
        if not transport:
            raise Forbidden("There is no way to get data at the moment; ask the data service of the facility")
    return Request(
        facility=facility,
        owner=owner,
        transport=transport,
        file_name=(form.get("name") or "").strip().replace("/", "_"),
        email=form.get("email") or None,
        form=packed,  # type: ignore[arg-type]
        destination=form.get(f"destination-{transport}") or None,
    )
