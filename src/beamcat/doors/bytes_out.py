"""Bytes on their way to a client of any door, whole or in parts (data service specification, E.6)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from beamcat.doors.byte_ranges import (
    Multipart,
    NotModified,
    NotSatisfiable,
    Partial,
    PreconditionFailed,
    Representation,
    Whole,
    content_range,
    decide,
    http_date,
)
from beamcat.doors.core import Core
from beamcat.doors.digest_headers import digest_headers
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.store.digests.values import FileVersion
from beamcat.store.downloads import Download, FileDownload
from beamcat.store.sending import Sender

MEDIA_TYPE = "application/octet-stream"
"""Of archives, too: clients of the data service expect it."""
FRESH = timedelta(seconds=60)
"""A modification time is told as at least this old, since it could happen again within the same second."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"\\]")


class StatusError(BeamcatError):
    """An answer that is decided by HTTP alone, such as 412 and 416."""

    kind = ErrorKind.BAD_PARAMETER

    def __init__(self, status: int, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


async def more_headers(request: Request, core: Core, download: Download) -> dict[str, str]:
    """The headers that tell the digests of a file, as far as they are known."""
    if not isinstance(download, FileDownload):
        return {}
    (known,) = await core.digests.digests([FileVersion.of(download.location, download.stat)])
    return {} if known is None else digest_headers(request.headers, known)


def answer(
    request: Request, download: Download, name: str, sender: Sender, more: Mapping[str, str] | None = None
) -> Response:
    """What HTTP says is to be answered with these bytes."""
    now = datetime.now(UTC)
    representation = Representation(download.size, download.etag, min(download.modified, now - FRESH), MEDIA_TYPE)
    decided = decide(representation, request.headers, now, method=request.method)
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": download.etag,
        "Last-Modified": http_date(representation.modified),
        "Cache-Control": "private, no-transform",
        "Content-Disposition": disposition(name),
        "X-Accel-Buffering": "no",
        **(more or {}),
    }
    match decided:
        case NotModified():
            return Response(status_code=304, headers=headers)
        case PreconditionFailed():
            raise StatusError(412, "The data are not the version that the request asks for", {})
        case NotSatisfiable():
            size = f"bytes */{download.size}"
            raise StatusError(416, f"There are only {download.size} bytes", {"Content-Range": size})
        case Whole():
            return Sent(200, headers, MEDIA_TYPE, download.size, download.pieces(sender, 0, download.size))
        case Partial(ranges=((first, stop),)):
            headers["Content-Range"] = content_range(first, stop, download.size)
            return Sent(206, headers, MEDIA_TYPE, stop - first, download.pieces(sender, first, stop))
        case Partial(ranges=ranges):
            several = Multipart(representation, ranges)
            return Sent(206, headers, several.media_type, several.length, _parts(several, download, sender))


class Sent(Response):
    """Bytes of a known length, sent as they are read. A HEAD reads none."""

    def __init__(
        self, status: int, headers: dict[str, str], media_type: str, length: int, pieces: AsyncIterator[bytes]
    ) -> None:
        self.status_code = status
        self.media_type = media_type
        self.background = None
        self._pieces = pieces
        self.init_headers({**headers, "Content-Length": str(length)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them, for as long as the client takes."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(cast(Any, self._pieces)) as pieces:
            if scope["method"] != "HEAD":
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _parts(several: Multipart, download: Download, sender: Sender) -> AsyncIterator[bytes]:
    for part in several.pieces():
        if isinstance(part, bytes):
            yield part
        else:
            async for piece in download.pieces(sender, *part):
                yield piece


def disposition(name: str) -> str:
    """The header `Content-Disposition` (RFC 6266), whatever the name holds."""
    last = re.split(r"[/\\]", name)[-1] or "data"
    plain = _UNSAFE.sub("_", last)
    if plain.isascii() and plain == last:
        return f'attachment; filename="{plain}"'
    ascii_name = plain.encode("ascii", "replace").decode("ascii").replace("?", "_")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(last, safe='')}"
