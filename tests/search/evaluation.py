"""What a question means, document by document, in plain Python."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any, assert_never

from beamcat.search import tokens
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.question import (
    AllOf,
    Anchor,
    AnyOf,
    Begins,
    Between,
    Bucket,
    Contains,
    Count,
    Everything,
    Has,
    Histogram,
    Interval,
    Not,
    Nothing,
    OneOf,
    Path,
    Phrase,
    Predicate,
    Question,
    Ranges,
    Same,
    Similar,
    Sort,
    Terms,
    Unranked,
    Weighted,
    Word,
    WordLike,
)

Document = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CUTS: Mapping[Kind, Callable[[str], list[str]]] = {Kind.PATH: tokens.path_words}


class Evaluation:
    """Documents of one type, and what questions about them should be answered with."""

    def __init__(self, documents: DocumentType, every: Iterable[Document]) -> None:
        self.type, self.every = documents, sorted(every, key=lambda each: each["id"])

    def hits(self, question: Question) -> list[Document]:
        parts = [question.match, question.allowed, *question.filters.values()]
        return [each for each in self.every if all(self.matches(each, part) for part in parts)]

    def sorted(self, question: Question) -> list[tuple[int, Any]]:
        """Ids and sort values of all hits, in order."""
        return in_order([(each["id"], self.sort_value(each, question.sort)) for each in self.hits(question)], question)

    def facet(self, question: Question, name: str, count: Count) -> tuple[Bucket, ...]:
        others = {key: part for key, part in question.filters.items() if key != name}
        parts = [question.match, question.allowed, *others.values()]
        hits = [each for each in self.every if all(self.matches(each, part) for part in parts)]
        match count:
            case Terms(field, most):
                found: Counter[Any] = Counter(value for each in hits for value in self.values(each, field))
                ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
                return tuple(Bucket(value, number) for value, number in ranked[:most])
            case Ranges(field, ranges, key):
                return tuple(
                    Bucket(
                        wanted.label,
                        sum(
                            any(
                                (wanted.low is None or value >= wanted.low)
                                and (wanted.high is None or value < wanted.high)
                                for value in self.values(each, field, key)
                            )
                            for each in hits
                        ),
                    )
                    for wanted in ranges
                )
            case Histogram(field, interval, key):
                starts: Counter[float] = Counter(
                    column(value, interval) for each in hits for value in self.values(each, field, key)
                )
                return tuple(Bucket(start, starts[start]) for start in sorted(starts))
            case _:
                assert_never(count)

    def values(self, document: Document, field: str, key: int | None = None) -> list[Any]:
        value = document.get(field)
        if value is None:
            return []
        kind = Kind.ID if field == "id" else self.type.fields[field].kind
        if kind in {Kind.NUMBERS, Kind.STRINGS, Kind.MOMENTS}:
            chosen = [each for of, each in value.items() if key is None or int(of) == key]
            return [each for each in chosen if each != ""]
        values = [each for each in (value if isinstance(value, list) else [value]) if each != ""]
        return sorted({tokens.fold(each) for each in values}) if kind is Kind.CODE else values

    def sort_value(self, document: Document, sort: Sort) -> Any:
        if sort.field is None:
            return None
        if sort.then is not None:
            return tuple(self.sort_value(document, key) for key in sort.keys)
        value = next(iter(self.values(document, sort.field)), None)
        return tokens.fold(value) if isinstance(value, str) else value

    def matches(self, document: Document, asked: Predicate) -> bool:
        match asked:
            case Everything():
                return True
            case Nothing():
                return False
            case AllOf(parts):
                return all(self.matches(document, part) for part in parts)
            case AnyOf(parts, least):
                return sum(self.matches(document, part) for part in parts) >= least
            case Not(part):
                return not self.matches(document, part)
            case Unranked(part) | Weighted(part, _):
                return self.matches(document, part)
            case OneOf(field, ids):
                return not set(ids).isdisjoint(self.values(document, field))
            case Same(field, value, key):
                return tokens.fold(value) in [tokens.fold(each) for each in self.values(document, field, key)]
            case Begins(field, value):
                return any(tokens.fold(each).startswith(tokens.fold(value)) for each in self.values(document, field))
            case Contains(field, value, key):
                return self.contains(document, field, tokens.fold(value), key)
            case Between(field, low, high, with_low, with_high, key):
                return any(
                    (low is None or value > low or (with_low and value == low))
                    and (high is None or value < high or (with_high and value == high))
                    for value in self.values(document, field, key)
                )
            case Has(field, key):
                return bool(self.values(document, field, key))
            case Word(field, word, key):
                return word in self.words(document, field, key)
            case Phrase(field, words, apart, key):
                return self.phrase(document, field, words, apart, key)
            case WordLike(field, pattern, key):
                return any(like(pattern, word) for word in self.words(document, field, key))
            case Similar(field, word, edits):
                return any(distance(word, each) <= edits for each in self.words(document, field, None))
            case Path(field, components, anchor):
                return any(along(tokens.components(each), components, anchor) for each in self.values(document, field))
            case _:
                assert_never(asked)

    def contains(self, document: Document, field: str, value: str, key: int | None) -> bool:
        values = [tokens.fold(each) for each in self.values(document, field, key)]
        if self.type.fields[field].kind is Kind.PATH:
            values = [part for each in values for part in tokens.components(each)]
        return any(value in each for each in values)

    def words(self, document: Document, field: str, key: int | None) -> list[str]:
        cut = CUTS.get(self.type.fields[field].kind, tokens.words)
        return [word for each in self.values(document, field, key) for word in cut(each)]

    def phrase(self, document: Document, field: str, words: Sequence[str], apart: int, key: int | None) -> bool:
        cut = CUTS.get(self.type.fields[field].kind, tokens.words)
        places: dict[int, str] = {}
        at = 0
        for each in self.values(document, field, key):
            for word in cut(each):
                places[at] = word
                at += 1
            at += 1  # a value ends as if there were another word
        if not words:
            return False
        return any(
            gap is not None and gap <= apart
            for start, word in places.items()
            if word == words[0]
            for gap in [closest(places, start, words)]
        )


def closest(places: Mapping[int, str], start: int, words: Sequence[str]) -> int | None:
    """How many others stand between the words from this place on, at least."""
    at = start
    for word in words[1:]:
        following = [place for place, each in places.items() if place > at and each == word]
        if not following:
            return None
        at = min(following)
    return at - start - (len(words) - 1)


def like(pattern: str, word: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(expression, word, re.DOTALL) is not None


def along(path: Sequence[str], components: Sequence[str], anchor: Anchor) -> bool:
    if not components:
        return True
    length = len(components)
    starts = range(len(path) - length + 1)
    if anchor in {Anchor.START, Anchor.WHOLE}:
        starts = range(min(1, len(starts)))
    return any(
        all(like(pattern, part) for pattern, part in zip(components, path[start:], strict=False))
        for start in starts
        if anchor not in {Anchor.END, Anchor.WHOLE} or start + length == len(path)
    )


def distance(one: str, other: str) -> int:
    """Letters put in, left out, changed, or exchanged with the next one."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def column(value: float, interval: Interval | float) -> float:
    if not isinstance(interval, Interval):
        return floor(value / interval) * interval
    day = (EPOCH + timedelta(milliseconds=value)).replace(hour=0, minute=0, second=0, microsecond=0)
    if interval is not Interval.DAY:
        day = day.replace(day=1)
    if interval is Interval.YEAR:
        day = day.replace(month=1)
    return (day - EPOCH) // timedelta(milliseconds=1)


def in_order(found: list[tuple[int, Any]], question: Question) -> list[tuple[int, Any]]:
    """By id, then by the last key, ..., then by the first one: sorting keeps the order of equal ones."""
    found = sorted(found)
    for place, key in reversed(list(enumerate(question.sort.keys))):

        def value(each: tuple[int, Any], place: int = place) -> Any:
            return each[1][place] if question.sort.then is not None else each[1]

        with_value = [each for each in found if value(each) is not None]
        without = [each for each in found if value(each) is None]
        with_value.sort(
            key=lambda each: tokens.whole(value(each)).encode() if isinstance(value(each), str) else value(each),
            reverse=key.descending,
        )
        found = with_value + without
    return found
