"""Facets as aggregations of OpenSearch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamcat.errors import BadParameter
from beamcat.search import tokens
from beamcat.search.cluster.queries import Queries
from beamcat.search.facets import (
    MILLISECONDS_PER_DAY,
    MOST_COLUMNS,
    MOST_VALUES,
    Counts,
    in_range,
    other_filters,
)
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.question import Facet, Histogram, Interval, Question, Ranges, Terms

_Aggregation = dict[str, Any]


class Facets:
    """The facets of a question."""

    def __init__(self, documents: DocumentType, queries: Queries, question: Question) -> None:
        self._documents, self._queries, self._question = documents, queries, question

    def aggregations(self) -> _Aggregation:
        """What is asked, beside a query without the filters."""
        made = {}
        for facet in self._question.facets:
            filters = [self._queries.query(part) for part in other_filters(self._question, facet)]
            made[facet.name] = {"filter": {"bool": {"filter": filters}}, "aggs": {"of": self._aggregation(facet)}}
        return made

    def counts(self, answer: Mapping[str, Any]) -> dict[str, Counts]:
        """What was answered."""
        return {facet.name: self._told(facet, answer[facet.name]["of"]) for facet in self._question.facets}

    def _aggregation(self, facet: Facet) -> _Aggregation:
        match facet.count:
            case Terms(field, most):
                column = field if self._documents.kind(field) is Kind.ID else f"{field}.whole"
                order = [{"_count": "desc"}, {"_key": "asc"}]
                return {"terms": {"field": column, "size": max(most, 1), "shard_size": MOST_VALUES, "order": order}}
            case Ranges():
                wanted = {
                    str(number): self._queries.query(in_range(facet.count, each))
                    for number, each in enumerate(facet.count.ranges)
                }
                return {"filters": {"filters": wanted}}
            case Histogram(field, interval, key):
                width = MILLISECONDS_PER_DAY if isinstance(interval, Interval) else interval
                column = field if key is None else f"{field}.v"
                columns = {"histogram": {"field": column, "interval": width, "min_doc_count": 1}}
                if key is None:
                    return columns
                under = {"filter": {"term": {f"{field}.k": {"value": key}}}, "aggs": {"columns": columns}}
                return {"nested": {"path": field}, "aggs": {"under": under}}

    def _told(self, facet: Facet, answer: Mapping[str, Any]) -> Counts:
        match facet.count:
            case Terms(field):
                if self._documents.kind(field) is Kind.CODE:
                    return {tokens.text_of(each["key"]): each["doc_count"] for each in answer["buckets"]}
                return {each["key"]: each["doc_count"] for each in answer["buckets"]}
            case Ranges(_, ranges):
                found = answer["buckets"]
                return {each.label: found[str(number)]["doc_count"] for number, each in enumerate(ranges)}
            case Histogram(field, _, key):
                columns = answer["buckets"] if key is None else answer["under"]["columns"]["buckets"]
                if self._documents.kind(field) is Kind.NUMBERS and len(columns) > MOST_COLUMNS:
                    raise BadParameter(f"a histogram has {MOST_COLUMNS} columns at most; make them wider")
                return {each["key"]: each["doc_count"] for each in columns}
