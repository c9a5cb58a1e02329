"""An upload to an object store that is seen when it is whole, and leaves nothing when it is not.

obstore takes the bytes from an iterator, and gives up the parts it has sent when the iterator raises. A call that is
cancelled would leave them, so nobody ever cancels it: the iterator raises instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from beamcat.errors import ValidationFailed
from beamcat.store.storage.contract import Pieces

MOST_PARTS = 10_000
PARTS_AT_ONCE = 4
LEAST = 1 << 20
"""Smaller pieces are put together before they are passed on."""


class StoreFailed(Exception):
    """The store did not take the bytes; `error` is what obstore said."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _GivenUp(Exception):
    """Ends the iterator of an upload that is not wanted any more."""


async def upload(
    store: S3Store, key: str, pieces: Pieces, part: int, attributes: Mapping[str, str] | None = None
) -> None:
    """Store the bytes, in parts of this size when they are more than one part; with these headers and metadata.

    Raises what `pieces` raises, `StoreFailed` for what the store answers, and `ValidationFailed` for too many parts.
    """
    feed = _Feed()
    under_way: asyncio.Task[None] | None = None
    first: list[bytes] = []
    passed_on = 0
    try:
        async for piece in _larger(pieces):
            passed_on += len(piece)
            if passed_on > part * MOST_PARTS:
                raise ValidationFailed(
                    f"more than {part * MOST_PARTS} bytes; say the size beforehand, or raise part_mebibytes"
                )
            if under_way is not None:
                await feed.pass_on(piece, under_way)
                continue
            first.append(piece)
            if passed_on > part:
                under_way = asyncio.create_task(_in_parts(store, key, feed, part, attributes))
                for held in first:
                    await feed.pass_on(held, under_way)
                first.clear()
        if under_way is None:
            under_way = asyncio.create_task(_at_once(store, key, b"".join(first), attributes))
        else:
            await feed.pass_on(None, under_way)
        await asyncio.shield(under_way)
    except BaseException:
        if under_way is not None:
            await feed.give_up(under_way)
        raise


class _Feed:
    """Bytes on their way into an upload."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._given_up = asyncio.Event()

    async def pass_on(self, piece: bytes | None, under_way: asyncio.Task[None]) -> None:
        """Hand over a piece, None after the last one. Raises what the upload raised."""
        handing = asyncio.ensure_future(self._queue.put(piece))
        try:
            await asyncio.wait({handing, under_way}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            handing.cancel()
        if under_way.done():
            await under_way

    async def give_up(self, under_way: asyncio.Task[None]) -> None:
        """End the upload, and wait until the store has forgotten its parts."""
        self._given_up.set()
        while not under_way.done():
            await asyncio.wait({under_way})
        if not under_way.cancelled():
            under_way.exception()  # seen: it is no news

    async def __aiter__(self) -> AsyncIterator[bytes]:
        given_up = asyncio.ensure_future(self._given_up.wait())
        try:
            while True:
                taking = asyncio.ensure_future(self._queue.get())
                await asyncio.wait({taking, given_up}, return_when=asyncio.FIRST_COMPLETED)
                if given_up.done():
                    taking.cancel()
                    raise _GivenUp
                piece = taking.result()
                if piece is None:
                    return
                yield piece
        finally:
            given_up.cancel()


async def _in_parts(store: S3Store, key: str, feed: _Feed, part: int, attributes: Mapping[str, str] | None) -> None:
    more = None if attributes is None else dict(attributes)
    try:
        await obstore.put_async(
            store,
            key,
            aiter(feed),
            attributes=more,
            use_multipart=True,
            chunk_size=part,
            max_concurrency=PARTS_AT_ONCE,
        )
    except (BaseError, OSError, ValueError) as error:
        raise StoreFailed(error) from error


async def _at_once(store: S3Store, key: str, content: bytes, attributes: Mapping[str, str] | None) -> None:
    more = None if attributes is None else dict(attributes)
    try:
        await obstore.put_async(store, key, content, attributes=more, use_multipart=False)
    except (BaseError, OSError, ValueError) as error:
        raise StoreFailed(error) from error


async def _larger(pieces: Pieces) -> AsyncIterator[bytes]:
    """The same bytes in pieces of a mebibyte or more, the last one excepted."""
    held: list[bytes] = []
    size = 0
    async for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= LEAST:
            yield b"".join(held)
            held, size = [], 0
    if size:
        yield b"".join(held)
