"""An engine in memory that remembers what was written to it, and a feeder that is driven step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from beamcat.database.pool import Connection, Database
from beamcat.errors import Unavailable
from beamcat.events.keeping import move_on
from beamcat.events.sequencing import sequence_all
from beamcat.observability.metrics import Metrics
from beamcat.search.documents import DOCUMENTS
from beamcat.search.documents.making import made
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine
from beamcat.search.feeding.feeder import NAME, Feeder

Document = Mapping[str, Any]
Index = dict[str, dict[int, Document]]


@dataclass
class Generation:
    """An index: its documents and the position of its last commit."""

    documents: Index = field(default_factory=lambda: {entity: {} for entity in DOCUMENTS})
    position: int = 0


class MemoryEngine:
    """What a feeder needs of an engine. `before` is called before everything that is done, and may raise.

    So is `taken`, for every document that is put.
    """

    def __init__(self) -> None:
        self.asked: Generation | None = Generation()
        self.is_written = False
        self.put: list[tuple[str, int]] = []
        self.removed: list[tuple[str, int]] = []
        self.commits: list[int] = []
        self.before: Callable[[str], None] = lambda _: None
        self.taken: Callable[[str, int], None] = lambda _entity, _id: None

    async def position(self) -> int | None:
        self.before("position")
        return None if self.asked is None else self.asked.position

    async def writing(self) -> MemoryWriting:
        self.before("writing")
        if self.asked is None or self.is_written:
            raise Unavailable("there is no index, or another writes")
        self.is_written = True
        return MemoryWriting(self, self.asked)


class MemoryWriting:
    """The writer: what it was given is in the index from the next commit on."""

    def __init__(self, engine: MemoryEngine, generation: Generation) -> None:
        self._engine, self._generation = engine, generation
        self._given: list[tuple[str, int, Document | None]] = []

    async def put(self, entity: str, documents: Sequence[bytes]) -> None:
        self._engine.before("put")
        for document in map(orjson.loads, documents):
            self._engine.taken(entity, document["id"])
            self._given.append((entity, document["id"], document))
            self._engine.put.append((entity, document["id"]))

    async def remove(self, entity: str, ids: Sequence[int]) -> None:
        self._engine.before("remove")
        self._given += [(entity, id_, None) for id_ in ids]
        self._engine.removed += [(entity, id_) for id_ in ids]

    async def commit(self, position: int) -> None:
        self._engine.before("commit")
        if self._engine.asked is not self._generation:
            raise Unavailable("another index is asked by now")
        for entity, id_, document in self._given:
            if document is None:
                self._generation.documents[entity].pop(id_, None)
            else:
                self._generation.documents[entity][id_] = document
        self._given.clear()
        self._generation.position = position
        self._engine.commits.append(position)

    async def close(self) -> None:
        self._engine.is_written = False


async def nothing() -> None:
    """A first index that is there already."""


async def nothing_beside(_writing: object, _position: int) -> bool:
    """Nothing is to be done beside."""
    return False


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Feeding:
    """A feeder on a connection of its own, at the position that is stored."""

    database: Database
    engine: MemoryEngine
    metrics: Metrics
    make: Callable[[], Feeder]
    connection: Connection

    def __post_init__(self) -> None:
        self.feeder = self.make()

    async def step(self) -> bool:
        """Do a part of what there is to do; whether that was all."""
        await sequence_all(self.database)
        self.feeder._position = await self.stored_position()
        return await self.feeder._step(self.connection)

    def restart(self) -> None:
        """Another process takes over from one that was killed."""
        self.engine.is_written = False
        self.feeder = self.make()

    async def feed(self) -> None:
        """Have the index follow all that is committed."""
        await sequence_all(self.database)
        await self.feeder.turn(self.connection, await self.stored_position())

    async def stored_position(self) -> int:
        cursor = await self.connection.execute("SELECT position FROM event_reader WHERE name = %s", [NAME])
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def set_position(self, position: int) -> None:
        """As if the reader had come so far."""
        await move_on(self.connection, NAME, await self.stored_position(), position)

    async def newest(self) -> int:
        """The position of the last event."""
        cursor = await self.connection.execute("SELECT coalesce(max(position), 0) FROM event")
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    def documents(self, entity: str) -> Mapping[int, Document]:
        """The documents in the index that is asked."""
        assert self.engine.asked is not None
        return self.engine.asked.documents[entity]

    async def assert_right(self) -> None:
        """The documents in the index are those that the database makes."""
        assert self.engine.asked is not None
        wanted = await every_document(self.connection)
        for entity in DOCUMENTS:
            assert self.engine.asked.documents[entity] == wanted[entity], entity


@asynccontextmanager
async def feeding(
    database: Database,
    *,
    engine: MemoryEngine | None = None,
    documents: Mapping[str, Documents] = DOCUMENTS,
    first: Callable[[], Awaitable[None]] = nothing,
    beside: Callable[[object, int], Awaitable[bool]] = nothing_beside,
) -> AsyncIterator[Feeding]:
    """A feeder that has read nothing yet."""
    memory, metrics = engine or MemoryEngine(), Metrics()

    def make() -> Feeder:
        return Feeder(cast(Engine, memory), documents, metrics, counted=True, first=first, beside=beside, pause_s=0.01)

    async with database.own_connection() as connection:
        await connection.execute(
            "INSERT INTO event_reader VALUES (%s, 'event', 0, now()) ON CONFLICT DO NOTHING", [NAME]
        )
        following = Feeding(database, memory, metrics, make, connection)
        try:
            yield following
        finally:
            await following.feeder.close()


async def every_document(connection: Connection) -> Index:
    """All documents, made from scratch."""
    found: Index = {}
    for entity, documents in DOCUMENTS.items():
        statement = documents.of_range(0, 1 << 62)
        texts = [one async for some in made(connection, statement) for one in some]
        found[entity] = {document["id"]: document for document in map(orjson.loads, texts)}
    return found
