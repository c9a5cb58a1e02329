"""Answers that read bytes of data, which nobody may move until they are sent (data service specification, A.9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from beamcat.doors.bytes_out import Sent
from beamcat.doors.coming_back import is_probe
from beamcat.doors.core import Core
from beamcat.store.units.locks import Reading


@dataclass(slots=True)
class Read:
    """What an answer holds on to: while it is made, and then until it is sent."""

    reading: Reading
    handed_over: bool = False

    def until_sent(self, response: Response) -> Response:
        """The response, after which everything is let go; one without data holds nothing."""
        if not isinstance(response, Sent):
            return response
        self.handed_over = True
        return _Held(response, self.reading)


@asynccontextmanager
async def reading(request: Request, core: Core, *, restores: bool = True) -> AsyncIterator[Read]:
    """For one answer with bytes. What is not online is restored for it if it `restores`, and is no probe."""
    holds = restores and request.method != "HEAD"
    read = Read(core.data.reading(holds=holds, restores=restores and not is_probe(request)))
    try:
        yield read
    finally:
        if not read.handed_over:
            await read.reading.end()


class _Held(Response):
    """A response that lets go of what it has read.

    It does so before its last piece is sent, which is in memory by then: a client that has got everything may go on to
    delete it at once.
    """

    def __init__(self, response: Sent, held: Reading) -> None:
        self.status_code = response.status_code
        self.background = None
        self.raw_headers = response.raw_headers
        self._response = response
        self._reading = held
        response.before_last = held.end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await self._response(scope, receive, send)
        finally:
            await self._reading.end()
