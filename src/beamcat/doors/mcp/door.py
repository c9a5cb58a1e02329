"""The Model Context Protocol as an ASGI application, to be mounted at `/mcp`: its streamable HTTP transport.

Each message is answered by itself, with JSON: the server keeps no session and sends nothing of its own accord, which
the protocol allows (revision 2025-06-18, "Transports").
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from beamcat import __version__
from beamcat.access.caller import Caller
from beamcat.assistant.tools import TOOLS
from beamcat.doors.bodies import read_body
from beamcat.doors.core import Core, as_told, bearer, message_for_client
from beamcat.doors.guarding import guarded
from beamcat.doors.statuses import STATUSES
from beamcat.doors.urls import public_url
from beamcat.errors import BadParameter, BeamcatError, SessionError, TimedOut, Unavailable
from beamcat.observability.requests import current_id, describe

DOOR = "mcp"
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")
"""Revisions of the protocol, the newest first."""
LONGEST_MESSAGE = 2**20
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
INSTRUCTIONS = (
    "Research data of a facility: experiments (investigations), their datasets, files, samples and publications. "
    "Search first, then get records by kind and id. Cite the page of each record you use."
)


class Mcp:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, core: Callable[[], Core | None]) -> None:
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        describe(DOOR, "unknown")
        request = Request(scope, receive)
        try:
            with guarded(scope, self._core()):
                response = await self._response(request)
        except Exception as problem:
            response = _refused(as_told(problem, DOOR))
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        core = self._core()
        if core is None:
            raise Unavailable("The server is starting")
        if request.method != "POST":
            return Response(status_code=405, headers={"Allow": "POST"})
        if not _is_from_here(request, core):
            return Response("Pages of other sites may not use this\n", 403, media_type="text/plain")
        caller = await _caller(request, core)
        try:
            message = orjson.loads(await read_body(request, LONGEST_MESSAGE))
        except orjson.JSONDecodeError:
            return _json(_error(None, PARSE_ERROR, "This is no JSON"), 400)
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            return _json(_error(None, INVALID_REQUEST, "One JSON-RPC request is expected"), 400)
        if "id" not in message:
            describe(DOOR, "notification")
            return Response(status_code=202)
        seconds = core.settings.server.request_timeout_s
        try:
            async with asyncio.timeout(seconds):
                return _json(await _answer(core, caller, message))
        except TimeoutError:
            raise TimedOut(f"The request took longer than {seconds:g} seconds") from None


async def _answer(core: Core, caller: Caller, message: dict[str, Any]) -> dict[str, Any]:
    """What one request is answered with."""
    identifier, method = message["id"], message["method"]
    params = {} if message.get("params") is None else message["params"]
    if not isinstance(params, dict):
        return _error(identifier, INVALID_PARAMS, "params has to be an object")
    match method:
        case "initialize":
            describe(DOOR, "initialize")
            return _result(identifier, _introduced(params))
        case "ping":
            describe(DOOR, "ping")
            return _result(identifier, {})
        case "tools/list":
            describe(DOOR, "tools-list")
            return _result(identifier, {"tools": [_described(tool) for tool in TOOLS]})
        case "tools/call":
            describe(DOOR, "tools-call")
            return _result(identifier, await _called(core, caller, params))
        case _:
            return _error(identifier, NO_METHOD, f"There is no method {method[:100]}")


def _introduced(params: dict[str, Any]) -> dict[str, Any]:
    wanted = params.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "beamcat", "title": "Beamcat", "version": __version__},
        "instructions": INSTRUCTIONS,
    }


def _described(tool: Any) -> dict[str, Any]:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.schema,
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    }


async def _called(core: Core, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
    """What a tool tells; what it cannot do is told as well, so that the model can do better."""
    try:
        result = await core.tools.call(caller, str(params.get("name", "")), params.get("arguments") or {})
    except BeamcatError as error:
        told = as_told(error, DOOR)
        text = message_for_client(told, current_id())
        return {"content": [{"type": "text", "text": text}], "isError": True}
    text = orjson.dumps(result).decode()
    return {"content": [{"type": "text", "text": text}], "structuredContent": result, "isError": False}


async def _caller(request: Request, core: Core) -> Caller:
    """Whoever a token or session id stands for; without one, the anonymous user where there is one."""
    if not core.settings.assistant.tools:
        raise BadParameter("This facility does not offer tools here")
    identifier = bearer(request.headers.get("authorization"))
    if identifier is None:
        identifier = await core.sessions.anonymous(request.client.host if request.client else "")
    if identifier is None:
        raise SessionError("Bring a token: Authorization: Bearer ...")
    return await core.caller(identifier)


def _is_from_here(request: Request, core: Core) -> bool:
    """A browser tells which site a call is from; those of others could use what is only open to this network."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc in {urlsplit(public_url(request, core)).netloc, request.url.netloc}


def _refused(error: BeamcatError) -> Response:
    status = STATUSES[error.kind]
    code = INTERNAL if status == 500 else INVALID_REQUEST
    response = _json(_error(None, code, message_for_client(error, current_id())), status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="beamcat"'
    return response


def _result(identifier: object, result: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "result": result}


def _error(identifier: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": message}}


def _json(content: dict[str, Any], status: int = 200) -> Response:
    headers = {"Cache-Control": "private, no-store"}
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
