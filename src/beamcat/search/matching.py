"""Whether one document matches: for hits of which an engine only says that they may (`Answer.candidates`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any as Json
from typing import assert_never

from beamcat.search import tokens
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.language.naming import differ_at_most, like
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

_UNDER_KEYS = frozenset((Kind.NUMBERS, Kind.STRINGS, Kind.MOMENTS))


class Matching:
    """Documents of one type, each as JSON that was read."""

    def __init__(self, documents: DocumentType) -> None:
        self._documents = documents

    def matches(self, document: Mapping[str, Json], predicate: Predicate) -> bool:
        """Whether the document matches."""
        match predicate:
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
                return any(value in ids for value in self._values(document, field))
            case Between():
                return any(_lies(value, predicate) for value in self._values(document, predicate.field, predicate.key))
            case Has(field, key):
                return bool(self._values(document, field, key))
            case _:
                return self._text(document, predicate)

    def _text(
        self,
        document: Mapping[str, Json],
        predicate: Same | Begins | Contains | Word | Phrase | WordLike | Similar | Path,
    ) -> bool:
        match predicate:
            case Same(field, value, key):
                return any(tokens.fold(one) == tokens.fold(value) for one in self._values(document, field, key))
            case Begins(field, value):
                return any(tokens.fold(one).startswith(tokens.fold(value)) for one in self._values(document, field))
            case Contains(field, value, key):
                inside = tokens.fold(value)
                return any(inside in text for text in self._contents(document, field, key))
            case Word(field, word, key):
                return word in self._words(document, field, key)
            case Phrase(field, words, apart, key):
                return holds(self._places(document, field, key), words, apart)
            case WordLike(field, pattern, key):
                return any(like(pattern, word) for word in self._words(document, field, key))
            case Similar(field, word, edits):
                return any(differ_at_most(word, one, edits) for one in self._words(document, field))
            case Path(field, components, anchor):
                return any(along(tokens.components(one), components, anchor) for one in self._values(document, field))
            case _:
                assert_never(predicate)

    def _values(self, document: Mapping[str, Json], field: str, key: int | None = None) -> Sequence[Json]:
        value = document.get(field)
        if value is None:
            return ()
        if field != "id" and self._documents.kind(field) in _UNDER_KEYS:
            return [one for of, one in value.items() if (key is None or int(of) == key) and one != ""]
        return [one for one in (value if isinstance(value, list) else [value]) if one != ""]

    def _contents(self, document: Mapping[str, Json], field: str, key: int | None) -> Iterator[str]:
        for value in self._values(document, field, key):
            if self._documents.kind(field) is Kind.PATH:
                yield from tokens.components(value)
            else:
                yield tokens.fold(value)

    def _words(self, document: Mapping[str, Json], field: str, key: int | None = None) -> Iterator[str]:
        return (word for word in self._places(document, field, key) if word)

    def _places(self, document: Mapping[str, Json], field: str, key: int | None) -> list[str]:
        """The words in their order, with an empty one behind each value."""
        cut = tokens.path_words if self._documents.kind(field) is Kind.PATH else tokens.words
        return [word for value in self._values(document, field, key) for word in (*cut(value), "")]


def holds(held: Sequence[str], words: Sequence[str], apart: int) -> bool:
    """Whether the words stand there one after the other, with at most `apart` others between."""
    for start, first in enumerate(held):
        if words and first == words[0]:
            at = start
            for word in words[1:]:
                at = next((place for place in range(at + 1, len(held)) if held[place] == word), len(held))
            if at < len(held) and at - start - (len(words) - 1) <= apart:
                return True
    return False


def along(path: Sequence[str], patterns: Sequence[str], anchor: Anchor) -> bool:
    """Whether components that fit the patterns stand there one after the other in the path."""
    length = len(patterns)
    for start in range(len(path) - length + 1):
        if anchor in {Anchor.START, Anchor.WHOLE} and start:
            break
        if anchor in {Anchor.END, Anchor.WHOLE} and start + length != len(path):
            continue
        if all(like(pattern, part) for pattern, part in zip(patterns, path[start:], strict=False)):
            return True
    return False


def _lies(value: float, asked: Between) -> bool:
    above = asked.low is None or value > asked.low or (asked.includes_low and value == asked.low)
    below = asked.high is None or value < asked.high or (asked.includes_high and value == asked.high)
    return above and below
