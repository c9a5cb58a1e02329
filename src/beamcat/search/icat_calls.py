"""ICAT's own search calls (section B.8 of its API): blocks of hits, filtered by what the caller may read.

Sorting is by those of the fields that hits can be sorted by, then by id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any as Json

from beamcat.access.caller import Caller
from beamcat.errors import BadParameter, ValidationFailed
from beamcat.search import cursors
from beamcat.search.asking import EntityFound, EntityWanted, ask
from beamcat.search.cursors import After
from beamcat.search.finding import sort_of
from beamcat.search.icat_facets import icat_dimensions
from beamcat.search.icat_query import IcatQuery
from beamcat.search.language.icat import icat_match
from beamcat.search.language.reading import Language
from beamcat.search.lookups import CatalogueLookups, OtherDocuments
from beamcat.search.parts import Parts
from beamcat.search.question import Predicate, Sort
from beamcat.search.wanted import MOST_SORTS, Dimensions, IcatFound, IcatHit, SortAsked


@dataclass(frozen=True, slots=True)
class IcatWanted:
    """A call of `search/documents` or `lucene/data`."""

    query: IcatQuery
    sort: Sequence[tuple[str, bool]] = ()
    after: Json | None = None
    min_count: int = 10
    max_count: int = 100
    source: bool = True


class IcatCalls:
    """The calls of one caller. `max_entities` is how many objects an answer may hold."""

    def __init__(self, parts: Parts, caller: Caller, language: Language, max_entities: int) -> None:
        self._parts, self._caller, self._language = parts, caller, language
        self._max_entities = max_entities
        self._lookups = CatalogueLookups(parts, caller)
        self._others = OtherDocuments(parts, caller)

    async def documents(self, wanted: IcatWanted) -> IcatFound:
        """At least `min_count` hits, if there are so many, and at most `max_count`."""
        query = wanted.query
        match = await self._match(query)
        sort = self._sort(wanted)
        after = _after(wanted.after, sort)
        found = await self._hits(wanted, match, sort, after)
        if len(found.hits) > self._max_entities:
            raise self._too_many()
        results = tuple(
            IcatHit(hit.id, hit.score if sort.field is None else None, row.source) for hit, row in found.hits
        )
        dimensions = await self._dimensions(query, match) if query.facets else {}
        further = _search_after(found.reached, sort) if found.more and found.reached is not None else None
        return IcatFound(results, further, dimensions)

    async def facets(self, query: IcatQuery) -> Dimensions:
        """The facets alone."""
        return await self._dimensions(query, await self._match(query))

    async def _match(self, query: IcatQuery) -> Predicate:
        return (await icat_match(query, self._language, self._lookups, self._others)).predicate

    async def _dimensions(self, query: IcatQuery, match: Predicate) -> Dimensions:
        return await icat_dimensions(self._parts, self._caller, query, match, self._language)

    async def _hits(self, wanted: IcatWanted, match: Predicate, sort: Sort, after: After | None) -> EntityFound:
        limit = min(wanted.max_count, self._max_entities + 1)
        fields = None if wanted.source else ()
        one = EntityWanted(
            wanted.query.target,
            match,
            sort=sort,
            limit=limit,
            after=after,
            fields=fields,
            count_up_to=0,
            enough=wanted.min_count,
        )
        return await ask(self._parts, self._caller, one)

    def _sort(self, wanted: IcatWanted) -> Sort:
        """By the fields that it can be, up to the id; by id if by none of them."""
        keys: list[Sort] = []
        for name, descending in wanted.sort:
            try:
                key = sort_of(SortAsked(name, descending), wanted.query.target, self._language)
            except BadParameter:
                continue
            if key.field == "id":
                if not keys:
                    return key
                break
            if key.field not in {one.field for one in keys}:
                keys.append(key)
        found: Sort | None = None
        for key in reversed(keys[:MOST_SORTS]):
            found = replace(key, then=found)
        return found or (Sort("id") if wanted.sort else Sort())

    def _too_many(self) -> ValidationFailed:
        return ValidationFailed(f"attempt to return more than {self._max_entities} entities")


def restricted(query: IcatQuery, caller: Caller) -> IcatQuery:
    """Only what the caller takes part in, unless somebody else is asked for."""
    return query if query.user is not None else replace(query, user=caller.name)


def _search_after(after: After, sort: Sort) -> Mapping[str, Json]:
    """As Lucene says it."""
    value, id_ = after
    told: dict[str, Json] = {"doc": id_, "shardIndex": 0}
    if sort.field is None:
        told["score"] = value
    told["fields"] = [*value, id_] if isinstance(value, tuple) else [value, id_]
    return told


def _after(given: Json | None, sort: Sort) -> After | None:
    """From an object, as it is told, or an array that ends in the id."""
    if given is None:
        return None
    fields = given.get("fields") if isinstance(given, dict) else given
    try:
        if not isinstance(fields, list) or len(fields) < 2 or (sort.then and len(fields) != len(sort.keys) + 1):
            raise ValueError("no fields")
        value, id_ = cursors.checked(fields[:-1] if sort.then else fields[0], fields[-1])
    except ValueError as error:
        raise BadParameter("search_after is not from an answer of this server") from error
    if sort.field is None and not isinstance(value, float | int):
        raise BadParameter("search_after is from an answer that was sorted by a field")
    return value, id_
