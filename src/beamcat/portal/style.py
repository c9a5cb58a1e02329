"""The design language, documented on a page of the portal."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.portal.page import Asking, Page


async def style(asking: Asking) -> Response:
    """GET /style: colours, type, controls, states and components, as they are."""
    return await asking.render("style.html")


PAGES = (Page("/style", style, "style"),)
