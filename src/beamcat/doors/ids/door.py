"""ICAT's data service interface as an ASGI application, to be mounted at `/ids` (data service specification, A)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from beamcat.doors.core import Core, as_told
from beamcat.doors.cross_origin import CrossOriginSend, cross_origin
from beamcat.doors.guarding import guarded
from beamcat.doors.ids import calls, changes
from beamcat.doors.ids.answers import UnknownCall, WrongMethod, error_response
from beamcat.doors.ids.data import get_data
from beamcat.doors.ids.deliveries import confirm_delivery, deliveries, delivery_status
from beamcat.doors.ids.metalink import get_metalink
from beamcat.doors.ids.restores import restore_queue, restore_status
from beamcat.errors import BeamcatError, TimedOut, Unavailable
from beamcat.observability.requests import current_id, describe

DOOR = "ids"
CROSS_ORIGIN = cross_origin("GET, POST, DELETE, PUT, HEAD, OPTIONS")
"""On every answer, errors included."""

Handler = Callable[[Request, Core], Awaitable[Response]]

CALLS: Mapping[str, Mapping[str, Handler]] = {
    "ping": {"GET": calls.ping},
    "version": {"GET": calls.version},
    "getApiVersion": {"GET": calls.api_version},
    "getIcatUrl": {"GET": calls.icat_url},
    "isReadOnly": {"GET": calls.is_read_only},
    "isTwoLevel": {"GET": calls.is_two_level},
    "getServiceStatus": {"GET": calls.service_status},
    "getRestoreQueue": {"GET": restore_queue},
    "getRestoreStatus": {"GET": restore_status},
    "getSize": {"GET": calls.size, "POST": calls.size},
    "getStatus": {"GET": calls.status, "POST": calls.status},
    "prepareData": {"POST": calls.prepare_data},
    "isPrepared": {"GET": calls.is_prepared},
    "getDatafileIds": {"GET": calls.datafile_ids, "POST": calls.datafile_ids},
    "getDeliveryStatus": {"GET": delivery_status},
    "getDeliveries": {"GET": deliveries},
    "confirmDelivery": {"POST": confirm_delivery},
    "getData": {"GET": get_data},
    "getMetalink": {"GET": get_metalink, "POST": get_metalink},
    "put": {"PUT": changes.put, "POST": changes.put_form},
    "delete": {"DELETE": changes.delete},
    "archive": {"POST": calls.archive},
    "restore": {"POST": calls.restore},
    "write": {"POST": calls.write},
    "reset": {"POST": calls.reset},
    "getLink": {"POST": calls.link},
    "getPercentageComplete": {"GET": calls.percentage_complete},
}
"""Path -> method -> what answers it."""

AS_LONG_AS_IT_MOVES = frozenset({"put"})
"""Calls whose body may take any time; they look for themselves that it moves."""


class Ids:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, core: Callable[[], Core | None]) -> None:
        self._core = core
        routes = [Route(f"/{name}", _Call(name, methods, core)) for name, methods in CALLS.items()]
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered in the data service's words."""
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
            of_data = scope["path"].endswith("/getData")
            await error_response(_ids_error(problem), current_id(), of_data=of_data)(scope, receive, send)


class _Call:
    """One path with the methods it has."""

    def __init__(self, name: str, methods: Mapping[str, Handler], core: Callable[[], Core | None]) -> None:
        self._name = name
        self._methods = methods
        self._core = core
        self._allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        handler = self._methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise WrongMethod(request.method, self._allowed)
        describe(DOOR, self._name)
        core = self._core()
        if core is None:
            raise Unavailable("The server is starting")
        seconds = core.settings.server.request_timeout_s
        try:
            async with asyncio.timeout(None if self._name in AS_LONG_AS_IT_MOVES else seconds):
                response = await handler(request, core)
        except TimeoutError:
            raise TimedOut(f"The request took longer than {seconds:g} seconds") from None
        await response(scope, receive, send)


def _ids_error(problem: Exception) -> BeamcatError:
    if isinstance(problem, HTTPException) and problem.status_code == 404:
        return UnknownCall()
    return as_told(problem, DOOR)
