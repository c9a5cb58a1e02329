"""The download interface as an ASGI application, to be mounted at `/topcat` (data service specification, C)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from beamcat.doors.core import Core, as_told
from beamcat.doors.cross_origin import CrossOriginSend, cross_origin
from beamcat.doors.downloads import admins, reminders, users
from beamcat.doors.downloads.answers import FrameworkError, error_response
from beamcat.doors.downloads.asking import Asked
from beamcat.doors.downloads.parameters import parameters_of
from beamcat.doors.guarding import guarded
from beamcat.errors import BeamcatError, TimedOut, Unavailable
from beamcat.observability.requests import current_id, describe

DOOR = "topcat"
CROSS_ORIGIN = cross_origin("GET, POST, DELETE, PUT, OPTIONS")

Handler = Callable[[Asked], Awaitable[Response]]

CALLS: Mapping[str, Mapping[str, Handler]] = {
    "/ping": {"GET": users.ping},
    "/version": {"GET": users.version},
    "/confVars/{name}": {"GET": users.variable},
    "/user/session": {"POST": users.sign_in},
    "/user/cart/{facility}": {"GET": users.cart},
    "/user/cart/{facility}/cartItems": {"POST": users.add_to_cart, "DELETE": users.remove_from_cart},
    "/user/cart/{facility}/submit": {"POST": users.submit},
    "/user/downloads": {"GET": users.downloads},
    "/user/downloads/status": {"GET": users.statuses},
    "/user/download/{id}/isDeleted": {"PUT": users.set_deleted},
    "/user/download/{id}/status": {"PUT": users.set_status},
    "/user/getSize": {"GET": users.size},
    "/user/getSize/visit": {"POST": users.size_of_visit},
    "/user/getSize/files": {"POST": users.size_of_files},
    "/user/queue/allowed": {"GET": users.may_queue},
    "/user/queue/visit": {"POST": users.queue_visit},
    "/user/queue/dataCollection": {"POST": users.queue_collection},
    "/user/queue/files": {"POST": users.queue_files},
    "/user/search/files": {"POST": users.search_files},
    "/user/reminders": {"GET": users.reminders, "PUT": users.set_reminders},
    "/user/downloadType/status": {"GET": users.transports},
    "/user/downloadType/{type}/status": {"GET": users.transport},
    "/reminders/stop": {"GET": reminders.page, "POST": reminders.stop},
    "/admin/isValidSession": {"GET": admins.is_valid_session},
    "/admin/downloads": {"GET": admins.downloads},
    "/admin/download/{id}/status": {"PUT": admins.set_status},
    "/admin/download/{id}/prepare": {"PUT": admins.prepare},
    "/admin/download/{id}/isDeleted": {"PUT": admins.set_deleted},
    "/admin/downloadType/{type}/status": {"PUT": admins.set_transport},
    "/admin/clearSize/{type}/{id}": {"DELETE": admins.clear_size},
    "/admin/confVars/{name}": {"PUT": admins.set_variable},
}
"""Path -> method -> what answers it."""


class TopCat:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, core: Callable[[], Core | None]) -> None:
        self._core = core
        routes = [Route(path, _Call(path, methods, core)) for path, methods in CALLS.items()]
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered in the words of the interface."""
        describe(DOOR, "unknown")
        send = CrossOriginSend(send, CROSS_ORIGIN)
        try:
            with guarded(scope, self._core()):
                if scope["method"] == "OPTIONS":
                    describe(DOOR, "options")
                    await Response(status_code=204)(scope, receive, send)
                else:
                    await self._router(scope, receive, send)
        except Exception as problem:
            if send.started:
                raise
            await error_response(_told(problem), current_id())(scope, receive, send)


class _Call:
    """One path with the methods it has."""

    def __init__(self, path: str, methods: Mapping[str, Handler], core: Callable[[], Core | None]) -> None:
        self._path = path
        self._methods = methods
        self._core = core
        self._allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        method = "GET" if request.method == "HEAD" else request.method
        handler = self._methods.get(method)
        if handler is None:
            raise FrameworkError(HTTPStatus.METHOD_NOT_ALLOWED, self._allowed)
        describe(DOOR, f"{method} {self._path}")
        core = self._core()
        if core is None:
            raise Unavailable("The server is starting")
        seconds = core.settings.server.request_timeout_s
        try:
            async with asyncio.timeout(seconds):
                parameters = await parameters_of(request, core.settings.server.max_request_bytes)
                response = await handler(Asked(request, core, parameters))
        except TimeoutError:
            raise TimedOut(f"The request took longer than {seconds:g} seconds") from None
        await response(scope, receive, send)


def _told(problem: Exception) -> BeamcatError:
    if isinstance(problem, HTTPException):
        problem = FrameworkError(HTTPStatus(problem.status_code))
    return as_told(problem, DOOR)
