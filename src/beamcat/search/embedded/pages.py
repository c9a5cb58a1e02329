"""One page of hits of one shard, in an order that does not depend on where tantivy keeps a document.

tantivy sorts by one key, and leaves the order of equal ones to where they are stored. So one hit more than the page
holds is asked for: when its key is that of the hit before, the equal ones are asked for once more, by their ids.

By several keys: the first of them tells which hits are equal in it. Those that are all on the page get the values of
the others, one question for each key; the last ones, of which there may be more, are a page of their own by the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
import tantivy
from tantivy import Occur, Order, Query

from beamcat.errors import BadParameter
from beamcat.search import tokens
from beamcat.search.embedded.queries import Queries
from beamcat.search.fields import DocumentType
from beamcat.search.question import (
    AllOf,
    Between,
    Everything,
    Has,
    Hit,
    Not,
    Nothing,
    OneOf,
    Predicate,
    Question,
    Sort,
    SortValue,
    Unranked,
    Value,
)
from beamcat.search.sorting import check_sortable, rank

FIRST_RANKED, RANKED_GROWTH = 1_000, 100
"""Either few hits are equally relevant, or very many: of one word in millions of short documents."""
_FLAT = (Everything, Nothing, OneOf, Between, Has, Not, Unranked)

After = tuple[SortValue, int]
_Place = tuple[tuple[Value, ...], int]
"""The values of all keys, and the id."""


@dataclass(frozen=True)
class Pages:
    """The hits of one question: `matching` finds and ranks them."""

    queries: Queries
    matching: Query
    sort: Sort
    by_id: bool
    """Whether all hits are as good as any other."""
    every: bool
    """Whether all documents are hits: their number is known."""
    limit: int
    after: After | None
    ranked_hits: int

    @classmethod
    def of(cls, documents: DocumentType, queries: Queries, matching: Query, asked: Question, ranked_hits: int) -> Pages:
        """The page that a question wants."""
        check_sortable(documents, asked.sort)
        by_id = asked.sort.field is None and is_flat(asked.match)
        every = all(part == Everything() for part in (asked.match, asked.allowed, *asked.filters.values()))
        return cls(queries, matching, asked.sort, by_id, every, asked.limit, asked.after, ranked_hits)

    def page(self, searcher: tantivy.Searcher) -> tuple[list[Hit], int]:
        """The hits of the page, or fewer when there are no more, and the number of all hits."""
        told = _Told(searcher.num_docs if self.every else None)
        if self.limit <= 0:
            return [], number_of(searcher, self.matching) if told.number is None else told.number
        if self.sort.field is None and not self.by_id:
            hits = self._ranked(searcher, told)
        elif self.sort.then is not None:
            after = None if self.after is None else (_each(self.after[0]), self.after[1])
            in_order = self._in_order(searcher, self.sort.keys, after)
            hits = [Hit(id_, None, values) for values, id_ in in_order]
        elif self.sort.field is None or self.sort.field == "id":
            found = self._by_id(searcher, self.matching, self.limit, self.after and self.after[1], told)
            hits = [Hit(id_, 1.0, None) if self.by_id else Hit(id_, None, id_) for id_ in found]
        else:
            hits = self._sorted(searcher, self.sort.field, told)
        return hits, number_of(searcher, self.matching) if told.number is None else told.number

    def key(self, hit: Hit) -> tuple[object, ...]:
        """What hits of several shards are put into order by."""
        if self.sort.field is None:
            return (-(hit.score or 0.0), hit.id)
        if self.sort.field == "id":
            return (-hit.id if self.sort.descending else hit.id,)
        return (rank(hit.sort_value, self.sort), hit.id)

    def _ranked(self, searcher: tantivy.Searcher, told: _Told) -> list[Hit]:
        """The best ones. How many are better than the last one of the page before is not known beforehand."""
        size = self.limit + 1 if self.after is None else max(FIRST_RANKED, 4 * self.limit)
        while True:
            size = min(size, self.ranked_hits)
            found = told.hits(searcher, self.matching, limit=size)
            all_seen = len(found) < size
            if not all_seen and size < self.ranked_hits:
                worst = found[-1][0]
                found = [hit for hit in found if hit[0] > worst]
            hits = self._best(searcher, found)
            if all_seen or len(hits) == self.limit:
                return hits
            if size == self.ranked_hits:
                if self.after is None:
                    return hits
                message = f"hits by relevance end after {self.ranked_hits}; sort them by a field to see all of them"
                raise BadParameter(message)
            size = max(FIRST_RANKED, size * RANKED_GROWTH)

    def _best(self, searcher: tantivy.Searcher, found: Sequence[tuple[float, tantivy.DocAddress]]) -> list[Hit]:
        """The page, of hits in any order. There may be many thousands of them: they are put into order as arrays."""
        scores = numpy.array([score for score, _ in found], numpy.float64)
        ids = numpy.array(_ids(searcher, [address for _, address in found]), numpy.int64)
        order = numpy.lexsort((ids, -scores))
        if self.after is not None:
            score, id_ = float(_each(self.after[0])[0] or 0.0), self.after[1]
            order = order[((scores < score) | ((scores == score) & (ids > id_)))[order]]
        page = order[: self.limit]
        return [Hit(id_, score, None) for id_, score in zip(ids[page].tolist(), scores[page].tolist(), strict=True)]

    def _sorted(self, searcher: tantivy.Searcher, field: str, told: _Told) -> list[Hit]:
        hits: list[Hit] = []
        if self.after is None or self.after[0] is not None:
            hits = self._with_value(searcher, field, told)
        missing = self.limit - len(hits)
        if missing and (told.number is None or told.number > len(hits)):
            without = _both(self.matching, self.queries.query(Not(Has(field))))
            last = self.after[1] if self.after is not None and self.after[0] is None else None
            found = self._by_id(searcher, without, missing, last)
            hits += [Hit(id_, None, None) for id_ in found]
        return hits

    def _with_value(self, searcher: tantivy.Searcher, field: str, told: _Told) -> list[Hit]:
        asked = self.matching
        last: int | None = None
        after_value: Value = None
        if self.after is not None and (after_value := _each(self.after[0])[0]) is not None:
            last = self.after[1]
            equal = _both(self.queries.equal(field, after_value), self._later(last))
            beyond = self.queries.beyond(field, after_value, descending=self.sort.descending)
            asked = _both(asked, Query.boolean_query([(Occur.Should, equal), (Occur.Should, beyond)]))
        column = field if self.queries.is_number(field) else f"{field}.whole"
        order = Order.Desc if self.sort.descending else Order.Asc
        every = told if after_value is None else _NOT_ALL
        found = every.hits(searcher, _silent(asked), limit=self.limit + 1, order_by_field=column, order=order)
        found = [(value, address) for value, address in found if value is not None]
        end: float | str | None = None
        if len(found) > self.limit:
            end = found[-1][0] if found[-1][0] == found[-2][0] else None
            found = found[:-1] if end is None else [hit for hit in found if hit[0] != end]
        ids = _ids(searcher, [address for _, address in found])
        hits = [Hit(id_, None, _text_of(value)) for (value, _), id_ in zip(found, ids, strict=True)]
        hits.sort(key=self.key)
        if end is not None:
            ending = _text_of(end)
            equal = _both(self.matching, self.queries.equal(field, ending))
            since = last if after_value == ending else None
            hits += [Hit(id_, None, ending) for id_ in self._by_id(searcher, equal, self.limit - len(hits), since)]
        return hits

    def _in_order(self, searcher: tantivy.Searcher, keys: Sequence[Sort], after: _Place | None) -> list[_Place]:
        """The page by several keys: the values of each hit, and its id."""
        key, rest = keys[0], keys[1:]
        assert key.field is not None
        if not rest:
            before = None if after is None else (after[0][0], after[1])
            alone = replace(self, sort=key, after=before)
            hits = alone._sorted(searcher, key.field, _NOT_ALL)
            return [(_each(hit.sort_value), hit.id) for hit in hits]
        found: list[_Place] = []
        matching = self.matching
        if after is not None:
            value = after[0][0]
            found = self._equal(searcher, keys, value, (after[0][1:], after[1]), self.limit)
            if value is None or len(found) == self.limit:
                return found
            beyond = self.queries.beyond(key.field, value, descending=key.descending)
            missing = self.queries.query(Not(Has(key.field)))
            matching = _both(matching, Query.boolean_query([(Occur.Should, beyond), (Occur.Should, missing)]))
        left = self.limit - len(found)
        by_first = replace(self, matching=matching, sort=key, after=None, limit=left)
        page = by_first._sorted(searcher, key.field, _NOT_ALL)
        if not page:
            return found
        last = page[-1].sort_value
        whole_ones = [hit for hit in page if hit.sort_value != last]
        found += self._arranged(searcher, keys, whole_ones)
        return found + self._equal(searcher, keys, _each(last)[0], None, left - len(whole_ones))

    def _equal(
        self, searcher: tantivy.Searcher, keys: Sequence[Sort], value: Value, after: _Place | None, limit: int
    ) -> list[_Place]:
        """A page of those that have this value of the first key."""
        field = keys[0].field
        assert field is not None
        same = self.queries.query(Not(Has(field))) if value is None else self.queries.equal(field, value)
        of_these = replace(self, matching=_both(self.matching, same), limit=limit)
        return [((value, *values), id_) for values, id_ in of_these._in_order(searcher, keys[1:], after)]

    def _arranged(self, searcher: tantivy.Searcher, keys: Sequence[Sort], hits: Sequence[Hit]) -> list[_Place]:
        """Hits, of which the first key is known, in the order of all keys."""
        ids = [hit.id for hit in hits]
        others = [self._values(searcher, key, ids) for key in keys[1:]] if ids else []
        places = [((_each(hit.sort_value)[0], *(of[hit.id] for of in others)), hit.id) for hit in hits]

        def order(place: _Place) -> tuple[object, ...]:
            return (*(rank(value, key) for value, key in zip(place[0], keys, strict=True)), place[1])

        return sorted(places, key=order)

    def _values(self, searcher: tantivy.Searcher, key: Sort, ids: Sequence[int]) -> dict[int, Value]:
        """What these documents have in a field."""
        assert key.field is not None
        column = key.field if self.queries.is_number(key.field) else f"{key.field}.whole"
        these = self.queries.query(OneOf("id", ids))
        found = _NOT_ALL.hits(searcher, _silent(these), limit=len(ids), order_by_field=column)
        known = _ids(searcher, [address for _, address in found])
        values = {id_: _text_of(value) for (value, _), id_ in zip(found, known, strict=True) if value is not None}
        return {id_: values.get(id_) for id_ in ids}

    def _by_id(
        self, searcher: tantivy.Searcher, query: Query, limit: int, after: int | None, told: _Told | None = None
    ) -> list[int]:
        descending = self.sort.field == "id" and self.sort.descending
        if after is not None:
            query = _both(query, self.queries.between("id", None, after - 1) if descending else self._later(after))
        order = Order.Desc if descending else Order.Asc
        every = told if told is not None and after is None else _NOT_ALL
        hits = every.hits(searcher, _silent(query), limit=limit, order_by_field="id", order=order)
        return [id_ for id_, _ in hits]

    def _later(self, id_: int) -> Query:
        return self.queries.between("id", id_ + 1, None)


class _Told:
    """How many hits there are in all: told by the first search for all of them, as it looks at each anyway."""

    def __init__(self, number: int | None = None, *, wanted: bool = True) -> None:
        self.number = number
        self._wanted = wanted

    def hits(self, searcher: tantivy.Searcher, query: Query, **options: Any) -> list[tuple[Any, tantivy.DocAddress]]:
        """Keys and addresses of the hits of a search."""
        count = self._wanted and self.number is None
        found: Any = searcher.search(query, count=count, **options)
        if count:
            self.number = int(found.count)
        return list(found.hits)


_NOT_ALL = _Told(wanted=False)


def number_of(searcher: tantivy.Searcher, query: Query) -> int:
    """How many documents a query finds."""
    found: Any = searcher.search(_silent(query), limit=1, count=True)
    return int(found.count)


def is_flat(match: Predicate) -> bool:
    """Whether everything that it matches matches equally well."""
    if isinstance(match, AllOf):
        return all(is_flat(part) for part in match.parts)
    return isinstance(match, _FLAT)


def narrowed(query: Query, others: Sequence[Query]) -> Query:
    """What the others find too; they do not rank."""
    return Query.boolean_query([(Occur.Must, query), *((Occur.Must, _silent(other)) for other in others)])


def _both(one: Query, other: Query) -> Query:
    return Query.boolean_query([(Occur.Must, one), (Occur.Must, other)])


def _silent(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def _ids(searcher: tantivy.Searcher, addresses: list[tantivy.DocAddress]) -> list[int]:
    found = searcher.fast_field_values("id", addresses) if addresses else []
    return [int(id_) for id_ in found if id_ is not None]


def _text_of(value: float | str) -> float | str:
    return tokens.text_of(value) if isinstance(value, str) else value


def _each(value: SortValue) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)
