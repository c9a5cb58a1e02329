"""Predicates as queries of OpenSearch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, assert_never

from beamcat.errors import BadParameter
from beamcat.search import bounds, tokens
from beamcat.search.columns import HAS, under
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.question import (
    AllOf,
    Anchor,
    AnyOf,
    Begins,
    Between,
    Contains,
    Everything,
    Has,
    Not,
    Nothing,
    OneOf,
    Path,
    Phrase,
    Predicate,
    Same,
    Similar,
    Unranked,
    Weighted,
    Word,
    WordLike,
)

Query = dict[str, Any]

_SPECIAL = re.compile(r'([\\.?+*|{}\[\]()"#@&<>~^$-])')
_ANY_KEY = "[0-9]+="
_MOST_EXPANSIONS = 1_000


class Queries:
    """Makes queries for the indices of one type."""

    def __init__(self, documents: DocumentType) -> None:
        self._documents = documents

    def query(self, predicate: Predicate) -> Query:
        """The query for a predicate."""
        match predicate:
            case Everything():
                return {"match_all": {}}
            case Nothing():
                return {"match_none": {}}
            case AllOf(parts):
                return {"bool": {"must": [self.query(part) for part in parts]}} if parts else {"match_all": {}}
            case AnyOf(parts, least):
                return self._any(parts, least)
            case Not(part):
                return {"bool": {"must_not": [self.query(part)]}}
            case Unranked(part):
                return {"bool": {"filter": [self.query(part)]}}
            case Weighted(part, weight):
                return {"bool": {"must": [self.query(part)], "boost": weight}}
            case OneOf(field, ids):
                if field != "id":
                    self._documents.field(field, Kind.ID)
                return {"terms": {field: list(ids)}}
            case Same(field, value, key):
                self._documents.field(field, Kind.NAME, Kind.CODE, Kind.STRINGS)
                return self._term_of(field, "whole", tokens.whole(value), key)
            case Begins(field, value):
                self._documents.field(field, Kind.NAME, Kind.CODE)
                return {"prefix": {f"{field}.whole": {"value": tokens.whole(value)}}}
            case Contains(field, value, key):
                return self._contains(field, value, key)
            case Between():
                return self._between(predicate)
            case Has(field, key):
                return self._has(field, key)
            case Word(field, word, key):
                self._words(field)
                return self._term_of(field, "words", word, key)
            case Phrase(field, words, apart, key):
                return self._phrase(field, words, apart, key)
            case WordLike(field, pattern, key):
                return self._pattern(field, pattern, key)
            case Similar(field, word, edits):
                return self._similar(field, word, edits)
            case Path(field, components, anchor):
                return self._path(field, components, anchor)
            case _:
                assert_never(predicate)

    def _any(self, parts: Sequence[Predicate], least: int) -> Query:
        if least <= 0:
            return {"match_all": {}}
        if least > len(parts):
            return {"match_none": {}}
        return {"bool": {"should": [self.query(part) for part in parts], "minimum_should_match": least}}

    def _words(self, field: str, *, keyed: bool = True) -> str:
        kinds = (Kind.WORDS, Kind.NAME, Kind.PATH)
        self._documents.field(field, *kinds, *((Kind.STRINGS,) if keyed else ()))
        return f"{field}.words"

    def _is_keyed(self, field: str, key: int | None) -> bool:
        keyed = self._documents.kind(field) is Kind.STRINGS
        if key is not None and not keyed:
            raise BadParameter(f"{field} of {self._documents.entity} holds no parameters")
        return keyed

    def _term_of(self, field: str, column: str, value: str, key: int | None) -> Query:
        name = f"{field}.{column}"
        if not self._is_keyed(field, key):
            return {"term": {name: {"value": value}}}
        if key is not None:
            return {"term": {name: {"value": under(key, value)}}}
        return {"regexp": {name: {"value": _ANY_KEY + escaped(value), "flags": "NONE"}}}

    def _contains(self, field: str, value: str, key: int | None) -> Query:
        kind = self._documents.field(field, Kind.NAME, Kind.PATH, Kind.STRINGS).kind
        if self._is_keyed(field, key):
            begin = "*=" if key is None else under(key, "")
            pattern = f"{begin}*{_literal(tokens.inside(value))}*"
            if key is None:
                pattern = f"{_ANY_KEY}.*{escaped(tokens.inside(value))}.*"
                return {"regexp": {f"{field}.whole": {"value": pattern, "flags": "NONE"}}}
            return {"wildcard": {f"{field}.whole": {"value": pattern}}}
        folded = tokens.fold(value)
        if kind is Kind.PATH and ("/" in folded or "\\" in folded):
            return {"match_none": {}}
        return {"wildcard": {f"{field}.content": {"value": f"*{_literal(folded)}*"}}}

    def _between(self, asked: Between) -> Query:
        kinds = (Kind.ID, Kind.MOMENT, Kind.AMOUNT, Kind.NUMBERS, Kind.MOMENTS)
        kind = Kind.ID if asked.field == "id" else self._documents.field(asked.field, *kinds).kind
        found = (asked.low, asked.high) if kind is Kind.NUMBERS else bounds.whole(asked)
        if found is None:
            return {"match_none": {}}
        low, high = found
        if kind is Kind.NUMBERS:
            limits = {
                "gte" if asked.includes_low else "gt": low,
                "lte" if asked.includes_high else "lt": high,
            }
        else:
            limits = {"gte": low, "lte": high}
        limits = {name: _end(name, end) for name, end in limits.items() if end is not None}
        if kind not in {Kind.NUMBERS, Kind.MOMENTS}:
            return {"range": {asked.field: limits}} if limits else self._has(asked.field, None)
        if asked.key is None:
            raise BadParameter(f"{asked.field} holds parameters: say of which type")
        return _under(asked.field, asked.key, {"range": {f"{asked.field}.v": limits}} if limits else None)

    def _has(self, field: str, key: int | None) -> Query:
        if field == "id":
            return {"match_all": {}}
        kind = self._documents.field(field).kind
        if kind in {Kind.ID, Kind.MOMENT, Kind.AMOUNT}:
            return {"exists": {"field": field}}
        if kind in {Kind.NUMBERS, Kind.MOMENTS}:
            if key is not None:
                return _under(field, key, None)
            return {"nested": {"path": field, "query": {"match_all": {}}, "score_mode": "none"}}
        return {"constant_score": {"filter": {"term": {HAS: {"value": field if key is None else under(key, field)}}}}}

    def _phrase(self, field: str, words: Sequence[str], apart: int, key: int | None) -> Query:
        column = self._words(field)
        if self._is_keyed(field, key):
            if key is None:
                raise BadParameter(f"{field} holds parameters: say of which type")
            words = [under(key, word) for word in words]
        if not words:
            return {"match_none": {}}
        terms = [{"span_term": {column: {"value": word}}} for word in words]
        if len(terms) == 1:
            return {"term": {column: {"value": words[0]}}}
        return {"span_near": {"clauses": terms, "slop": max(apart, 0), "in_order": True}}

    def _pattern(self, field: str, pattern: str, key: int | None) -> Query:
        column = self._words(field)
        if self._is_keyed(field, key) and key is None:
            return {"regexp": {column: {"value": _ANY_KEY + _of_pattern(pattern, "."), "flags": "NONE"}}}
        asked = pattern.replace("\\", r"\\")
        return {"wildcard": {column: {"value": asked if key is None else under(key, asked)}}}

    def _similar(self, field: str, word: str, edits: int) -> Query:
        column = self._words(field, keyed=False)
        how = {"value": word, "fuzziness": edits, "transpositions": True, "max_expansions": _MOST_EXPANSIONS}
        return {"fuzzy": {column: how}}

    def _path(self, field: str, components: Sequence[str], anchor: Anchor) -> Query:
        self._documents.field(field, Kind.PATH)
        if not components:
            return self._has(field, None)
        if any(set(component) & set("*?") for component in components):
            pattern = "".join("/" + _of_component(component) for component in components) + "/"
            before = "" if anchor in {Anchor.START, Anchor.WHOLE} else ".*"
            after = "" if anchor in {Anchor.END, Anchor.WHOLE} else ".*"
            return {"regexp": {f"{field}.content": {"value": before + pattern + after, "flags": "NONE"}}}
        sequence = [
            *([tokens.START] if anchor in {Anchor.START, Anchor.WHOLE} else []),
            *map(tokens.component_of, components),
            *([tokens.END] if anchor in {Anchor.END, Anchor.WHOLE} else []),
        ]
        return {"match_phrase": {f"{field}.parts": {"query": " ".join(sequence)}}}


def _under(field: str, key: int, value: Query | None) -> Query:
    parts: list[Query] = [{"term": {f"{field}.k": {"value": key}}}]
    if value is not None:
        parts.append(value)
    return {"nested": {"path": field, "query": {"bool": {"filter": parts}}, "score_mode": "none"}}


def escaped(text: str) -> str:
    """What matches this and nothing else, as a regular expression of Lucene."""
    return _SPECIAL.sub(r"\\\1", text)


def _literal(text: str) -> str:
    """The same in a pattern of `*` and `?`."""
    return re.sub(r"([\\*?])", r"\\\1", text)


def _of_pattern(pattern: str, letter: str) -> str:
    return escaped(pattern).replace(r"\*", f"{letter}*").replace(r"\?", letter)


def _of_component(pattern: str) -> str:
    """A component is never empty."""
    if pattern.strip("*"):
        return _of_pattern(pattern, "[^/]")
    return "[^/]+"


def _end(name: str, end: float) -> float:
    """The end of a range so that both zeros count as one: Lucene has -0.0 before 0.0."""
    if end != 0 or isinstance(end, int):
        return end
    return -0.0 if name in {"gte", "lt"} else 0.0
