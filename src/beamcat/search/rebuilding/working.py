"""One process's share of a rebuild: documents from the database straight into the new index, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import groupby

from beamcat.errors import InternalError
from beamcat.observability.logs import logger
from beamcat.search.documents.making import made
from beamcat.search.engine import Rebuild
from beamcat.search.rebuilding.plan import Ground, Piece
from beamcat.search.rebuilding.reading import reading

Made = Callable[[int], None]
"""Told of documents that were put; 0: all of them are committed."""


async def make(ground: Ground, pieces: Iterable[Piece], told: Made) -> None:
    """Make these pieces of the new index, but for those that are done. Each is read from a state of its own.

    Shard after shard: the memory for one is given back before the next begins.
    """
    for _, some in groupby(pieces, lambda piece: (piece.entity, piece.shard)):
        index = await ground.engine.rebuild(ground.entities)
        try:
            done = frozenset(await index.done())  # by one that had the same order, and was killed
            for piece in some:
                if piece.name not in done:
                    await _make(ground, index, piece, told)
        finally:
            await index.close()


async def _make(ground: Ground, index: Rebuild, piece: Piece, told: Made) -> None:
    documents = ground.documents[piece.entity]
    of_shard = piece.shards > 1
    statement = documents.of_range(piece.first, piece.stop, (piece.shard, piece.shards) if of_shard else None)
    async with reading(ground.database, of_shard=of_shard) as conn, _Putting(index, piece) as putting:
        async for some in made(conn, statement):
            told(await putting.put(some))
        last = await putting.end()
    told(last)
    await index.commit(piece.name)
    told(0)


class _Putting:
    """Puts some documents while the next ones are read.

    Where a document takes the place of one with its id, those that are refused are looked for by halves, and left out.
    """

    def __init__(self, index: Rebuild, piece: Piece) -> None:
        self._index, self._piece = index, piece
        self._task: asyncio.Task[int] | None = None

    async def __aenter__(self) -> _Putting:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def put(self, documents: list[bytes]) -> int:
        """Begin to put documents when those before are there: how many these were."""
        before = await self.end()
        self._task = asyncio.create_task(self._put(documents))
        return before

    async def end(self) -> int:
        """How many were put last, when they are there."""
        task, self._task = self._task, None
        return 0 if task is None else await task

    async def _put(self, documents: list[bytes]) -> int:
        try:
            await self._index.put(self._piece.entity, self._piece.shard, documents)
        except InternalError as error:
            if not self._index.is_shared:
                raise  # those before the one at fault would be there twice
            if len(documents) == 1:
                logger().error("an object cannot be searched", document=documents[0].decode(), error=error.message)
                return 0
            middle = len(documents) // 2
            return await self._put(documents[:middle]) + await self._put(documents[middle:])
        return len(documents)
