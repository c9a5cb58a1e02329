"""The design language, documented on a page of the portal."""

from __future__ import annotations

import re

from starlette.responses import Response

from beamcat.portal.assets import FOLDER
from beamcat.portal.page import Asking, Page

PARTS = (
    "type",
    "colours",
    "icons",
    "buttons",
    "badges",
    "tables",
    "feedback",
    "loading",
    "forms",
    "schema",
    "data",
    "time",
    "overlay",
)
"""The sections of the page."""
_COLOUR = re.compile(r"^\s*--([a-z0-9-]+):\s*(?:light-dark|var)\(", re.M)
TOKENS = tuple(dict.fromkeys(_COLOUR.findall((FOLDER / "tokens.css").read_text())))
"""The colours, as the style sheet names them."""
ICONS = tuple(re.findall(r'id="([a-z-]+)"', (FOLDER / "icons.svg").read_text()))


async def style(asking: Asking) -> Response:
    """GET /style: colours, type, controls, states and components, as they are."""
    return await asking.render("style.html", parts=PARTS, tokens=TOKENS, icons=ICONS)


PAGES = (Page("/style", style, "style"),)
