"""Staying signed in: how long a session has to live, and giving it a full life time again."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from beamcat.portal.page import Asking, Page


async def left(asking: Asking) -> Response:
    """GET /session: whether somebody is signed in, and for how many minutes. Scripts of pages ask it."""
    return _told(asking.visitor.minutes_left)


async def stay(asking: Asking) -> Response:
    """POST /session: a full life time again. Raises `SignInFirst` when it has ended."""
    person = asking.visitor.person
    assert person is not None
    await asking.core.sessions.refresh(asking.visitor.session_id)
    minutes = await asking.core.sessions.remaining_minutes(asking.visitor.session_id)
    return _told(minutes) if asking.request.headers.get("accept") == "application/json" else asking.go("/account")


def _told(minutes: float | None) -> Response:
    return JSONResponse({"minutes": minutes}, headers={"Cache-Control": "private, no-store"})


PAGES = (Page("/session", left, "session"), Page("/session", stay, "session", "POST"))
