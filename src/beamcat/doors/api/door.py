"""Beamcat's own interface as an ASGI application, to be mounted at `/api`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from beamcat.access.caller import Caller
from beamcat.doors.api.calls import AnyCall, Asking
from beamcat.doors.api.every import CALLS
from beamcat.doors.api.openapi import openapi
from beamcat.doors.api.page import docs_page
from beamcat.doors.api.problems import SignInFirst, error_response
from beamcat.doors.api.reading import read_body_of, read_parameters
from beamcat.doors.bytes_out import StatusError
from beamcat.doors.core import Core, as_told, bearer
from beamcat.doors.cross_origin import CrossOriginSend, cross_origin
from beamcat.doors.guarding import guarded
from beamcat.doors.urls import public_url
from beamcat.errors import BeamcatError, ErrorKind, TimedOut, Unavailable
from beamcat.observability.requests import current_id, describe

DOOR = "api"
CROSS_ORIGIN = cross_origin("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
DESCRIPTION, PAGE = "/openapi.json", "/docs"
NOBODY = Caller("", scopes=frozenset())
"""Who asks calls that are open."""
FRESH = {"Cache-Control": "public, max-age=300"}
"""The description changes only with the program."""


class NothingHere(BeamcatError):
    """No such path."""

    kind = ErrorKind.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("There is nothing here; /api/docs says what there is")


class Api:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, core: Callable[[], Core | None]) -> None:
        self._core = core
        by_path: dict[str, dict[str, AnyCall]] = {}
        for call in CALLS:
            by_path.setdefault(call.path, {})[call.method] = call
        routes = [Route(path, _Resource(calls, core)) for path, calls in by_path.items()]
        routes += [Route(path, _Described(path, core)) for path in (DESCRIPTION, PAGE, "/")]
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is a problem for programs."""
        describe(DOOR, "unknown")
        send = CrossOriginSend(send, CROSS_ORIGIN)
        try:
            with guarded(scope, self._core()):
                if scope["method"] == "OPTIONS":
                    describe(DOOR, "options")
                    await Response(status_code=204)(scope, receive, send)
                else:
                    await self._router(_with_slash(scope), receive, send)
        except Exception as problem:
            if send.started:
                raise
            await error_response(_told(problem), current_id())(scope, receive, send)


def _with_slash(scope: Scope) -> Scope:
    """The door itself is below itself."""
    return {**scope, "path": f"{scope['path']}/"} if scope["path"] == scope.get("root_path", "") else scope


class _Resource:
    """One path with the calls it has."""

    def __init__(self, calls: Mapping[str, AnyCall], core: Callable[[], Core | None]) -> None:
        self._calls = calls
        self._core = core
        self._allowed = ", ".join([*calls, *(["HEAD"] if "GET" in calls else []), "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        call = self._calls.get("GET" if request.method == "HEAD" else request.method)
        if call is None:
            raise _wrong_method(request.method, self._allowed)
        describe(DOOR, call.name)
        core = self._core()
        if core is None:
            raise Unavailable("The server is starting")
        seconds = core.settings.server.request_timeout_s
        try:
            async with asyncio.timeout(seconds):
                response = await _answer(call, request, core)
        except TimeoutError:
            raise TimedOut(f"The request took longer than {seconds:g} seconds") from None
        await _without_body(response, request)(scope, receive, send)


class _Described:
    """The OpenAPI document, or the page that is made of it. They tell nothing of the catalogue."""

    def __init__(self, path: str, core: Callable[[], Core | None]) -> None:
        self._path = path
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method not in {"GET", "HEAD"}:
            raise _wrong_method(request.method, "GET, HEAD, OPTIONS")
        core = self._core()
        server = f"{request.url.scheme}://{request.url.netloc}" if core is None else public_url(request, core)
        response: Response
        if self._path == "/":
            describe(DOOR, "index")
            response = Response(status_code=307, headers={"Location": f"{server}/api{PAGE}"})
        elif self._path == PAGE:
            describe(DOOR, "docs")
            response = HTMLResponse(docs_page(openapi(CALLS, server)), headers=FRESH)
        else:
            describe(DOOR, "openapi")
            content = orjson.dumps(openapi(CALLS, server))
            response = Response(content, headers=FRESH, media_type="application/json")
        await _without_body(response, request)(scope, receive, send)


async def _answer(call: AnyCall, request: Request, core: Core) -> Response:
    caller = NOBODY if call.is_open else await _caller(request, core)
    parameters = read_parameters(call, request)
    body = await read_body_of(call, request, core.settings.server.max_request_bytes)
    told = await call.answer(Asking(core, caller, parameters, body, request))
    if isinstance(told, Response):
        return told
    headers = {"Cache-Control": "private, no-store", "Vary": "Authorization"}
    if told is None:
        return Response(status_code=204, headers=headers)
    content = orjson.dumps(told.model_dump(mode="json", exclude_none=True))
    return Response(content, call.status, headers, media_type="application/json")


async def _caller(request: Request, core: Core) -> Caller:
    """Who is asking: whoever has not signed in is the anonymous user, where there is one."""
    identifier = bearer(request.headers.get("authorization"))
    if identifier is None:
        identifier = await core.sessions.anonymous(request.client.host if request.client else "")
    if identifier is None:
        raise SignInFirst
    return await core.caller(identifier)


def _without_body(response: Response, request: Request) -> Response:
    """The response to HEAD: its headers are those of GET."""
    if request.method == "HEAD":
        response.body = b""
    return response


def _wrong_method(method: str, allowed: str) -> StatusError:
    return StatusError(405, f"There is no {method} here; there is {allowed}", {"Allow": allowed})


def _told(problem: Exception) -> BeamcatError:
    if isinstance(problem, HTTPException) and problem.status_code == 404:
        return NothingHere()
    return as_told(problem, DOOR)
