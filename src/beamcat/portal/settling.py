"""How the pages look to somebody: theme, contrast, density, language, short cuts."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.doors.urls import public_url
from beamcat.portal.look import COOKIE, KEPT_S
from beamcat.portal.page import Asking, Page
from beamcat.portal.returning import back


async def settle(asking: Asking) -> Response:
    """POST /look: keep the choices of the form, and show the same page again."""
    form = dict(await asking.form())
    wanted = {"contrast": "system", "density": "comfortable", **form} if form.get("all") else form
    response = asking.go(back(form.get("to")))
    response.set_cookie(
        COOKIE,
        asking.visitor.look.changed(wanted).written(),
        max_age=KEPT_S,
        path="/",
        samesite="lax",
        httponly=True,
        secure=public_url(asking.request, asking.core).startswith("https:"),
    )
    return response


PAGES = (Page("/look", settle, "look", "POST"),)
