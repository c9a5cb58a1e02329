"""The portal as an ASGI application: whatever no door has the path of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from beamcat.config import Settings
from beamcat.doors.core import Core, as_told
from beamcat.doors.guarding import guarded
from beamcat.doors.statuses import STATUSES
from beamcat.doors.urls import public_url
from beamcat.errors import BeamcatError, Forbidden, NoSuchObject, TimedOut, Unavailable
from beamcat.observability.requests import describe
from beamcat.portal import every
from beamcat.portal.assets import ADDRESS
from beamcat.portal.look import Look
from beamcat.portal.page import Asking, Page
from beamcat.portal.problems import problem_page
from beamcat.portal.rendering import Rendering
from beamcat.portal.visiting import SignInFirst, Visitor, visitor_of

DOOR = "portal"
SAFE = frozenset({"GET", "HEAD"})


class NotFromHere(Forbidden):
    """A form was sent by a page of somebody else."""

    def __init__(self) -> None:
        super().__init__("This was not sent by a page of this server; open the page again and repeat it there")


class Portal:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, settings: Settings, core: Callable[[], Core | None]) -> None:
        self._core = core
        self._rendering = Rendering(settings, every.HEADERS)
        routes = [Route(f"{ADDRESS}/{{digest}}/{{name:path}}", self._rendering.assets.send, name="asset")]
        by_path: dict[str, dict[str, Page]] = {}
        for page in every.PAGES:
            by_path.setdefault(page.path, {})[page.method] = page
        routes += [Route(path, _Address(pages, self)) for path, pages in by_path.items()]
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is told on a page."""
        describe(DOOR, "unknown")
        request = Request(scope, receive)
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            with guarded(scope, self._core()):
                await self._router(scope, receive, sending)
        except Exception as problem:
            if started:
                raise
            response = await self._problem(request, problem)
            await response(scope, receive, send)

    async def page(self, request: Request, page: Page) -> Response:
        """What a page answers."""
        core = self._core()
        if core is None:
            raise Unavailable("The server is starting")
        describe(DOOR, page.name)
        if page.method not in SAFE:
            _require_own(request, core)
        seconds = core.settings.server.request_timeout_s
        try:
            async with asyncio.timeout(seconds):
                visitor = await visitor_of(request, core, self._rendering.words)
                return await page.answer(Asking(request, core, visitor, self._rendering, page))
        except TimeoutError:
            raise TimedOut(f"The request took longer than {seconds:g} seconds") from None

    async def _problem(self, request: Request, problem: Exception) -> Response:
        """The page of a problem; in plain words where not even that can be made."""
        error = _told(problem)
        core = self._core()
        if core is None:
            return PlainTextResponse(f"{error.message}\n", STATUSES[error.kind], headers={"Retry-After": "2"})
        try:
            visitor = await visitor_of(request, core, self._rendering.words)
        except BeamcatError:
            words = self._rendering.words[self._rendering.settings.portal.languages[0]]
            visitor = Visitor(None, Look(), words)
        asking = Asking(request, core, visitor, self._rendering, Page(request.url.path, problem_page, "problem"))
        if isinstance(error, SignInFirst) and request.method in SAFE and not asking.is_fragment:
            return asking.go("/sign-in", to=asking.address)
        return await problem_page(asking, error)


class _Address:
    """One path, with the pages it has by method."""

    def __init__(self, pages: dict[str, Page], portal: Portal) -> None:
        self._pages = pages
        self._portal = portal
        self._allowed = ", ".join([*pages, *(["HEAD"] if "GET" in pages else [])])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        page = self._pages.get("GET" if request.method == "HEAD" else request.method)
        if page is None:
            response: Response = PlainTextResponse(
                f"There is no {request.method} here\n", 405, headers={"Allow": self._allowed}
            )
        else:
            response = await self._portal.page(request, page)
        await response(scope, receive, send)


def _told(problem: Exception) -> BeamcatError:
    if isinstance(problem, HTTPException) and problem.status_code == 404:
        return NoSuchObject("There is nothing at this address")
    return as_told(problem, DOOR)


def _require_own(request: Request, core: Core) -> None:
    """Raise `NotFromHere` for a form that a browser sends from another site: it would bring the cookie of this one."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site in {"same-origin", "none"} or (site is None and origin is None):
        return
    here = {urlsplit(public_url(request, core)).netloc, request.url.netloc}
    if site is None and origin is not None and urlsplit(origin).netloc in here:
        return
    raise NotFromHere
