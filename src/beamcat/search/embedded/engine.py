"""The embedded engine as everybody asks it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import tantivy
from tantivy import Occur, Query

from beamcat.config import EmbeddedSearchSettings
from beamcat.errors import BadParameter, TimedOut
from beamcat.search.columns import SUGGESTED
from beamcat.search.embedded.counting import Facets
from beamcat.search.embedded.failures import told
from beamcat.search.embedded.folder import Folder
from beamcat.search.embedded.pages import Pages, narrowed
from beamcat.search.embedded.queries import Queries
from beamcat.search.embedded.reading import Indices, Snapshot
from beamcat.search.embedded.rebuilding import EmbeddedRebuild
from beamcat.search.embedded.schema import compared
from beamcat.search.embedded.writing import EmbeddedWriting
from beamcat.search.engine import Holding, Rebuild, Writing
from beamcat.search.facets import Counts, buckets, capped, check
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.question import Answer, Hit, Predicate, Question

T = TypeVar("T")

IDS_AT_ONCE = 10_000
MOST_SIMILAR_WORDS = 25


class EmbeddedSearch:
    """tantivy, asked in threads of its own: one question for each shard, all at a time."""

    def __init__(
        self, types: Mapping[str, DocumentType], folder: Path, settings: EmbeddedSearchSettings, timeout_s: float
    ) -> None:
        self._types, self._settings, self._timeout_s = types, settings, timeout_s
        self._folder = Folder(folder)
        self._indices = Indices(self._folder, types)
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="search")

    async def ask(self, question: Question) -> Answer:
        """Hits, counts and facets."""
        async with self._in_time():
            snapshot = await self._run(lambda: self._snapshot(question.entity))
            asked = await self._run(lambda: _Asked(snapshot, question, self._settings))
            parts = await self._each(snapshot, asked.of)
        return asked.answer(parts)

    async def suggest(
        self, entity: str, fields: Sequence[str], prefix: str, allowed: Predicate, most: int
    ) -> list[str]:
        """Words that begin so and occur in documents of `allowed`, the most frequent first."""

        def of(query: Query, searcher: tantivy.Searcher) -> Counter[str]:
            found: Counter[str] = Counter()
            for field in fields:
                found.update(dict(searcher.terms_with_prefix(f"{field}.words", prefix, query)))
            return found

        async with self._in_time():
            snapshot = await self._run(lambda: self._snapshot(entity))
            for field in fields:
                snapshot.documents.field(field, *SUGGESTED)
            query = await self._run(lambda: self._queries(snapshot).query(allowed))
            found = await self._each(snapshot, partial(of, query))
        total = sum(found, Counter())
        return [word for word, _ in sorted(total.items(), key=lambda each: (-each[1], each[0]))[:most]]

    async def similar(self, entity: str, to: int, allowed: Predicate, most: int) -> list[int]:
        """Ids of documents that are most like this one; without itself. None of types of which there are billions."""

        def of(snapshot: Snapshot) -> list[int]:
            if snapshot.documents.large or not snapshot.searchers:
                return []
            queries = self._queries(snapshot)
            (searcher,) = snapshot.searchers
            itself = queries.between("id", to, to)
            hits = searcher.search(itself, limit=1).hits
            columns = set(compared(snapshot.documents))
            texts = searcher.doc(hits[0][1]).to_dict() if hits else {}
            texts = {column: values for column, values in texts.items() if column in columns}
            if not texts:
                return []
            like = Query.more_like_this_document_fields_query(
                queries.schema,
                texts,
                min_doc_frequency=1,
                max_doc_frequency=searcher.num_docs,  # those that were replaced count in frequencies, not in num_docs
                min_term_frequency=1,
                max_query_terms=MOST_SIMILAR_WORDS,
            )
            others = Query.boolean_query([(Occur.Must, like), (Occur.MustNot, itself)])
            found = searcher.search(narrowed(others, [queries.query(allowed)]), limit=most, count=False).hits
            return [int(id_ or 0) for id_ in searcher.fast_field_values("id", [address for _, address in found])]

        async with self._in_time():
            return await self._run(lambda: of(self._snapshot(entity)))

    async def position(self) -> int | None:
        """The position of the last commit; none: there is no index yet, or it is of another version."""
        state = await self._run(self._indices.state)
        return None if state is None else state.position

    async def ids(self, entity: str, first: int, stop: int) -> AsyncIterator[Sequence[int]]:
        """The ids of documents from `first` up to `stop`, ascending, in pieces."""
        async for some in self._listed(entity, None, first, stop):
            yield [id_ for id_, _ in some]

    async def amounts(
        self, entity: str, field: str, first: int, stop: int
    ) -> AsyncIterator[Sequence[tuple[int, int | None]]]:
        """The ids of these documents, each with its value of an AMOUNT field: ascending, in pieces."""
        self._type(entity).field(field, Kind.AMOUNT)
        async for some in self._listed(entity, field, first, stop):
            yield some

    async def holdings(self) -> Sequence[Holding]:
        """What there is of each entity that has an index of today's form."""
        return await self._run(self._indices.holdings)

    async def free_bytes(self) -> int | None:
        """The room there is for a new index."""
        return await self._run(self._folder.free_bytes)

    async def writing(self) -> Writing:
        """The writer of the index that is asked. Raises `Unavailable` while another process has it."""
        return await EmbeddedWriting.open(self._folder, self._types, self._settings)

    async def rebuild(self, entities: Sequence[str]) -> Rebuild:
        """A new index beside the one that is asked, for these entities; one that was begun before is gone on with."""
        types = {entity: self._types[entity] for entity in entities}
        return await EmbeddedRebuild.open(self._folder, types, self._settings)

    async def is_building(self) -> bool:
        """Whether an index was begun that is neither asked yet nor abandoned."""
        return await self._run(lambda: bool(self._folder.begun()))

    async def close(self) -> None:
        """Let go of everything. A question that is still being looked for is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._indices.close()

    async def _listed(
        self, entity: str, field: str | None, first: int, stop: int
    ) -> AsyncIterator[list[tuple[int, int | None]]]:
        def of(query: Query, searcher: tantivy.Searcher) -> list[tuple[int, int | None]]:
            hits = searcher.search(
                query, limit=IDS_AT_ONCE, count=False, order_by_field="id", order=tantivy.Order.Asc
            ).hits
            if field is None or not hits:
                return [(id_, None) for id_, _ in hits]
            values = searcher.fast_field_values(field, [address for _, address in hits])
            return [(id_, None if value is None else int(value)) for (id_, _), value in zip(hits, values, strict=True)]

        while first < stop:
            snapshot = await self._run(lambda: self._snapshot(entity))
            query = self._queries(snapshot).between("id", first, stop - 1)
            parts = await self._each(snapshot, partial(of, query))
            # a shard that told as many as it may has more, which begin after the last one it told
            known = min((part[-1][0] for part in parts if len(part) == IDS_AT_ONCE), default=stop - 1)
            found = sorted((each for part in parts for each in part if each[0] <= known), key=itemgetter(0))
            if found:
                yield found
            first = known + 1

    def _type(self, entity: str) -> DocumentType:
        if entity not in self._types:
            raise BadParameter(f"{entity} is not searched")
        return self._types[entity]

    def _snapshot(self, entity: str) -> Snapshot:
        return self._indices.snapshot(self._type(entity).entity)

    def _queries(self, snapshot: Snapshot) -> Queries:
        exact = snapshot.largest <= self._settings.exact_contents_documents
        return Queries(snapshot.documents, snapshot.index, exact_contents=exact)

    async def _each(self, snapshot: Snapshot, work: Callable[[tantivy.Searcher], T]) -> list[T]:
        return await asyncio.gather(*(self._run(partial(work, searcher)) for searcher in snapshot.searchers))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, told, work)

    def _in_time(self) -> _InTime:
        return _InTime(self._timeout_s)


class _InTime:
    """Raises `TimedOut` when the block takes too long. tantivy cannot be stopped: its threads end what they began."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._timeout = asyncio.timeout(timeout_s)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._timeout.__aexit__(*error)  # type: ignore[arg-type]
        except TimeoutError as late:
            raise TimedOut(f"the search took longer than {self._timeout_s:g} s") from late


class _Asked:
    """A question as queries, asked of each shard."""

    def __init__(self, snapshot: Snapshot, question: Question, settings: EmbeddedSearchSettings) -> None:
        self._question = question
        for facet in question.facets:
            check(snapshot.documents, facet.count)
        exact = snapshot.largest <= settings.exact_contents_documents
        self._queries = Queries(snapshot.documents, snapshot.index, exact_contents=exact)
        matching = narrowed(self._queries.query(question.match), [self._queries.query(question.allowed)])
        filters = [self._queries.query(part) for part in question.filters.values()]
        self._hits = narrowed(matching, filters) if filters else matching
        self._pages = Pages.of(snapshot.documents, self._queries, self._hits, question, settings.ranked_hits)
        self._facets = Facets(snapshot.documents, self._queries, matching, question)

    def of(self, searcher: tantivy.Searcher) -> tuple[list[Hit], int, dict[str, Counts]]:
        """What one shard answers."""
        return *self._pages.page(searcher), self._facets.count(searcher)

    def answer(self, parts: Sequence[tuple[list[Hit], int, dict[str, Counts]]]) -> Answer:
        """What all shards answer."""
        hits = sorted((hit for page, _, _ in parts for hit in page), key=self._pages.key)
        return Answer(
            hits=tuple(hits[: self._question.limit]),
            counted=capped(sum(number for _, number, _ in parts), self._question.count_up_to),
            facets={
                facet.name: buckets(facet.count, [counts[facet.name] for _, _, counts in parts])
                for facet in self._question.facets
            },
            candidates=self._queries.candidates,
        )
