"""The cluster as everybody asks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from beamcat.config import OpenSearchSettings
from beamcat.errors import BadParameter, TimedOut
from beamcat.search import tokens
from beamcat.search.cluster.connection import connected, told
from beamcat.search.cluster.counting import Facets
from beamcat.search.cluster.indices import Indices
from beamcat.search.cluster.mappings import compared, form_of
from beamcat.search.cluster.queries import Queries, Query, escaped
from beamcat.search.cluster.writing import ClusterRebuild, ClusterWriting
from beamcat.search.columns import SUGGESTED
from beamcat.search.engine import Holding, Rebuild, Writing
from beamcat.search.facets import MOST_VALUES, buckets, capped, check
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.question import Answer, Hit, OneOf, Predicate, Question, Sort, SortValue, Value
from beamcat.search.sorting import check_sortable, is_text

IDS_AT_ONCE = 10_000
MOST_SIMILAR_WORDS = 25
_ABSENT = frozenset({(1 << 63) - 1, -(1 << 63)})
"""What OpenSearch sorts a missing whole number by."""


class ClusterSearch:
    """OpenSearch, asked through aliases."""

    def __init__(self, types: Mapping[str, DocumentType], settings: OpenSearchSettings, timeout_s: float) -> None:
        self._types, self._timeout_s = types, timeout_s
        self._client = connected(settings)
        self._indices = Indices(self._client, types, settings)

    async def ask(self, question: Question) -> Answer:
        """Hits, counts and facets."""
        documents = self._type(question.entity)
        check_sortable(documents, question.sort)
        for facet in question.facets:
            check(documents, facet.count)
        queries = Queries(documents)
        facets = Facets(documents, queries, question)
        up_to = question.count_up_to
        body: dict[str, Any] = {
            "query": _narrowed(queries.query(question.match), [queries.query(question.allowed)]),
            "sort": self._sort(documents, question.sort),
            "size": max(question.limit, 0),
            "track_total_hits": True if up_to is None else max(up_to, 1),
        }
        filters = [queries.query(part) for part in question.filters.values()]
        if question.facets:
            body["aggs"] = facets.aggregations()
            body["post_filter"] = {"bool": {"filter": filters}}
        elif filters:
            body["query"] = _narrowed(body["query"], filters)
        if question.after is not None:
            body["search_after"] = self._after(documents, question.sort, question.after)
        answer = await self._search(question.entity, body)
        total = answer["hits"]["total"]
        told_more = total["relation"] != "eq"
        return Answer(
            hits=tuple(self._hit(documents, question.sort, hit) for hit in answer["hits"]["hits"]),
            counted=capped(total["value"] + told_more, up_to),
            facets={
                facet.name: buckets(facet.count, [counts])
                for facet, counts in zip(
                    question.facets,
                    facets.counts(answer.get("aggregations", {})).values(),
                    strict=True,
                )
            },
        )

    async def suggest(
        self, entity: str, fields: Sequence[str], prefix: str, allowed: Predicate, most: int
    ) -> list[str]:
        """Words that begin so and occur in documents of `allowed`, the most frequent first."""
        documents = self._type(entity)
        for field in fields:
            if documents.field(field, *SUGGESTED).name not in documents.asked:
                raise BadParameter(f"words of {field} are not suggested")
        begins = escaped(prefix)
        # two ways of saying it: OpenSearch 2.19 fails at a plain prefix that no word has
        how = {"include": f"{begins}.*|{begins}", "size": MOST_VALUES}
        body = {
            "query": {"bool": {"filter": [Queries(documents).query(allowed)]}},
            "size": 0,
            "aggs": {field: {"terms": {"field": f"{field}.each", **how}} for field in fields},
        }
        answer = await self._search(entity, body)
        found: dict[str, int] = {}
        for field in fields:
            for bucket in answer["aggregations"][field]["buckets"]:
                found[bucket["key"]] = found.get(bucket["key"], 0) + bucket["doc_count"]
        return sorted(found, key=lambda word: (-found[word], word))[:most]

    async def similar(self, entity: str, to: int, allowed: Predicate, most: int) -> list[int]:
        """Ids of documents that are most like this one; without itself. None of types of which there are billions."""
        documents = self._type(entity)
        if documents.large:
            return []
        like = {
            "fields": compared(documents),
            "like": [{"_index": self._indices.alias(entity), "_id": str(to)}],
            "min_term_freq": 1,
            "min_doc_freq": 1,
            "max_query_terms": MOST_SIMILAR_WORDS,
            "minimum_should_match": 1,
        }
        queries = Queries(documents)
        query = {
            "bool": {
                "must": [{"more_like_this": like}],
                "must_not": [queries.query(OneOf("id", [to]))],
                "filter": [queries.query(allowed)],
            }
        }
        answer = await self._search(entity, {"query": query, "size": most, "sort": self._sort(documents, Sort())})
        return [int(hit["_id"]) for hit in answer["hits"]["hits"]]

    async def position(self) -> int | None:
        """The position of the last commit; none: there is no index yet, or it is of another version."""
        asked = await self._indices.asked()
        if set(asked) != set(self._types):
            return None
        forms = await self._indices.forms(asked.values())
        if any(forms.get(asked[entity]) != form_of(documents) for entity, documents in self._types.items()):
            return None
        positions = await self._indices.positions(list(asked.values()))
        return min((positions.get(index, 0) for index in asked.values()), default=None)

    async def ids(self, entity: str, first: int, stop: int) -> AsyncIterator[Sequence[int]]:
        """The ids of documents from `first` up to `stop`, ascending, in pieces."""
        async for hits in self._listed(entity, first, stop, {}):
            yield [int(hit["_id"]) for hit in hits]

    async def amounts(
        self, entity: str, field: str, first: int, stop: int
    ) -> AsyncIterator[Sequence[tuple[int, int | None]]]:
        """The ids of these documents, each with its value of an AMOUNT field: ascending, in pieces."""
        self._type(entity).field(field, Kind.AMOUNT)
        async for hits in self._listed(entity, first, stop, {"docvalue_fields": [field]}):
            yield [(int(hit["_id"]), hit.get("fields", {}).get(field, [None])[0]) for hit in hits]

    async def holdings(self) -> Sequence[Holding]:
        """What there is of each entity that has an index of today's form."""
        return await self._indices.holdings()

    async def free_bytes(self) -> int | None:
        """The room there is for a new index, on all nodes that hold data."""
        return await self._indices.free_bytes()

    async def writing(self) -> Writing:
        """The writer of the index that is asked. Who writes has to see to it that nobody else does."""
        return await ClusterWriting.open(self._indices)

    async def rebuild(self, entities: Sequence[str]) -> Rebuild:
        """A new index beside the one that is asked, for these entities; one that was begun before is gone on with."""
        for entity in entities:
            self._type(entity)
        return await ClusterRebuild.open(self._indices, entities)

    async def is_building(self) -> bool:
        """Whether an index was begun that is neither asked yet nor abandoned."""
        generation = await self._indices.building()
        if generation is None:
            return False
        return not any(index.endswith(f"-{generation}") for index in (await self._indices.asked()).values())

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()

    async def _listed(
        self, entity: str, first: int, stop: int, options: Mapping[str, Any]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        while first < stop:
            body = {
                "query": {"range": {"id": {"gte": first, "lt": stop}}},
                "sort": [{"id": "asc"}],
                "size": IDS_AT_ONCE,
                "track_total_hits": False,
                **options,
            }
            hits = (await self._search(entity, body))["hits"]["hits"]
            if hits:
                yield hits
            if len(hits) < IDS_AT_ONCE:
                return
            first = int(hits[-1]["_id"]) + 1

    def _type(self, entity: str) -> DocumentType:
        if entity not in self._types:
            raise BadParameter(f"{entity} is not searched")
        return self._types[entity]

    async def _search(self, entity: str, body: Mapping[str, Any]) -> dict[str, Any]:
        timeout = {"request_timeout": self._timeout_s, "cancel_after_time_interval": f"{int(self._timeout_s * 1000)}ms"}
        late = f"the search took longer than {self._timeout_s:g} s"
        try:
            async with asyncio.timeout(self._timeout_s), told("a search"):
                answer: dict[str, Any] = await self._client.search(
                    index=self._indices.alias(entity), body={**body, "_source": False}, params=timeout
                )
        except TimeoutError as error:
            raise TimedOut(late) from error
        if answer["timed_out"] or answer["_shards"]["failed"]:
            raise TimedOut(late)
        return answer

    def _sort(self, documents: DocumentType, sort: Sort) -> list[dict[str, Any]]:
        if sort.field is None:
            return [{"_score": "desc"}, {"id": "asc"}]
        if sort.field == "id":
            return [{"id": _order(sort)}]
        keys = [(_column(documents, key), {"order": _order(key), "missing": "_last"}) for key in sort.keys]
        return [*({column: how} for column, how in keys), {"id": "asc"}]

    def _after(self, documents: DocumentType, sort: Sort, after: tuple[SortValue, int]) -> list[Any]:
        value, id_ = after
        if sort.field == "id":
            return [id_]
        values = value if isinstance(value, tuple) else (value,)
        if sort.field is None:
            return [float(values[0] or 0), id_]
        return [*(_after(documents, key, one) for key, one in zip(sort.keys, values, strict=True)), id_]

    def _hit(self, documents: DocumentType, sort: Sort, hit: Mapping[str, Any]) -> Hit:
        id_, told = int(hit["_id"]), hit["sort"]
        if sort.field is None:
            return Hit(id_, float(told[0]), None)
        values = tuple(map(_value, told[: len(sort.keys)]))
        return Hit(id_, None, values if len(values) > 1 else values[0])


def _order(key: Sort) -> str:
    return "desc" if key.descending else "asc"


def _column(documents: DocumentType, key: Sort) -> str:
    assert key.field is not None
    return f"{key.field}.whole" if is_text(documents.field(key.field)) else key.field


def _value(told: float | str | None) -> Value:
    if isinstance(told, str):
        return tokens.text_of(told)
    return None if told in _ABSENT else told


def _after(documents: DocumentType, key: Sort, value: Value) -> Value:
    if isinstance(value, str):
        return tokens.whole(value)
    if value is None and key.field is not None and not is_text(documents.field(key.field)):
        return min(_ABSENT) if key.descending else max(_ABSENT)
    return value


def _narrowed(query: Query, others: Sequence[Query]) -> Query:
    return {"bool": {"must": [query], "filter": list(others)}}
