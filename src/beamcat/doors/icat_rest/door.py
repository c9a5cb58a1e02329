"""ICAT's REST interface as an ASGI application, to be mounted at `/icat` (ICAT specification B)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from beamcat.doors import core as parts
from beamcat.doors.core import as_told
from beamcat.doors.guarding import guarded
from beamcat.doors.icat_rest import entity_manager, information, populating, port, searching, sessions
from beamcat.doors.icat_rest.core import Core, Handler
from beamcat.doors.icat_rest.errors import UnknownOperation, WrongMethod, error_response
from beamcat.errors import BeamcatError, TimedOut, Unavailable
from beamcat.observability.requests import current_id, describe

DOOR = "icat_rest"
CROSS_ORIGIN = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, DELETE, PUT"),
]
"""On every answer, errors included: portals in browsers read them too."""

RESOURCES: Mapping[str, Mapping[str, tuple[str, Handler]]] = {
    "/entityManager": {
        "GET": ("search", entity_manager.ask),
        "POST": ("write", entity_manager.write),
        "DELETE": ("delete", entity_manager.delete),
    },
    "/session": {"POST": ("login", sessions.login)},
    "/session/{session_id}": {
        "GET": ("session", sessions.describe),
        "PUT": ("refresh", sessions.refresh),
        "DELETE": ("logout", sessions.logout),
    },
    "/version": {"GET": ("version", information.version)},
    "/properties": {"GET": ("properties", information.properties)},
    "/user/{name}": {"GET": ("logged_in", sessions.is_logged_in)},
    "/user/{mnemonic}/{name}": {"GET": ("logged_in", sessions.is_logged_in)},
    "/cloner": {"POST": ("clone", entity_manager.clone)},
    "/port": {"GET": ("export", port.export), "POST": ("import", port.load)},
    "/lucene/data": {"GET": ("search_data", searching.data)},
    "/search/documents": {"GET": ("search_documents", searching.documents)},
    "/facet/documents": {"GET": ("facet_documents", searching.facets)},
    "/lucene/db": {
        "GET": ("populating", populating.under_way),
        "POST": ("commit_search", populating.commit),
        "DELETE": ("stop_populating", populating.stop),
    },
    "/lucene/db/{entity}": {"POST": ("populate", populating.populate)},
    "/lucene/db/{entity}/{min_id}": {"POST": ("populate", populating.populate_from)},
    "/sleep/{seconds}": {"GET": ("sleep", information.sleep)},
    "/waitMillis": {"POST": ("wait", information.wait_millis)},
    "/jpql": {"GET": ("jpql", information.not_offered)},
    "/gatekeeper/markPublicTablesStale": {"POST": ("gatekeeper", information.refuse_stranger)},
    "/gatekeeper/markPublicStepsStale": {"POST": ("gatekeeper", information.refuse_stranger)},
}
"""Path -> method -> (name of the operation in metrics and logs, what answers it)."""


class IcatRest:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, core: Callable[[], parts.Core | None]) -> None:
        self._parts = core
        self._core: Core | None = None
        routes = [Route(path, _Resource(methods, self._opened)) for path, methods in RESOURCES.items()]
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered in ICAT's words."""
        describe(DOOR, "unknown")
        send = _CrossOriginSend(send, without_body=scope["method"] == "HEAD")
        try:
            with guarded(scope, self._opened()):
                if scope["method"] == "OPTIONS":
                    describe(DOOR, "options")
                    await Response()(scope, receive, send)
                else:
                    await self._router(scope, receive, send)
        except Exception as problem:
            if send.started:
                raise
            response = error_response(_icat_error(problem), current_id())
            await response(scope, receive, send)

    def _opened(self) -> Core | None:
        if self._core is None and (opened := self._parts()) is not None:
            self._core = Core.on(opened)
        return self._core


class _Resource:
    """One path with the methods it has."""

    def __init__(self, methods: Mapping[str, tuple[str, Handler]], core: Callable[[], Core | None]) -> None:
        self._methods = methods
        self._core = core
        self._allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        found = self._methods.get("GET" if request.method == "HEAD" else request.method)
        if found is None:
            raise WrongMethod(request.method, self._allowed)
        operation, handler = found
        describe(DOOR, operation)
        core = self._core()
        if core is None:
            raise Unavailable("The server is starting")
        seconds = core.settings.server.request_timeout_s
        try:
            async with asyncio.timeout(seconds):
                response = await handler(request, core)
        except TimeoutError:
            raise TimedOut(f"The request took longer than {seconds:g} seconds") from None
        await response(scope, receive, send)


class _CrossOriginSend:
    """`send`, with the cross-origin headers on every answer. Knows whether an answer has begun."""

    def __init__(self, send: Send, *, without_body: bool) -> None:
        self._send = send
        self._without_body = without_body
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [*message.get("headers", ()), *CROSS_ORIGIN]
        elif self._without_body and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


def _icat_error(problem: Exception) -> BeamcatError:
    if isinstance(problem, HTTPException) and problem.status_code == 404:
        return UnknownOperation()
    return as_told(problem, DOOR)
