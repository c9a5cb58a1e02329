"""What an engine has to do. There are two: `search.embedded` and `search.cluster`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from beamcat.search.question import Answer, Predicate, Question


@dataclass(frozen=True)
class Holding:
    """The index of one entity that is asked: what it is called, and how much there is in it."""

    entity: str
    generation: str
    documents: int
    size_bytes: int


class Writing(Protocol):
    """Documents on their way into an index. One at a time per index, in whichever process."""

    async def put(self, entity: str, documents: Sequence[bytes]) -> None:
        """Add documents, or replace those of the same id: JSON objects of the fields of their type, and `id`."""

    async def remove(self, entity: str, ids: Sequence[int]) -> None:
        """Remove documents; those that are not there are no error."""

    async def commit(self, position: int) -> None:
        """Make everything until now found, and remember the position.

        After `kill -9` the position may be the one before although documents are newer: writing the same again is
        harmless. It is never ahead of the documents. Raises `Unavailable` when another index is asked by now: open the
        writer anew, and go on from the position of that index.
        """

    async def close(self) -> None:
        """Let go of the index; what was not committed is dropped."""


class Engine(Protocol):
    """Holds documents and answers questions about them.

    Raises `Unavailable` when it cannot be reached or has no index, `TimedOut` when a question takes too long.
    """

    async def ask(self, question: Question) -> Answer:
        """Hits, counts and facets."""

    async def suggest(
        self, entity: str, fields: Sequence[str], prefix: str, allowed: Predicate, most: int
    ) -> list[str]:
        """Words that begin so and occur in documents of `allowed`, the most frequent first."""

    async def similar(self, entity: str, to: int, allowed: Predicate, most: int) -> list[int]:
        """Ids of documents that are most like this one; without itself."""

    async def position(self) -> int | None:
        """The position of the last commit; none: there is no index yet."""

    def ids(self, entity: str, first: int, stop: int) -> AsyncIterator[Sequence[int]]:
        """The ids of documents from `first` up to `stop`, ascending, in pieces."""

    def amounts(
        self, entity: str, field: str, first: int, stop: int
    ) -> AsyncIterator[Sequence[tuple[int, int | None]]]:
        """The ids of these documents, each with its value of an AMOUNT field that has one: ascending, in pieces."""

    async def holdings(self) -> Sequence[Holding]:
        """What there is of each entity that has an index of today's form."""

    async def free_bytes(self) -> int | None:
        """The room there is for a new index; none: not known."""

    async def writing(self) -> Writing:
        """The writer of the index that is asked. Raises `Unavailable` while another process has it."""

    async def rebuild(self, entities: Sequence[str]) -> Rebuild:
        """A new index beside the one that is asked, for these entities; one that was begun before is gone on with.

        Several processes may do so at a time, each with shards of its own.
        """

    async def is_building(self) -> bool:
        """Whether an index was begun that is neither asked yet nor abandoned."""

    async def close(self) -> None:
        """Let go of everything."""


class Rebuild(Protocol):
    """An index on its way, which nobody asks yet."""

    @property
    def is_shared(self) -> bool:
        """Whether several processes may write to one shard at a time."""

    def shards(self, entity: str) -> int:
        """How many shards the documents of an entity are divided into: each is written by one process at a time."""

    def shard_of(self, entity: str, investigation: int) -> int:
        """The shard for documents of an investigation. A hundred investigations of successive ids share one."""

    async def put(self, entity: str, shard: int, documents: Sequence[bytes]) -> None:
        """Add documents that are not there yet; those of a part that was interrupted may be there."""

    async def done(self) -> Sequence[str]:
        """Names of the parts that have been committed."""

    async def commit(self, part: str) -> None:
        """Keep what was put since the last commit, and remember that this part of the work is done: both or neither."""

    async def switch(self, position: int) -> None:
        """From now on questions are asked of this one: at once, and over `kill -9` of one or the other."""

    async def abandon(self) -> None:
        """Forget it."""

    async def close(self) -> None:
        """Let go of it, to go on later; what was not committed is dropped."""
