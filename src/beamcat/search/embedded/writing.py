"""Following changes: documents into the indices that are asked.

The indices of several entities and shards cannot be committed as one. So they are committed one by one, and after
them the position: when a process dies in between, the documents are newer than the position says, and are written once
more from there. That changes nothing, since each takes the place of the one with its id.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from beamcat.config import EmbeddedSearchSettings
from beamcat.errors import BadParameter, Unavailable
from beamcat.search.embedded.failures import told
from beamcat.search.embedded.folder import Folder, Held, State
from beamcat.search.embedded.schema import form_of
from beamcat.search.embedded.shards import Shards
from beamcat.search.fields import DocumentType

T = TypeVar("T")


class EmbeddedWriting:
    """The one writer, and the one thread that owns it."""

    def __init__(
        self, folder: Folder, types: Mapping[str, DocumentType], settings: EmbeddedSearchSettings, thread: OwnerThread
    ) -> None:
        self._folder, self._types, self._settings, self._thread = folder, types, settings, thread
        self._locks: list[int] = []
        self._held: Mapping[str, Held] = {}
        self._shards: dict[str, Shards] = {}
        self._swept = False

    @classmethod
    async def open(
        cls, folder: Folder, types: Mapping[str, DocumentType], settings: EmbeddedSearchSettings
    ) -> EmbeddedWriting:
        """The writer. Raises `Unavailable` while another process has it, or when there is no index."""
        writing = cls(folder, types, settings, OwnerThread("search-writing"))
        try:
            await writing._thread.run(writing._open)
        except BaseException:
            await writing.close()
            raise
        return writing

    async def put(self, entity: str, documents: Sequence[bytes]) -> None:
        """Add documents, or replace those of the same id."""
        await self._thread.run(lambda: self._of(entity).replace(documents))

    async def remove(self, entity: str, ids: Sequence[int]) -> None:
        """Remove documents; those that are not there are no error."""
        await self._thread.run(lambda: self._of(entity).remove(ids))

    async def commit(self, position: int) -> None:
        """Make everything until now found, and remember the position."""
        await self._thread.run(lambda: self._commit(position))

    async def close(self) -> None:
        """Let go of the index; what was not committed is dropped."""
        await self._thread.run(self._close)
        self._thread.end()

    def _open(self) -> None:
        self._locks.append(self._folder.lock_for_writing())
        state = self._folder.state()
        if state is None:
            raise Unavailable("there is no index to search yet; it has to be built first")
        for entity, documents in self._types.items():
            if entity not in state.entities or state.entities[entity].form != form_of(documents):
                raise Unavailable(f"the index of {entity} is missing or of another version; it has to be built anew")
        self._held = {entity: state.entities[entity] for entity in self._types}
        # what is written to is not removed, even when another index takes its place meanwhile
        self._locks += [self._folder.lock_for_reading(entity, held) for entity, held in self._held.items()]
        self._swept = self._folder.sweep()

    def _of(self, entity: str) -> Shards:
        shards = self._shards.get(entity)
        if shards is None:
            if entity not in self._held:
                raise BadParameter(f"{entity} is not searched")
            held = self._held[entity]
            path, heap = self._folder.of(entity, held), self._settings.heap_mebibytes
            shards = self._shards[entity] = Shards(self._types[entity], path, held, heap, threads=1)
        return shards

    def _commit(self, position: int) -> None:
        for shards in self._shards.values():
            shards.commit()
        with self._folder.locked():
            state = self._folder.state()
            if state is None or any(state.entities.get(entity) != held for entity, held in self._held.items()):
                raise Unavailable("another index is asked by now; open the writer anew")
            self._folder.tell(State(position, state.entities))
        if not self._swept:
            self._swept = self._folder.sweep()

    def _close(self) -> None:
        for shards in self._shards.values():
            shards.close(wait=False)
        self._shards.clear()
        while self._locks:
            os.close(self._locks.pop())


class OwnerThread:
    """One thread that does all work with writers."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        """The result of some work. It is done to its end also when nobody waits any longer."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._executor, told, work))

    def end(self) -> None:
        """No more work."""
        self._executor.shutdown(wait=False)
