"""Reading the body of a request, up to a limit."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request

from beamcat.errors import BadParameter, TooLarge


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
