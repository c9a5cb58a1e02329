"""Where the documents of an entity go, and the writers of the indices they go to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import tantivy

from beamcat.errors import InternalError, Unavailable
from beamcat.search.columns import Columns
from beamcat.search.embedded.folder import Held
from beamcat.search.embedded.schema import register, schema_of, shape_of
from beamcat.search.fields import DocumentType
from beamcat.search.sharding import shard_of

INVESTIGATION = "investigation"
"""The field by which documents are divided into shards."""
_MEBIBYTE = 1 << 20
_BUSY = "LockBusy"


def create(documents: DocumentType, path: Path) -> None:
    """An empty index in a folder."""
    path.mkdir(parents=True)
    tantivy.Index(schema_of(documents), path=str(path), reuse=False)


class Shards:
    """The writers of one entity. To be used by one thread, which owns them: tantivy's may not be shared."""

    def __init__(self, documents: DocumentType, path: Path, held: Held, heap_mebibytes: int, threads: int) -> None:
        self._documents, self._path, self._held = documents, path, held
        self._heap, self._threads = heap_mebibytes * _MEBIBYTE * threads, threads
        self._shape = shape_of(documents)
        self._writers: dict[int, tantivy.IndexWriter] = {}
        self._changed: set[int] = set()

    def replace(self, documents: Sequence[bytes]) -> None:
        """Add documents, each in place of one of the same id in whichever shard."""
        every = [self._writer(number) for number in range(self._held.shards)]
        for columns in map(self._shape.columns, documents):
            for writer in every:
                writer.delete_documents_by_term("id", columns["id"])
            every[self._shard(columns)].add_json(orjson.dumps(columns).decode())

    def add(self, number: int, documents: Sequence[bytes]) -> None:
        """Add documents that are not there."""
        writer, shape = self._writer(number), self._shape
        for document in documents:
            writer.add_json(orjson.dumps(shape.columns(document)).decode())

    def replace_in(self, number: int, documents: Sequence[bytes]) -> None:
        """Add documents, each in place of one of the same id in this shard."""
        writer, shape = self._writer(number), self._shape
        for columns in map(shape.columns, documents):
            writer.delete_documents_by_term("id", columns["id"])
            writer.add_json(orjson.dumps(columns).decode())

    def remove(self, ids: Sequence[int]) -> None:
        """Remove documents, in whichever shard they are."""
        for number in range(self._held.shards):
            writer = self._writer(number)
            for id_ in ids:
                writer.delete_documents_by_term("id", id_)

    def open(self) -> Iterator[int]:
        """The shards that something was written to."""
        return iter(self._writers)

    def commit(self) -> None:
        """Make what was written last, shard by shard."""
        for number in sorted(self._changed):
            self._writers[number].commit()
            self._changed.discard(number)

    def close(self, *, wait: bool) -> None:
        """Let go of the writers, after what they are merging if wanted."""
        for writer in self._writers.values():
            if wait:
                writer.wait_merging_threads()
        self._writers.clear()
        self._changed.clear()

    def _shard(self, columns: Columns) -> int:
        if self._held.shards == 1:
            return 0
        investigation = columns.get(INVESTIGATION)
        if not isinstance(investigation, int):
            raise InternalError(f"{self._documents.entity} {columns['id']} has no investigation, which names its shard")
        return shard_of(investigation, self._held.shards)

    def _writer(self, number: int) -> tantivy.IndexWriter:
        """The writer of a shard, which is about to change."""
        writer = self._writers.get(number)
        if writer is None:
            try:
                index = tantivy.Index.open(str(self._path / f"{number}"))
                register(index)
                writer = self._writers[number] = index.writer(self._heap, self._threads)
                # A process that was killed leaves files of its last changes, named by their number. Whoever makes the
                # same changes again would meet them.
                writer.garbage_collect_files()
            except ValueError as error:
                if _BUSY in str(error):
                    entity = self._documents.entity
                    raise Unavailable(f"another process writes to shard {number} of {entity}") from error
                raise
        self._changed.add(number)
        return writer
