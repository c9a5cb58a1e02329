"""Documents made again and written, or removed when there is nothing to make them of.

A document that can never be made or is never taken must not stand in the way of all others: it is looked for by halves,
told in the log, and passed over. When most are refused, it is not they that are at fault: then all has to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson
import psycopg

from beamcat.database.pool import Connection
from beamcat.errors import BeamcatError, TimedOut, Unavailable
from beamcat.observability.logs import logger
from beamcat.observability.metrics import Metrics
from beamcat.search.documents.making import AT_ONCE, made
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Writing

MOST_REFUSED = 20
"""Of documents that are written together. Above, and when it is most of them, the index is at fault."""


@dataclass
class Outcome:
    """What became of documents that are written together."""

    taken: int = 0
    refused: int = 0


class Remaking:
    """Makes documents on a connection. What it writes is at least as new as what has been read on it before."""

    def __init__(self, documents: Mapping[str, Documents], metrics: Metrics) -> None:
        self._documents, self._metrics = documents, metrics

    async def remake(self, connection: Connection, writing: Writing, entity: str, ids: Iterable[int]) -> None:
        """Write the documents of these ids as they are now; those of objects that are gone, remove."""
        ordered = sorted(ids)
        for start in range(0, len(ordered), AT_ONCE):
            await self._remake(connection, writing, entity, ordered[start : start + AT_ONCE], Outcome())

    async def _remake(
        self, connection: Connection, writing: Writing, entity: str, ids: Sequence[int], outcome: Outcome
    ) -> None:
        try:
            there = await self._put(connection, writing, entity, ids)
        except (Unavailable, TimedOut):
            raise
        except (BeamcatError, psycopg.DataError) as error:
            if len(ids) == 1:
                outcome.refused += 1
                if outcome.refused > max(MOST_REFUSED, outcome.taken):
                    raise Unavailable(f"the index refuses most of what is written: {error}") from error
                self._metrics.search_documents(entity, "refused", 1)
                logger().error("an object cannot be searched", entity=entity, id=ids[0], error=str(error))
                await writing.remove(entity, ids)
                return
            middle = len(ids) // 2
            await self._remake(connection, writing, entity, ids[:middle], outcome)
            await self._remake(connection, writing, entity, ids[middle:], outcome)
            return
        outcome.taken += len(ids)
        gone = [id_ for id_ in ids if id_ not in there]
        if gone:
            await writing.remove(entity, gone)
        self._metrics.search_documents(entity, "written", len(there))
        self._metrics.search_documents(entity, "removed", len(gone))

    async def _put(self, connection: Connection, writing: Writing, entity: str, ids: Sequence[int]) -> set[int]:
        documents = [one async for some in made(connection, self._documents[entity].of_ids(ids)) for one in some]
        if documents:
            await writing.put(entity, documents)
        return {orjson.loads(document)["id"] for document in documents}
