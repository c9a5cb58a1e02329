"""Templates, and the answers made of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from beamcat import __version__
from beamcat.config import Settings
from beamcat.observability.requests import current_id
from beamcat.portal.assets import Assets
from beamcat.portal.places import main_places, own_places
from beamcat.portal.words import Words, load_words

if TYPE_CHECKING:
    from beamcat.portal.page import Asking

TEMPLATES = Path(__file__).parent / "templates"
CONTENT_SECURITY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing is loaded from elsewhere, and nothing that stands in a page is run."""
SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}

Header = Callable[["Asking"], Awaitable[Mapping[str, Any]]]
"""Gives what the head of each page shows, such as how much is in the basket."""


class Rendering:
    """The templates with what all of them need. One per worker."""

    def __init__(self, settings: Settings, headers: tuple[Header, ...] = ()) -> None:
        portal = settings.portal
        self.settings = settings
        self.zone = ZoneInfo(portal.time_zone)
        self.words: dict[str, Words] = load_words(portal.languages, portal.words)
        self.assets = Assets(stylesheet=portal.stylesheet, logo=portal.logo)
        self._headers = headers
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals |= {
            "asset": self.assets.url,
            "portal": portal,
            "version": __version__,
            "own_logo": self.assets.logo,
            "own_stylesheet": self.assets.stylesheet,
            "languages": [(code, words.locale.get_display_name(words.locale)) for code, words in self.words.items()],
        }

    async def response(
        self, asking: Asking, template: str, values: Mapping[str, Any], status: int, headers: Mapping[str, str]
    ) -> Response:
        """The answer of a template, with the headers all pages have."""
        is_whole = not template.rpartition("/")[2].startswith("_")
        shown: dict[str, Any] = {}
        if is_whole:
            for header in self._headers:
                shown |= await header(asking)
        content = self.render(asking, template, {**values, "head": shown})
        kept = "private, no-store" if asking.visitor.signed_in else "private, no-cache"
        more = {
            **SECURITY,
            "Cache-Control": kept,
            "Vary": "Cookie, HX-Request, Accept-Language",
            "Content-Language": asking.visitor.words.language,
        }
        return HTMLResponse(content, status, {**more, **headers})

    def render(self, asking: Asking, template: str, values: Mapping[str, Any]) -> str:
        """The text of a template."""
        visitor = asking.visitor
        return self._environment.get_template(template).render(
            {
                "t": visitor.words,
                "f": asking.formatting,
                "visitor": visitor,
                "asking": asking,
                "look": visitor.look,
                "request_id": current_id(),
                "now": asking.now,
                "places": main_places(visitor),
                "own_places": own_places(visitor, assistant=self.settings.assistant.url is not None),
                "head": {},
                **values,
            }
        )
