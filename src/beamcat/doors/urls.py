"""By which URL clients reach this server."""

from __future__ import annotations

from starlette.requests import Request

from beamcat.doors.core import Core


def public_url(request: Request, core: Core) -> str:
    """Of the settings, or as the client has just called it; without a slash at its end."""
    public = core.settings.server.public_url
    return public.rstrip("/") if public else f"{request.url.scheme}://{request.url.netloc}"
