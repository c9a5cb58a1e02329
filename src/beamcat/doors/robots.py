"""`/robots.txt`: what search engines and other robots may fetch (RFC 9309).

Landing pages are for them, and lists of what a dataset holds. Data are not: whoever follows every link would have
the whole archive restored.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from beamcat.config import ProtectionSettings
from beamcat.observability.requests import describe

RULES = (
    "User-agent: *",
    "Allow: /doi/",
    "Allow: /pid/",
    "Disallow: /ids/",
    "Disallow: /topcat/",
    "Disallow: /icat/",
    "Disallow: /api/",
    "Disallow: /ICATService/",
    "Disallow: /authn.",
    "Disallow: /metrics",
    "Disallow: /data/*.zip$",
    "Disallow: /data/*.tar$",
    "Disallow: /data/*.meta4$",
    "Disallow: /data/*format=",
    "Disallow: /data/*sessionId=",
    "Disallow: /data/*datafile=",
    "Disallow: /data/*/*/*/*/",  # files; above are investigations and datasets
)


class Robots:
    """The page."""

    def __init__(self, settings: ProtectionSettings) -> None:
        self._enabled = settings.robots.enabled
        added = settings.robots.add
        self._text = "\n".join([*RULES, *(["", *added] if added else []), ""])

    async def page(self, _request: Request) -> Response:
        """GET /robots.txt."""
        describe("status", "robots")
        if not self._enabled:
            return Response("There is nothing here\n", 404, media_type="text/plain")
        return Response(self._text, media_type="text/plain", headers={"Cache-Control": "public, max-age=3600"})
