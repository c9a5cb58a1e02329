"""Bytes on their way to a client of any door, whole or in parts (data service specification, E.6)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from urllib.parse import quote
from uuid import UUID

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

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
from beamcat.doors.digest_headers import content_digest, content_digest_wanted, digest_headers
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import logger
from beamcat.protection.visits import sending
from beamcat.store.deliveries.counting import Account, Counting, Stretch
from beamcat.store.deliveries.deliveries import Deliveries
from beamcat.store.deliveries.sockets import ClientGone
from beamcat.store.digests.values import FileVersion
from beamcat.store.direct import beginning, send_directly
from beamcat.store.downloads import Download, FileDownload
from beamcat.store.selection import Wanted
from beamcat.store.sending import LARGEST_PIECE, SMALLEST_PIECE, Sender, Source

MEDIA_TYPE = "application/octet-stream"
"""Of archives, too: clients of the data service expect it."""
FRESH = timedelta(seconds=60)
"""A modification time is told as at least this old, since it could happen again within the same second."""
SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.001, 2.0
"""How often it is looked whether a client has taken its bytes: the longer it takes, the less often."""

DIRECT_FROM = "beamcat.direct_from"
"""Where the scope of a request says from how many bytes on bodies may be sent past the server; see
`beamcat.store.direct`. Only who runs the server knows that they may: without it, none are."""
T = TypeVar("T")

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"\\]")


class StatusError(BeamcatError):
    """An answer that is decided by HTTP alone, such as 412 and 416."""

    kind = ErrorKind.BAD_PARAMETER

    def __init__(self, status: int, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom bytes go: whoever has the id of a prepared download, or else a user, who asked for these objects."""

    deliveries: Deliveries
    prepared_id: UUID | None = None
    user_name: str = ""
    wanted: Wanted = field(default_factory=Wanted)

    def account(self, download: Download) -> Account:
        """By which the bytes are counted."""
        wanted = self.wanted
        ids = (wanted.investigations, wanted.datasets, wanted.datafiles)
        return Account(self.prepared_id, self.user_name, download.etag, download.size, *map(tuple, ids))


async def more_headers(request: Request, core: Core, download: Download) -> dict[str, str]:
    """The headers that tell the digests of a file, as far as they are known."""
    if not isinstance(download, FileDownload):
        return {}
    (known,) = await core.digests.digests([FileVersion.of(download.location, download.stat)])
    return {} if known is None else digest_headers(request.headers, known)


def answer(
    request: Request,
    download: Download,
    name: str,
    *,
    sender: Sender,
    recipient: Recipient,
    more: Mapping[str, str] | None = None,
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
    account = recipient.account(download)
    match decided:
        case NotModified():
            return Response(status_code=304, headers=headers)
        case PreconditionFailed():
            raise StatusError(412, "The data are not the version that the request asks for", {})
        case NotSatisfiable():
            size = f"bytes */{download.size}"
            raise StatusError(416, f"There are only {download.size} bytes", {"Content-Range": size})
        case Whole():
            body = Body(account, [Stretch(download.size, 0)], download.sources(sender, 0, download.size))
            return Sent(200, headers, MEDIA_TYPE, body, sender=sender, deliveries=recipient.deliveries)
        case Partial(ranges=((first, stop),)):
            headers["Content-Range"] = content_range(first, stop, download.size)
            body = Body(account, [Stretch(stop - first, first)], download.sources(sender, first, stop))
            return Sent(206, headers, MEDIA_TYPE, body, sender=sender, deliveries=recipient.deliveries)
        case Partial(ranges=ranges):
            several = Multipart(representation, ranges)
            stretches = [
                Stretch(len(part), None) if isinstance(part, bytes) else Stretch(part[1] - part[0], part[0])
                for part in several.pieces()
            ]
            body = Body(account, stretches, _parts(several, download, sender))
            return Sent(206, headers, several.media_type, body, sender=sender, deliveries=recipient.deliveries)


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes of a known length, where they lie in the download, and to whose account they go."""

    account: Account
    stretches: Sequence[Stretch]
    sources: AsyncIterator[Source]


class Sent(Response):
    """Bytes of a known length, sent as they are read, and counted as they arrive. A HEAD reads none.

    Large ones go from files to the connection, past the server, where that says that they may.
    """

    def __init__(
        self,
        status: int,
        headers: dict[str, str],
        media_type: str,
        body: Body,
        *,
        sender: Sender,
        deliveries: Deliveries,
    ) -> None:
        self.status_code = status
        self.media_type = media_type
        self.background = None
        self.before_last: Callable[[], Awaitable[None]] = _nothing
        """Awaited before the last bytes are sent, which have been read by then."""
        self._body = body
        self._sender = sender
        self._deliveries = deliveries
        length = sum(stretch.length for stretch in body.stretches)
        self._length = length
        self.init_headers({**headers, "Content-Length": str(length)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them, for as long as the client takes."""
        start: dict[str, Any] = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        async with aclosing(cast(Any, self._body.sources)) as sources:
            if scope["method"] == "HEAD":
                await send(start)
                await send({"type": "http.response.body", "body": b""})
                return
            wanted = content_digest_wanted(Headers(scope=scope), self._length)
            if wanted is not None:
                content = b"".join([piece async for piece in self._sender.paced(sources)])
                digest = content_digest(wanted, content).encode("ascii")
                start["headers"] = [*self.raw_headers, (b"content-digest", digest)]
                sources = _one_piece(content)  # noqa: PLW2901 - the gathered ones in place of those to come
            if self._may_go_directly(scope):
                await self._send_directly(start, sources, scope, send)
            else:
                await self._send(start, sources, scope, send)

    def _may_go_directly(self, scope: Scope) -> bool:
        least = scope.get(DIRECT_FROM, 0)
        return 0 < least <= self._length and self._sender.opens_files is not None

    async def _send(self, start: Message, sources: AsyncIterator[Source], scope: Scope, send: Send) -> None:
        """Send by the server."""
        async with aclosing(cast(Any, self._sender.paced(sources))) as pieces:
            begun = [piece async for piece in _first(pieces)]  # what cannot be read is an error, and no answer
            async with self._counted(scope) as (counting, told):
                await send(start)
                counting.begun(self.status_code, start["headers"])  # with those that were added on the way
                await self._send_pieces(_all(begun, pieces), counting, told, send)

    async def _send_directly(self, start: Message, sources: AsyncIterator[Source], scope: Scope, send: Send) -> None:
        """Send past the server, unless it turns out that this cannot be."""
        sources = _all(await beginning(self._sender, sources), sources)
        async with self._counted(scope) as (counting, told):
            connection = counting.own_connection
            if connection is not None:
                start["headers"] = [*start["headers"], (b"connection", b"close")]
            await send(start)
            counting.begun(self.status_code, start["headers"])
            if connection is not None:
                await send({"type": "http.response.body", "body": b"", "more_body": True})  # the head goes out
            if connection is None or not await self._is_begun(counting):
                await self._send_pieces(self._sender.paced(sources), counting, told, send)
                return
            with suppress(ClientGone):
                await send_directly(
                    self._sender, sources, self._length, connection, told=told, before_last=self.before_last
                )
                await send({"type": "http.response.body", "body": b""})
                counting.finished()

    async def _is_begun(self, counting: Counting) -> bool:
        """Whether the server has sent the head of the answer, and nothing else is to be expected of it."""
        if await counting.head_is_out():
            return True
        if not counting.is_gone:
            logger().warning("a download goes by the server: the head of its answer is not what it should be")
        return False

    async def _send_pieces(
        self, pieces: AsyncIterator[bytes], counting: Counting, told: Callable[[int], None], send: Send
    ) -> None:
        left, room = self._length, _Room(self._length)
        async for piece in pieces:
            length = len(piece)
            left -= length
            if not left:
                await self.before_last()
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            del piece  # not kept while a slow client takes its time
            told(length)
            await room.wait(counting, length)
            if counting.is_gone:
                return  # servers go on taking bytes for clients that have left
        if not self._length:
            await self.before_last()
        await send({"type": "http.response.body", "body": b""})
        counting.finished()

    @asynccontextmanager
    async def _counted(self, scope: Scope) -> AsyncIterator[tuple[Counting, Callable[[int], None]]]:
        """While the bytes are sent: what counts them, and what is to be told of those that went."""
        async with sending(self._length) as handed:
            counting = await self._deliveries.begin(self._body.account, self._body.stretches, scope)

            def told(length: int) -> None:
                counting.handed(length)
                handed(length)
                self._deliveries.progressed(counting)

            try:
                yield counting, told
            finally:
                counting.broke_off()
                self._deliveries.ended(counting)


@dataclass(slots=True)
class _Room:
    """Waits until the kernel has taken what was handed to the server, which would keep megabytes for each slow client.

    There is always something left to send: two pieces for fast clients, half of one for others. Nobody waits for the
    first and the last bytes.
    """

    length: int
    waited_s: float = 0.0
    """For the last piece: the next one will take about as long."""

    async def wait(self, counting: Counting, piece: int) -> None:
        """Wait after a piece of that many bytes."""
        if not SMALLEST_PIECE < counting.handed_bytes < self.length:
            return
        allowed = 2 * piece if piece >= LARGEST_PIECE else piece // 2
        waited_s, usual_s = 0.0, self.waited_s
        while counting.behind() > allowed:
            pause_s = min(max(SHORTEST_LOOK_S, (waited_s or usual_s) / 2), LONGEST_LOOK_S)
            await asyncio.sleep(pause_s)
            waited_s += pause_s
        self.waited_s = waited_s


async def _nothing() -> None:
    """What there is to do before the last bytes, unless somebody says more."""


async def _one_piece(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _first(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The first piece, if there is one."""
    with suppress(StopAsyncIteration):
        yield await anext(pieces)


async def _all(begun: list[T], rest: AsyncIterator[T]) -> AsyncIterator[T]:
    """What has been taken already, and the rest."""
    while begun:
        yield begun.pop(0)
    async for each in rest:
        yield each


async def _parts(several: Multipart, download: Download, sender: Sender) -> AsyncIterator[Source]:
    for part in several.pieces():
        if isinstance(part, bytes):
            yield part
        else:
            async for source in download.sources(sender, *part):
                yield source


def disposition(name: str) -> str:
    """The header `Content-Disposition` (RFC 6266), whatever the name holds."""
    last = re.split(r"[/\\]", name)[-1] or "data"
    plain = _UNSAFE.sub("_", last)
    if plain.isascii() and plain == last:
        return f'attachment; filename="{plain}"'
    ascii_name = plain.encode("ascii", "replace").decode("ascii").replace("?", "_")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(last, safe='')}"
