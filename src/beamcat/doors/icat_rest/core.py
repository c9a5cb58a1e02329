"""What ICAT's REST interface needs beside the core: how it writes its answers, and what a request may hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields

from starlette.requests import Request
from starlette.responses import Response

from beamcat.access.caller import Caller
from beamcat.doors import core
from beamcat.doors.icat_rest.decode import Limits
from beamcat.doors.icat_rest.render import Renderer


@dataclass(frozen=True, slots=True)
class Core(core.Core):
    """The parts of the core, and the renderer of this worker."""

    renderer: Renderer = field(default_factory=Renderer)

    @classmethod
    def on(cls, parts: core.Core) -> Core:
        """The same parts, with a renderer."""
        return cls(**{part.name: getattr(parts, part.name) for part in fields(parts)})

    async def caller_of(self, request: Request, session_id: str | None) -> Caller:
        """Who is asking, by the parameter `sessionId`; where there is none, by the header `Authorization`.

        The header is an addition to ICAT's interface: it keeps secrets out of URLs, and so out of the logs of proxies.
        """
        return await self.caller(
            core.bearer(request.headers.get("authorization")) if session_id is None else session_id
        )

    @property
    def limits(self) -> Limits:
        """What one request may hold."""
        return Limits(self.settings.server.max_nesting, self.settings.catalogue.max_objects_per_write)


Handler = Callable[[Request, Core], Awaitable[Response]]
"""Answers one kind of request."""


def json_response(content: bytes) -> Response:
    """200 with JSON."""
    return Response(content, media_type="application/json")


def no_content() -> Response:
    """204 with an empty body."""
    return Response(status_code=204)
