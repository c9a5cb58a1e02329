"""`multipart/form-data` taken apart while it arrives: no more than one piece of the body is held (RFC 7578)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from beamcat.errors import BadParameter, TimedOut


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part and the file name it was given; None without one. An empty name is a name."""

    name: str
    file_name: str | None


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part that began last is complete."""


Event = PartBegin | bytes | PartEnd


async def parts(request: Request, patience_s: float) -> AsyncIterator[Event]:
    """The parts of a request body, each as its beginning, pieces of its content, and its end.

    Raises `BadParameter` for another content type or a body that is malformed or ends too early, and `TimedOut` when
    nothing arrives for `patience_s` seconds.
    """
    content_type, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if content_type != b"multipart/form-data" or not boundary:
        raise BadParameter("Multipart content expected")
    found = _Found()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": found.begin,
                "on_header_field": found.header_name,
                "on_header_value": found.header_value,
                "on_header_end": found.header_end,
                "on_headers_finished": found.headers_finished,
                "on_part_data": found.data,
                "on_part_end": lambda: found.events.append(PartEnd()),
                "on_end": found.end,
            },
        )
        stream = request.stream()
        while (piece := await _next(stream, patience_s)) is not None:
            parser.write(piece)
            while found.events:
                yield found.events.popleft()
    except MultipartParseError as error:
        raise BadParameter(f"Badly formatted multipart content: {error}") from None
    if not found.complete:
        raise BadParameter("the request body ended too early")


async def _next(stream: AsyncIterator[bytes], patience_s: float) -> bytes | None:
    try:
        async with asyncio.timeout(patience_s):
            return await anext(stream, None)
    except ClientDisconnect:
        raise BadParameter("the request body ended too early") from None
    except TimeoutError:
        raise TimedOut(f"Nothing arrived for {patience_s:g} seconds") from None


class _Found:
    """What the parser has met and nobody has taken yet."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.complete = False
        self._headers: dict[bytes, bytes] = {}
        self._name = b""
        self._value = b""

    def begin(self) -> None:
        self._headers = {}
        self._name = self._value = b""

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        file_name = options.get(b"filename")
        name = options.get(b"name", b"").decode(errors="replace")
        self.events.append(PartBegin(name, None if file_name is None else file_name.decode(errors="replace")))

    def data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(data[start:end])

    def end(self) -> None:
        self.complete = True
