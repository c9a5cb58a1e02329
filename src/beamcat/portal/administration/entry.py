"""Who may come in here, and the rail beside each page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from starlette.responses import Response

from beamcat.access.caller import Caller
from beamcat.errors import BadParameter, NoSuchObject
from beamcat.portal.page import Asking

RAIL = (
    ("/admin", "overview", "chart"),
    ("/admin/moves", "moves", "tape"),
    ("/admin/downloads", "downloads", "download"),
    ("/admin/people", "people", "users"),
    ("/admin/rights", "rights", "shield"),
    ("/admin/history", "history", "clock"),
    ("/admin/calls", "calls", "server"),
    ("/admin/statistics", "statistics", "chart"),
)
"""Address, word and icon."""


def administrator(asking: Asking) -> Caller:
    """Who has come in. To everybody else there is nothing here."""
    person = asking.visitor.person
    if not person.root:
        raise NoSuchObject("There is nothing at this address")
    return person


async def admin_page(
    asking: Asking, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
) -> Response:
    """A page of the administration."""
    return await asking.render(f"admin/{template}", status=status, headers=headers, rail=RAIL, **values)


def day(text: str, *, end: bool = False) -> datetime | None:
    """The beginning of a day `2026-11-13`, or of the day after it; None for nothing. Raises `BadParameter`."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise BadParameter(f"{text} is no date; write it as 2026-11-13") from None
    moment = datetime.combine(found, time(), UTC)
    return moment.replace(hour=23, minute=59, second=59, microsecond=999_999) if end else moment


def whole(text: str) -> int | None:
    """The number of a field; None for nothing. Raises `BadParameter`."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadParameter(f"{text} is no number")
    return int(text)
