"""Bytes on their way from a client into an upload: written and hashed side by side while the next ones arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from beamcat.errors import TooLarge
from beamcat.store.storage.contract import OpenUpload, Pieces

BATCH = 1 << 20
"""Bytes that are written at a time."""

Before = Callable[[], Awaitable[None]]
"""Is called before each batch: all before `at` is written then."""


class Takes(Protocol):
    """What the bytes are given to, in their order."""

    def update(self, data: bytes, /) -> None:
        """The next bytes."""
        ...


async def _nothing() -> None:
    """Nothing has to be done."""


@dataclass(slots=True)
class Receiving:
    """Bytes that are being written to an upload: all before `at` are; none may be written at `most`, or behind."""

    opened: OpenUpload
    at: int
    most: int
    takers: Sequence[Takes]
    before: Before = field(default=_nothing)

    async def take(self, pieces: Pieces) -> None:
        """Write the bytes that come. Those that have come are written also when `pieces` raises.

        Raises `TooLarge` for more bytes than there may be.
        """
        stop = self.at
        under_way: asyncio.Task[None] | None = None
        try:
            async for batch in _batches(pieces):
                stop += len(batch)
                if stop > self.most:
                    raise TooLarge(f"more bytes have arrived than the {self.most} that were announced")
                if under_way is not None:
                    await asyncio.shield(under_way)
                under_way = asyncio.create_task(self._take(batch))
        finally:
            if under_way is not None:
                await asyncio.wait({under_way})
                if not under_way.cancelled():
                    under_way.exception()  # seen, if another one is raised
        if under_way is not None:
            await under_way

    async def _take(self, batch: bytes) -> None:
        await self.before()
        writing = asyncio.gather(
            self.opened.write(self.at, batch), asyncio.to_thread(_update, self.takers, batch), return_exceptions=True
        )
        for problem in await writing:
            if isinstance(problem, BaseException):
                raise problem
        self.at += len(batch)


async def _batches(pieces: Pieces) -> AsyncIterator[bytes]:
    """The same bytes in pieces of a mebibyte or more, the last one excepted; also those before an error."""
    held: list[bytes] = []
    size = 0
    try:
        async for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= BATCH:
                batch = b"".join(held)
                held, size = [], 0
                yield batch
    except Exception:
        if size:
            yield b"".join(held)
        raise
    if size:
        yield b"".join(held)


def _update(takers: Sequence[Takes], batch: bytes) -> None:
    for taker in takers:
        taker.update(batch)
