"""Announcements: the banner at the head of each page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from beamcat.errors import BadParameter
from beamcat.events.announcements import Tone
from beamcat.portal.administration.entry import administrator, day
from beamcat.portal.page import Asking, Page


async def announcements(asking: Asking) -> Mapping[str, Any]:
    """What the head of each page shows."""
    return {"announcements": await asking.core.announcements.shown(asking.now)}


async def announce(asking: Asking) -> Response:
    """POST /admin/announcements: show a text from now, or from a day on, until the end of another."""
    person, form = administrator(asking), await asking.form()
    tone = form.get("kind", "")
    if tone not in set(Tone):
        raise BadParameter("Choose how much the announcement matters")
    starts = day(form.get("starts", "")) or asking.now
    ends = day(form.get("ends", ""), end=True)
    await asking.core.announcements.make(
        form.get("text", ""),
        Tone(tone),
        starts=max(starts, asking.now - timedelta(days=1)),
        ends=ends,
        user_name=person.name,
        now=asking.now,
    )
    return asking.go("/admin", said="announced")


async def end(asking: Asking) -> Response:
    """POST /admin/announcements/{id}/end: show it no longer."""
    administrator(asking)
    await asking.core.announcements.end(asking.id_of(), asking.now)
    return asking.go("/admin", said="ended")


PAGES = (
    Page("/admin/announcements", announce, "admin-announce", "POST"),
    Page("/admin/announcements/{id}/end", end, "admin-announce", "POST"),
)
