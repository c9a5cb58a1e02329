"""What the server tells about itself outside of any protocol: `/`, `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from beamcat import __version__
from beamcat.access.sessions import SessionCount
from beamcat.errors import BeamcatError
from beamcat.events.lag import Backlog, age_s
from beamcat.observability.metrics import CONTENT_TYPE, Metrics
from beamcat.observability.requests import describe

DOOR = "status"


class Status:
    """The four pages. `reasons` says why the server cannot do its work, if so; `sessions` counts those stored.

    `backlog` is what readers of events have still to read; None while the database is away.
    """

    def __init__(
        self,
        metrics: Metrics,
        reasons: Callable[[], Awaitable[list[str]]],
        sessions: Callable[[], Awaitable[tuple[SessionCount, ...]]],
        backlog: Callable[[], Awaitable[Backlog | None]],
    ) -> None:
        self._metrics = metrics
        self._reasons = reasons
        self._sessions = sessions
        self._backlog = backlog

    async def alive(self, _request: Request) -> Response:
        """GET /healthz: 200 while the process answers at all."""
        describe(DOOR, "healthz")
        return Response("ok\n", media_type="text/plain")

    async def ready(self, _request: Request) -> Response:
        """GET /readyz: 200 when requests can be served, else 503 with the reasons."""
        describe(DOOR, "readyz")
        reasons = await self._reasons()
        content = {"ready": not reasons, "reasons": reasons} if reasons else {"ready": True}
        return Response(orjson.dumps(content), 503 if reasons else 200, media_type="application/json")

    async def metrics(self, _request: Request) -> Response:
        """GET /metrics: numbers for Prometheus. Without those the database knows while it is away."""
        describe(DOOR, "metrics")
        try:
            sessions, backlog = await self._sessions(), await self._backlog()
        except BeamcatError:
            sessions, backlog = (), None
        now = datetime.now(UTC)
        page = self._metrics.page(
            [(count.plugin, count.live, count.expired) for count in sessions],
            [] if backlog is None else [(lag.name, lag.behind, lag.seconds(now)) for lag in backlog.readers],
            None if backlog is None else (backlog.inbox.rows, age_s(backlog.inbox.oldest, now)),
        )
        return Response(page, headers={"content-type": CONTENT_TYPE})

    async def welcome(self, _request: Request) -> Response:
        """GET /: who is answering, and where to go from here."""
        describe(DOOR, "welcome")
        return HTMLResponse(_WELCOME)


_WELCOME = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Beamcat</title>
<style>
  body {{ font: 1.05rem/1.6 system-ui, sans-serif; color: #1c2733; background: #f4f6f8; margin: 0 }}
  main {{ max-width: 38rem; margin: 12vh auto; padding: 2.5rem 3rem; background: #fff; border-radius: .8rem;
          box-shadow: 0 1px 3px #0002, 0 8px 30px #0001 }}
  h1 {{ margin: 0 0 .3rem; font-size: 2rem; letter-spacing: -.02em }}
  small {{ color: #5b6b7a; font-size: .95rem; font-weight: 400; letter-spacing: 0 }}
  a {{ color: #0b5cad }}
  code {{ background: #eef1f4; padding: .1em .35em; border-radius: .3em }}
  dt {{ font-weight: 600; margin-top: .8rem }} dd {{ margin: 0; color: #3a4957 }}
  @media (prefers-color-scheme: dark) {{
    body {{ background: #12171c; color: #dfe6ec }} main {{ background: #1b2229 }}
    a {{ color: #7db8f5 }} dd, small {{ color: #a9b6c2 }} code {{ background: #2a333c }}
  }}
</style>
<main>
  <h1>Beamcat <small>{__version__}</small></h1>
  <p>The research-data catalogue of this facility is running.</p>
  <dl>
    <dt><a href="/icat/version">/icat</a></dt>
    <dd>ICAT's REST interface: point your ICAT client at this server.
        <a href="/icat/properties">Ways to sign in</a></dd>
    <dt><a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a></dt>
    <dd>Whether the server lives, and whether it can do its work</dd>
    <dt><a href="/metrics">/metrics</a></dt>
    <dd>Numbers for Prometheus</dd>
  </dl>
  <p>On the command line, <code>beamcat --help</code> shows what else there is.</p>
</main>
</html>
"""
