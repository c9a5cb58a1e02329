"""A new index beside the one that is asked.

Before the indices that a part of the work went to are committed, a file in `committing` names them; afterwards it
moves to `done`. A file that is still in `committing` tells that its part may be there in some of these indices: as long
as that is so, documents for them take the place of those with the same ids.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

import orjson

from beamcat.config import EmbeddedSearchSettings
from beamcat.errors import BadParameter
from beamcat.search.embedded.folder import BUILDING, READERS, Folder, Held, State, replace, sync_folder
from beamcat.search.embedded.schema import form_of
from beamcat.search.embedded.shards import Shards, create
from beamcat.search.embedded.writing import OwnerThread
from beamcat.search.fields import DocumentType
from beamcat.search.sharding import shard_of

COMMITTING, DONE = "committing", "done"


class EmbeddedRebuild:
    """A generation on its way."""

    is_shared = False

    def __init__(self, folder: Folder, types: Mapping[str, DocumentType], settings: EmbeddedSearchSettings) -> None:
        self._folder, self._types, self._settings = folder, types, settings
        self._thread = OwnerThread("search-rebuild")
        self._path = Path()
        self._held: dict[str, Held] = {}
        self._shards: dict[str, Shards] = {}
        self._touched: set[str] = set()
        self._doubted: frozenset[str] | None = None

    @classmethod
    async def open(
        cls, folder: Folder, types: Mapping[str, DocumentType], settings: EmbeddedSearchSettings
    ) -> EmbeddedRebuild:
        """The generation that was begun with the same entities and settings, or a new one."""
        rebuild = cls(folder, types, settings)
        await rebuild._thread.run(rebuild._open)
        return rebuild

    def shards(self, entity: str) -> int:
        """How many shards the documents of an entity are divided into."""
        return self._of_entity(entity).shards

    def shard_of(self, entity: str, investigation: int) -> int:
        """The shard for documents of an investigation."""
        return shard_of(investigation, self.shards(entity))

    async def put(self, entity: str, shard: int, documents: Sequence[bytes]) -> None:
        """Add documents that are not there yet; those of a part that was interrupted may be there."""
        await self._thread.run(lambda: self._put(entity, shard, documents))

    async def done(self) -> Sequence[str]:
        """Names of the parts that have been committed."""
        return await self._thread.run(lambda: sorted(unquote(file.name[:-1]) for file in (self._path / DONE).iterdir()))

    async def commit(self, part: str) -> None:
        """Keep what was put since the last commit, and remember that this part of the work is done."""
        await self._thread.run(lambda: self._commit(part))

    async def switch(self, position: int) -> None:
        """From now on questions are asked of this one."""
        await self._thread.run(lambda: self._switch(position))
        self._thread.end()

    async def abandon(self) -> None:
        """Forget it."""
        await self._thread.run(self._abandon)
        self._thread.end()

    async def close(self) -> None:
        """Let go of it, to go on later; what was not committed is dropped."""
        await self._thread.run(lambda: self._close(wait=True))
        self._thread.end()

    def _open(self) -> None:
        with self._folder.locked():
            begun = [path for path in self._folder.generations() if (path / BUILDING).exists()]
            state = self._folder.state()
            asked = set() if state is None else {held.generation for held in state.entities.values()}
            for path in begun:
                plan = self._plan(path.name)
                if path.name not in asked and orjson.loads((path / BUILDING).read_bytes()) == orjson.loads(_told(plan)):
                    self._path, self._held = path, plan
                else:
                    (path / BUILDING).unlink()
            if not self._held:
                self._begin()
        self._folder.sweep()

    def _begin(self) -> None:
        last = max((int(path.name) for path in self._folder.generations()), default=0)
        path = self._folder.path / f"{last + 1:06}"
        plan = self._plan(path.name)
        for entity, held in plan.items():
            for number in range(held.shards):
                create(self._types[entity], path / entity / f"{number}")
            (path / entity / READERS).touch()
            sync_folder(path / entity)
        for name in (COMMITTING, DONE):
            (path / name).mkdir()
        replace(path / BUILDING, _told(plan))
        sync_folder(self._folder.path)
        self._path, self._held = path, plan

    def _plan(self, generation: str) -> dict[str, Held]:
        return {
            entity: Held(generation, self._settings.shards if documents.large else 1, form_of(documents))
            for entity, documents in self._types.items()
        }

    def _of_entity(self, entity: str) -> Held:
        if entity not in self._held:
            raise BadParameter(f"{entity} is not part of the index that is built")
        return self._held[entity]

    def _put(self, entity: str, shard: int, documents: Sequence[bytes]) -> None:
        shards = self._shards.get(entity)
        if shards is None:
            held = self._of_entity(entity)
            heap, threads = self._settings.build_heap_mebibytes, self._settings.build_threads
            path = self._folder.of(entity, held)
            shards = self._shards[entity] = Shards(self._types[entity], path, held, heap, threads)
        if self._doubted is None:
            self._doubted = self._read_doubted()
        index = f"{entity}/{shard}"
        self._touched.add(index)
        if index in self._doubted:
            shards.replace_in(shard, documents)
        else:
            shards.add(shard, documents)

    def _read_doubted(self) -> frozenset[str]:
        """The indices that parts whose end is not known went to."""
        found: set[str] = set()
        for file in (self._path / COMMITTING).glob("*."):
            found.update(orjson.loads(file.read_bytes()))
        return frozenset(found)

    def _commit(self, part: str) -> None:
        name = f"{quote(part, safe='')}."
        committing = self._path / COMMITTING / name
        before = set(orjson.loads(committing.read_bytes())) if committing.exists() else set()
        replace(committing, orjson.dumps(sorted(before | self._touched)))
        for shards in self._shards.values():
            shards.commit()
        committing.rename(self._path / DONE / name)
        sync_folder(self._path / DONE)
        sync_folder(self._path / COMMITTING)
        self._touched.clear()
        self._doubted = None

    def _switch(self, position: int) -> None:
        self._close(wait=True)
        with self._folder.locked():
            state = self._folder.state()
            before = {} if state is None else state.entities
            self._folder.tell(State(position, {**before, **self._held}))
            (self._path / BUILDING).unlink()
            for name in (COMMITTING, DONE):
                shutil.rmtree(self._path / name)
        self._folder.sweep()

    def _abandon(self) -> None:
        self._close(wait=False)
        with self._folder.locked():
            (self._path / BUILDING).unlink(missing_ok=True)
        self._folder.sweep()

    def _close(self, *, wait: bool) -> None:
        for shards in self._shards.values():
            shards.close(wait=wait)
        self._shards.clear()


def _told(plan: Mapping[str, Held]) -> bytes:
    return orjson.dumps(plan, option=orjson.OPT_SORT_KEYS)
