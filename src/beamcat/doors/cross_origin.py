"""What lets pages of other sites use a door, as far as its answers need no cookies: there are none."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Message, Send

EXPOSED = (
    "Accept-Ranges, Content-Length, Content-Range, Content-Disposition, ETag, Retry-After, Repr-Digest, Digest, Link"
)


def cross_origin(methods: str) -> Mapping[str, str]:
    """The headers for a door with these methods."""
    return {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": methods,
        "access-control-allow-headers": "Content-Type, Range, If-Range, Authorization",
        "access-control-expose-headers": EXPOSED,
    }


class CrossOriginSend:
    """`send`, with headers on every answer, errors included. Knows whether an answer has begun."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Send a message on."""
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [*message.get("headers", ()), *self._headers]
        await self._send(message)
