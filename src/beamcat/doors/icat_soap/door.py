"""ICAT's SOAP interface as an ASGI application, to be mounted at `/ICATService/ICAT` (ICAT specification C)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from beamcat.config import ServerSettings
from beamcat.doors.bodies import read_body
from beamcat.doors.core import Core, as_told
from beamcat.doors.guarding import guarded
from beamcat.doors.icat_soap.description import schema, wsdl
from beamcat.doors.icat_soap.encode import Writer
from beamcat.doors.icat_soap.faults import fault
from beamcat.doors.icat_soap.operations import HANDLERS, Call
from beamcat.doors.icat_soap.request import Element, NotSoap, read_operation, read_text
from beamcat.errors import BadParameter, TimedOut, TooManyAttempts, TooManyRequests, Unavailable
from beamcat.observability.requests import current_id, describe

DOOR = "icat_soap"
PATH = "/ICATService/ICAT"
XML = "text/xml;charset=utf-8"
IN_A_THREAD_BYTES = 2**18
"""Larger requests are parsed beside the event loop: the parser lets others run meanwhile."""

_SANE_HOST = re.compile(r"[A-Za-z0-9._\-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


class IcatSoap:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, core: Callable[[], Core | None]) -> None:
        self._core = core
        self._writer = Writer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered with a fault."""
        describe(DOOR, "unknown")
        request = Request(scope, receive)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            with guarded(scope, self._core()):
                response = await self._answer(request)
                await response(scope, receive, watched)
        except Exception as problem:
            if started:
                raise
            error = as_told(problem, DOOR)
            headers = {}
            if isinstance(error, (TooManyAttempts, TooManyRequests)):
                headers["Retry-After"] = str(error.retry_after_s)
            message = fault(error, current_id())
            await Response(message, 500, headers, media_type=XML)(scope, receive, send)  # SOAP 1.1, section 6.2

    async def _answer(self, request: Request) -> Response:
        if request.scope["path"].removeprefix(request.scope.get("root_path", "")) not in {"", "/"}:
            return Response("There is nothing here", 404, media_type="text/plain")
        core = self._core()
        if request.method in {"GET", "HEAD"}:
            return _description(request, core)
        if request.method != "POST":
            return Response(status_code=405, headers={"Allow": "GET, HEAD, POST"})
        if core is None:
            raise Unavailable("The server is starting")
        seconds = core.settings.server.request_timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await self._called(request, core)
        except TimeoutError:
            raise TimedOut(f"The request took longer than {seconds:g} seconds") from None

    async def _called(self, request: Request, core: Core) -> Response:
        server = core.settings.server
        body = await read_body(request, server.max_request_bytes)
        content_type = request.headers.get("content-type", "")
        element = await _parsed(body, content_type, server)
        name = etree.QName(element).localname
        handler = HANDLERS.get(name)
        if handler is None:
            raise NotSoap(f"There is no operation {name}")
        describe(DOOR, name)
        address = request.client.host if request.client else ""
        answer = await handler(Call(element, address, core, self._writer))
        if isinstance(answer, str):
            return Response(answer, media_type=XML)
        return StreamingResponse(_streamed(answer), media_type=XML)


async def _parsed(body: bytes, content_type: str, server: ServerSettings) -> Element:
    def parse() -> Element:
        return read_operation(read_text(body, content_type), server.max_xml_elements)

    return await asyncio.to_thread(parse) if len(body) > IN_A_THREAD_BYTES else parse()


async def _streamed(chunks: Iterator[str]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk.encode()
        await asyncio.sleep(0)


def _description(request: Request, core: Core | None) -> Response:
    describe(DOOR, "description")
    asked = {name.lower() for name in request.query_params}
    if "xsd" in asked:
        content = f'<?xml version="1.0" encoding="UTF-8"?>\n{schema()}\n'
    elif "wsdl" in asked:
        content = wsdl(_address(request, None if core is None else core.settings.server.public_url))
    else:
        return Response("ICAT's SOAP interface. Its description is at ?wsdl\n", media_type="text/plain")
    return Response(content, media_type=XML)


def _address(request: Request, public_url: str | None) -> str:
    """Where clients reach this door: by the settings, else as the client itself called it."""
    if public_url is not None:
        return public_url.rstrip("/") + PATH
    host = request.headers.get("host", "")
    if not _SANE_HOST.fullmatch(host):
        raise BadParameter("the header Host must name the server")
    return f"{request.url.scheme}://{host}{PATH}"
