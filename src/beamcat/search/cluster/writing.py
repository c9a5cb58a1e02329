"""Documents into the cluster: following changes, and building indices anew.

Every write replaces the document of its id, so that any of them may be done twice. The position, or the name of a part
that is done, is written after the documents it speaks of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from uuid import uuid4

from beamcat.errors import BadParameter, Unavailable
from beamcat.search.cluster.connection import Bulk
from beamcat.search.cluster.indices import Indices
from beamcat.search.cluster.mappings import form_of, shape_of


class ClusterWriting:
    """The writer of the indices that are asked."""

    def __init__(self, indices: Indices, asked: Mapping[str, str]) -> None:
        self._indices, self._asked = indices, asked
        self._bulk = Bulk(indices.client, indices.settings)
        self._shapes = {entity: shape_of(documents) for entity, documents in indices.types.items()}
        self._touched: set[str] = set()

    @classmethod
    async def open(cls, indices: Indices) -> ClusterWriting:
        """The writer. Raises `Unavailable` when there is no index."""
        asked = await indices.asked()
        forms = await indices.forms(asked.values()) if asked else {}
        for entity, documents in indices.types.items():
            if entity not in asked or forms.get(asked[entity]) != form_of(documents):
                raise Unavailable(f"the index of {entity} is missing or of another version; it has to be built anew")
        return cls(indices, asked)

    async def put(self, entity: str, documents: Sequence[bytes]) -> None:
        """Add documents, or replace those of the same id."""
        index = self._of(entity)
        await self._bulk.index(index, [self._shapes[entity].columns(document) for document in documents])

    async def remove(self, entity: str, ids: Sequence[int]) -> None:
        """Remove documents; those that are not there are no error."""
        await self._bulk.delete(self._of(entity), ids)

    async def commit(self, position: int) -> None:
        """Make everything until now found, and remember the position."""
        if await self._indices.asked() != self._asked:
            raise Unavailable("another index is asked by now; open the writer anew")
        if self._touched:
            await self._indices.refresh(self._touched)
        self._touched.clear()
        await self._indices.set_positions(self._asked.values(), position)

    async def close(self) -> None:
        """Nothing is held."""

    def _of(self, entity: str) -> str:
        if entity not in self._asked:
            raise BadParameter(f"{entity} is not searched")
        self._touched.add(self._asked[entity])
        return self._asked[entity]


class ClusterRebuild:
    """A generation of indices on its way. OpenSearch divides each into shards by itself."""

    is_shared = True

    def __init__(self, indices: Indices, entities: Sequence[str], generation: str) -> None:
        self._indices, self._entities, self._generation = indices, entities, generation
        self._bulk = Bulk(indices.client, indices.settings)
        self._shapes = {entity: shape_of(indices.types[entity]) for entity in entities}

    @classmethod
    async def open(cls, indices: Indices, entities: Sequence[str]) -> ClusterRebuild:
        """The generation that was begun with the same entities and form, or a new one."""
        generation = await indices.building()
        if generation is not None and not await cls._goes_on(indices, entities, generation):
            await cls._forget(indices, generation)
            generation = None
        if generation is None:
            generation = await indices.begin(_generation(indices, entities))
        rebuild = cls(indices, entities, generation)
        for entity in entities:
            await indices.create(entity, rebuild._of(entity))
        return rebuild

    def shards(self, entity: str) -> int:
        """One, which any number of processes may write at a time."""
        self._of(entity)
        return 1

    def shard_of(self, entity: str, investigation: int) -> int:
        """The one."""
        self._of(entity)
        return 0

    async def put(self, entity: str, shard: int, documents: Sequence[bytes]) -> None:
        """Add documents, or replace those of the same id."""
        index = self._of(entity)
        await self._bulk.index(index, [self._shapes[entity].columns(document) for document in documents])

    async def done(self) -> Sequence[str]:
        """Names of the parts that have been committed."""
        return await self._indices.parts(self._generation)

    async def commit(self, part: str) -> None:
        """Remember that this part of the work is done: what was put has been kept by the cluster already."""
        await self._indices.add_part(self._generation, part)

    async def switch(self, position: int) -> None:
        """From now on questions are asked of this one."""
        after = {entity: self._of(entity) for entity in self._entities}
        for index in after.values():
            await self._indices.publish(index)
        before = await self._indices.asked()
        # the position of all is that of the one that is behind most
        await self._indices.set_positions(after.values(), position)
        await self._indices.exchange(before, after)
        await self._indices.end(self._generation)

    async def abandon(self) -> None:
        """Forget it."""
        await self._forget(self._indices, self._generation)

    async def close(self) -> None:
        """Nothing is held."""

    def _of(self, entity: str) -> str:
        if entity not in self._entities:
            raise BadParameter(f"{entity} is not part of the index that is built")
        return self._indices.of_generation(entity, self._generation)

    @staticmethod
    async def _goes_on(indices: Indices, entities: Sequence[str], generation: str) -> bool:
        """Whether it is of these entities and of our form, and not asked already."""
        if not generation.startswith(_form(indices, entities)):
            return False
        asked = set((await indices.asked()).values())
        return asked.isdisjoint(indices.of_generation(entity, generation) for entity in entities)

    @staticmethod
    async def _forget(indices: Indices, generation: str) -> None:
        asked = set((await indices.asked()).values())
        every = {indices.of_generation(entity, generation) for entity in indices.types}
        await indices.remove(sorted(every - asked))
        await indices.end(generation)


def _form(indices: Indices, entities: Sequence[str]) -> str:
    """What the name of a generation begins with: it tells what it is made of."""
    told = sorted((entity, form_of(indices.types[entity])) for entity in entities)
    return sha256(repr(told).encode()).hexdigest()[:8]


def _generation(indices: Indices, entities: Sequence[str]) -> str:
    return f"{_form(indices, entities)}{uuid4().hex[:8]}"
