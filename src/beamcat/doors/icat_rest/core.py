"""What the door opens onto: the parts of the core that ICAT's REST interface speaks to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.access.sessions import Sessions
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.search import Searches
from beamcat.config import Settings
from beamcat.doors.icat_rest.decode import Limits
from beamcat.doors.icat_rest.render import Renderer
from beamcat.observability.requests import name_user

VERSION = "6.2.0"
"""The ICAT version that clients are told of."""


@dataclass(frozen=True, slots=True)
class Core:
    """The parts, opened."""

    settings: Settings
    sessions: Sessions
    rulebooks: Rulebooks
    searches: Searches
    catalogue: Catalogue
    renderer: Renderer = field(default_factory=Renderer)

    @property
    def limits(self) -> Limits:
        """What one request may hold."""
        return Limits(self.settings.server.max_nesting, self.settings.catalogue.max_objects_per_write)

    async def caller(self, session_id: str | None) -> Caller:
        """Who is asking; `SessionError` without a living session."""
        name = await self.sessions.caller_name(session_id)
        name_user(name)
        return await self.rulebooks.caller(name)


Handler = Callable[[Request, Core], Awaitable[Response]]
"""Answers one kind of request."""


def json_response(content: bytes) -> Response:
    """200 with JSON."""
    return Response(content, media_type="application/json")


def no_content() -> Response:
    """204 with an empty body."""
    return Response(status_code=204)
