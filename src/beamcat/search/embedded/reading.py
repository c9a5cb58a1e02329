"""Indices as they are asked: opened once by each process, and looked at anew when somebody committed."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import tantivy

from beamcat.errors import Unavailable
from beamcat.search.embedded.folder import Folder, Held, State, stamp_of
from beamcat.search.embedded.schema import form_of, register
from beamcat.search.engine import Holding
from beamcat.search.fields import DocumentType

_META = "meta.json"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Snapshot:
    """An entity as it was at one moment: a searcher for each shard."""

    documents: DocumentType
    index: tantivy.Index
    searchers: tuple[tantivy.Searcher, ...]
    held: _Opened

    @property
    def largest(self) -> int:
        """Documents in the largest shard."""
        return max(searcher.num_docs for searcher in self.searchers)


class Indices:
    """The indices that are asked. May be used by several threads."""

    def __init__(self, folder: Folder, types: Mapping[str, DocumentType]) -> None:
        self._folder, self._types = folder, types
        self._lock = Lock()
        self._stamp: tuple[int, int] | None = None
        self._state: State | None = None
        self._opened: dict[str, _Opened] = {}

    def state(self) -> State | None:
        """What is asked; none: nothing yet, or what is there was made by another version."""
        with self._lock:
            state = self._read_state()
        if state is None or not all(
            entity in state.entities and state.entities[entity].form == form_of(documents)
            for entity, documents in self._types.items()
        ):
            return None
        return state

    def snapshot(self, entity: str) -> Snapshot:
        """The documents of an entity as they are now. Raises `Unavailable` when there is no index."""
        with self._lock:
            for attempt in range(_ATTEMPTS):
                try:
                    return self._snapshot(entity)
                except (Unavailable, ValueError, OSError):
                    # replaced and removed between our look at what is asked and ours at the files
                    self._stamp = None
                    self._opened.pop(entity, None)
                    if attempt == _ATTEMPTS - 1:
                        raise
        raise AssertionError("unreachable")

    def holdings(self) -> list[Holding]:
        """What there is of each entity that has an index of today's form."""
        found: list[Holding] = []
        for entity in self._types:
            with suppress(Unavailable):
                snapshot = self.snapshot(entity)
                held = snapshot.held.held
                documents = sum(searcher.num_docs for searcher in snapshot.searchers)
                found.append(Holding(entity, held.generation, documents, self._folder.size_bytes(entity, held)))
        return found

    def close(self) -> None:
        """Let go of all indices."""
        with self._lock:
            self._opened.clear()
            self._stamp = self._state = None

    def _read_state(self) -> State | None:
        stamp = self._folder.stamp()
        if stamp is None or stamp != self._stamp:
            self._state = self._folder.state()
            self._stamp = stamp
        return self._state

    def _snapshot(self, entity: str) -> Snapshot:
        documents = self._types[entity]
        state = self._read_state()
        held = None if state is None else state.entities.get(entity)
        if held is None:
            raise Unavailable(f"there is no index of {entity} to search yet")
        if held.form != form_of(documents):
            raise Unavailable(f"the index of {entity} was made for another version; it has to be made anew")
        opened = self._opened.get(entity)
        if opened is None or opened.held != held:
            opened = self._opened[entity] = _Opened(self._folder, entity, held)
        return Snapshot(documents, opened.shards[0].index, tuple(shard.now() for shard in opened.shards), opened)


class _Opened:
    """The shards of an entity, and the lock that keeps them from being removed until nobody uses them."""

    def __init__(self, folder: Folder, entity: str, held: Held) -> None:
        self.held = held
        descriptor = folder.lock_for_reading(entity, held)
        weakref.finalize(self, os.close, descriptor)
        path = folder.of(entity, held)
        self.shards = tuple(_Shard(path / f"{number}") for number in range(held.shards))


class _Shard:
    """One index. Whether there was a commit is told by the one file that tantivy replaces then."""

    def __init__(self, path: Path) -> None:
        self._meta = path / _META
        self._stamp = stamp_of(self._meta)
        self.index = tantivy.Index.open(str(path))
        register(self.index)
        self.index.config_reader("manual", 0)
        self.index.reload()
        self._searcher = self.index.searcher()

    def now(self) -> tantivy.Searcher:
        """What was committed by now."""
        stamp = stamp_of(self._meta)
        if stamp != self._stamp:
            self.index.reload()
            self._searcher = self.index.searcher()
            self._stamp = stamp
        return self._searcher
