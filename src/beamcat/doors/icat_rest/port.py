"""`/icat/port`: the catalogue as a dump, out and in (ICAT specification B.10 and G)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from beamcat.access.caller import Caller
from beamcat.catalogue.dump.importing import Duplicate
from beamcat.catalogue.dump.layout import Attributes
from beamcat.doors.forms import query_parameters
from beamcat.doors.icat_rest.core import Core, no_content
from beamcat.doors.multipart import Event, PartBegin, PartEnd, parts
from beamcat.errors import BadParameter, BeamcatError, TooLarge

LONGEST_JSON = 2**20
"""Bytes of the part that says what to import."""

LONGEST_GOODBYE_S = 30.0
"""How long the rest of a file is read that has been refused."""

Choice = TypeVar("Choice", Duplicate, Attributes)


async def export(request: Request, core: Core) -> Response:
    """GET port: a dump of everything, or of what a query finds; 204 when that is nothing."""
    order = _order(query_parameters(request).get("json"), ("sessionId", "query", "attributes"))
    attributes = _choice(Attributes, "attributes", order, Attributes.USER)
    query = order.get("query")
    caller = await core.caller_of(request, order.get("sessionId"))
    if not query:
        return _Download(core.dumps.dump(caller, attributes))
    pieces = await core.dumps.dump_answer(caller, query, attributes)
    return no_content() if pieces is None else _Download(pieces)


async def load(request: Request, core: Core) -> Response:
    """POST port: import the files of a multipart body; 204 when all is read. See `_Import`."""
    return _Import(request, core)


class _Download(StreamingResponse):
    """A dump on its way. The first piece is fetched before the answer begins, so that errors are still told."""

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        headers = {"Content-Disposition": 'attachment; filename="icat.export"', "Accept-Ranges": "bytes"}
        super().__init__(pieces, headers=headers, media_type="text/plain")
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with contextlib.aclosing(self._pieces):
            first = await anext(self._pieces)
            self.body_iterator = _from(first, self._pieces)
            await super().__call__(scope, receive, send)


async def _from(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


class _Import(Response):
    """Reads the dump while it is sent, then answers. An upload that moves may take longer than other requests."""

    def __init__(self, request: Request, core: Core) -> None:
        super().__init__(status_code=204)
        self._request = request
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._read()
        except BeamcatError:
            await self._let_the_client_finish()
            raise
        await super().__call__(scope, receive, send)

    async def _read(self) -> None:
        server = self._core.settings.server
        events = parts(self._request, server.request_timeout_s)
        order: tuple[Caller, Duplicate, Attributes] | None = None
        files = 0
        async for event in events:
            assert isinstance(event, PartBegin)
            if event.file_name is not None:
                if order is None:
                    raise BadParameter("json must not be null")
                caller, duplicate, attributes = order
                await self._core.dumps.load(caller, _content(events), duplicate, attributes)
                files += 1
            elif event.name == "json":
                order = await self._ordered(await _text(events))
            else:
                raise BadParameter(f"Form field '{event.name}' is not recognised")
        if order is None:
            raise BadParameter("json must not be null")
        if not files:
            raise BadParameter("No file was sent")

    async def _ordered(self, text: str) -> tuple[Caller, Duplicate, Attributes]:
        order = _order(text, ("sessionId", "duplicate", "attributes"))
        duplicate = _choice(Duplicate, "duplicate", order, Duplicate.THROW)
        attributes = _choice(Attributes, "attributes", order, Attributes.USER)
        caller = await self._core.caller_of(self._request, order.get("sessionId"))
        return caller, duplicate, attributes

    async def _let_the_client_finish(self) -> None:
        """Read on for a while: most clients look at the answer only when they have sent everything."""
        left = self._core.settings.server.max_request_bytes
        with contextlib.suppress(ClientDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(LONGEST_GOODBYE_S):
                async for piece in self._request.stream():
                    left -= len(piece)
                    if left < 0:
                        return


async def _content(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    """The rest of the part that began last."""
    async for event in events:
        if isinstance(event, PartEnd):
            return
        assert isinstance(event, bytes)
        yield event


async def _text(events: AsyncIterator[Event]) -> str:
    pieces = b""
    async for piece in _content(events):
        pieces += piece
        if len(pieces) > LONGEST_JSON:
            raise TooLarge(f"json may have at most {LONGEST_JSON} bytes")
    try:
        return pieces.decode()
    except UnicodeDecodeError:
        raise BadParameter("json must be UTF-8") from None


def _order(text: str | None, expected: tuple[str, ...]) -> Mapping[str, str]:
    """The members of the JSON object that says what is wanted. Only strings and numbers are looked at, as in ICAT."""
    if text is None:
        raise BadParameter("json must not be null")
    try:
        order: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadParameter(f"{error} in json {text[:2000]}") from None
    if not isinstance(order, dict):
        raise BadParameter(f"An object is expected in json {text[:2000]}")
    told: dict[str, str] = {}
    for name, value in order.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            if name not in expected:
                raise BadParameter(f"{name} is not an expected key in the json")
            told[name] = str(value)
    return told


def _choice(choices: type[Choice], name: str, order: Mapping[str, str], default: Choice) -> Choice:
    value = order.get(name)
    if value is None:
        return default
    try:
        return choices[value.upper()]
    except KeyError:
        raise BadParameter(f"{value} is not a valid value for '{name}'") from None
