"""Facets of one shard."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tantivy
from tantivy import Query

from beamcat.errors import BadParameter
from beamcat.search import tokens
from beamcat.search.embedded.pages import narrowed, number_of
from beamcat.search.embedded.queries import Queries
from beamcat.search.embedded.schema import value_of
from beamcat.search.facets import (
    MILLISECONDS_PER_DAY,
    MOST_COLUMNS,
    MOST_VALUES,
    Counts,
    in_range,
    other_filters,
)
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.question import Between, Facet, Histogram, Interval, Question, Range, Ranges, Terms

_Request = Mapping[str, Any]


class Facets:
    """The facets of a question. `matching` finds the hits without the filters."""

    def __init__(self, documents: DocumentType, queries: Queries, matching: Query, question: Question) -> None:
        self._documents, self._queries = documents, queries
        groups: dict[str | None, tuple[Query, list[Facet]]] = {}
        for facet in question.facets:
            own = facet.name if facet.name in question.filters else None
            if own not in groups:
                filters = [queries.query(part) for part in other_filters(question, facet)]
                groups[own] = (narrowed(matching, filters), [])
            groups[own][1].append(facet)
        self._groups = list(groups.values())
        self._ranges = {
            facet.name: [(wanted.label, queries.query(in_range(facet.count, wanted))) for wanted in facet.count.ranges]
            for facet in question.facets
            if isinstance(facet.count, Ranges)
        }

    def count(self, searcher: tantivy.Searcher) -> dict[str, Counts]:
        """The counts of each facet by its name."""
        found: dict[str, Counts] = {}
        for query, facets in self._groups:
            requests = {facet.name: self._request(facet) for facet in facets}
            at_once = {name: request for name, request in requests.items() if request is not None}
            answers = searcher.aggregate(query, at_once) if at_once else {}
            for facet in facets:
                if facet.name in at_once:
                    found[facet.name] = self._told(facet, answers[facet.name]["buckets"])
                elif isinstance(facet.count, Ranges):
                    found[facet.name] = self._each(searcher, query, self._ranges[facet.name])
                elif isinstance(facet.count, Histogram):
                    found[facet.name] = self._columns(searcher, query, facet.count)
        return found

    def _request(self, facet: Facet) -> _Request | None:
        """What tantivy is asked; none: it cannot be asked for it at once."""
        match facet.count:
            case Terms(field):
                column = field if self._documents.kind(field) is Kind.ID else f"{field}.whole"
                return {"terms": {"field": column, "size": MOST_VALUES, "segment_size": MOST_VALUES}}
            case Histogram(field, interval, key) if self._documents.kind(field) is not Kind.NUMBERS:
                column = field if key is None else f"{field}.{key:d}"
                width = MILLISECONDS_PER_DAY if isinstance(interval, Interval) else interval
                return {"histogram": {"field": column, "interval": float(width), "min_doc_count": 1}}
            case _:
                return None

    def _told(self, facet: Facet, buckets: Iterable[Mapping[str, Any]]) -> Counts:
        if isinstance(facet.count, Terms) and self._documents.kind(facet.count.field) is Kind.CODE:
            return {tokens.text_of(bucket["key"]): bucket["doc_count"] for bucket in buckets}
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}

    def _each(self, searcher: tantivy.Searcher, query: Query, wanted: Sequence[tuple[str, Query]]) -> Counts:
        return {label: number_of(searcher, narrowed(query, [part])) for label, part in wanted}

    def _columns(self, searcher: tantivy.Searcher, query: Query, histogram: Histogram) -> Counts:
        """Columns of numbers, which are not kept as they are: one question for each column."""
        column, width = f"{histogram.field}.{histogram.key:d}", float(histogram.interval)  # type: ignore[arg-type]
        ends = searcher.aggregate(query, {end: {end: {"field": column}} for end in ("min", "max")})
        if ends["min"]["value"] is None:
            return {}
        # tantivy tells the ends as floating point numbers, which have fewer digits: one column more on either side
        first = math.floor(value_of(_whole(ends["min"]["value"])) / width) - 1
        last = math.floor(value_of(_whole(ends["max"]["value"])) / width) + 1
        if last - first > MOST_COLUMNS:
            raise BadParameter(f"a histogram has {MOST_COLUMNS} columns at most; make them wider")
        found: dict[int | str | float, int] = {}
        for number in range(first, last + 1):
            wanted = Range("", number * width, (number + 1) * width)
            part = self._queries.query(
                Between(histogram.field, wanted.low, wanted.high, includes_high=False, key=histogram.key)
            )
            found[number * width] = number_of(searcher, narrowed(query, [part]))
        return found


def _whole(value: float) -> int:
    return max(-(1 << 63) + 1, min((1 << 63) - 1, int(value)))
