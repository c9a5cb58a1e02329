"""Reading the body of a request, up to a limit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from beamcat.errors import BadParameter, TimedOut, TooLarge

LONGEST_GOODBYE_S = 5.0
"""How long a body is read on that nobody wants any more."""


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body; empty without one.

    Raises `TooLarge` as soon as it is known to exceed `max_bytes`, and `BadParameter` for a body that ends too early.
    """
    too_large = TooLarge(f"the request body may have at most {max_bytes} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > max_bytes:
                raise too_large
            pieces.append(piece)
    except ClientDisconnect:
        raise BadParameter("the request body ended too early") from None
    return b"".join(pieces)


async def moving_body(request: Request, idle_s: float) -> AsyncIterator[bytes]:
    """The body as it comes. It may take as long as it likes, if only it moves."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle_s):
                piece = await anext(stream, None)
        except ClientDisconnect:
            raise BadParameter("The request body ended too early") from None
        except TimeoutError:
            raise TimedOut(f"No byte has arrived for {idle_s:g} seconds") from None
        if piece is None:
            return
        yield piece


async def let_the_client_finish(request: Request, most: int) -> None:
    """Read on for a while, `most` bytes: most clients look at the answer only when they have sent everything."""
    with contextlib.suppress(ClientDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(LONGEST_GOODBYE_S):
            async for piece in request.stream():
                most -= len(piece)
                if most < 0:
                    return
