"""Where in a hit the words of a text stand, told in pieces: no HTML, and no field that the caller may not see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from beamcat.search import tokens
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.language.naming import differ_at_most, like
from beamcat.search.question import (
    AllOf,
    AnyOf,
    Begins,
    Contains,
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
from beamcat.search.wanted import Highlight, Piece

AROUND = 160
"""Characters of a passage."""
MOST_PASSAGES = 3
"""Of one field."""
LONGEST_LOOKED_AT = 20_000
"""Characters of one text in which words are looked for."""

_WORD = re.compile(r"[^\W_]+")
_PATH_WORD = re.compile(r"[^\W\d_]+|\d+")
_COMPONENT = re.compile(r"[^/\\]+")

Place = tuple[int, int]
"""From a character up to, not including, another one."""


@dataclass
class _Sought:
    """What is looked for in one field."""

    words: set[str] = field(default_factory=set)
    phrases: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    patterns: set[str] = field(default_factory=set)
    similar: list[tuple[str, int]] = field(default_factory=list)
    inside: set[str] = field(default_factory=set)
    beginnings: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    paths: list[tuple[str, ...]] = field(default_factory=list)


class Highlighting:
    """Highlights of the hits of one question."""

    def __init__(self, documents: DocumentType, match: Predicate) -> None:
        self._documents = documents
        self._sought: dict[str, _Sought] = {}
        self._gather(match)

    def of(self, texts: Mapping[str, tuple[str, Sequence[str]]]) -> tuple[Highlight, ...]:
        """The passages of the texts of a hit: public name -> the field of the document, and what it holds."""
        found = (
            _highlight(name, values, sought, self._documents.kind(of))
            for name, (of, values) in texts.items()
            if (sought := self._sought.get(of)) is not None
        )
        return tuple(one for one in found if one is not None)

    def _gather(self, predicate: Predicate) -> None:
        """What must not be there is not looked for."""
        match predicate:
            case AllOf(parts) | AnyOf(parts):
                for part in parts:
                    self._gather(part)
            case Unranked(part) | Weighted(part, _):
                self._gather(part)
            case Word(name, word, None):
                self._of(name).words.add(word)
            case Phrase(name, words, apart, None):
                self._of(name).phrases.append((words, apart))
            case WordLike(name, pattern, None):
                self._of(name).patterns.add(pattern)
            case Similar(name, word, edits):
                self._of(name).similar.append((word, edits))
            case Contains(name, value, None):
                self._of(name).inside.add(tokens.fold(value))
            case Begins(name, value):
                self._of(name).beginnings.add(tokens.fold(value))
            case Same(name, value, None):
                self._of(name).whole.add(tokens.fold(value))
            case Path(name, components):
                self._of(name).paths.append(components)
            case _:
                pass

    def _of(self, name: str) -> _Sought:
        return self._sought.setdefault(name, _Sought())


def _highlight(name: str, values: Sequence[str], sought: _Sought, kind: Kind) -> Highlight | None:
    passages: list[tuple[Piece, ...]] = []
    before: list[bool] = []
    after: list[bool] = []
    for value in values:
        text = value[:LONGEST_LOOKED_AT]
        for first, stop, places in _passages(text, _joined(_places(text, sought, kind))):
            if len(passages) == MOST_PASSAGES:
                break
            passages.append(tuple(_pieces(text, first, stop, places)))
            before.append(first > 0)
            after.append(stop < len(value))
    return Highlight(name, tuple(passages), tuple(before), tuple(after)) if passages else None


def _places(text: str, sought: _Sought, kind: Kind) -> Iterator[Place]:
    """Where something that is looked for stands, in no order."""
    held = [(match.start(), match.end(), word) for match, word in _words(text, kind)]
    for start, end, word in held:
        if (
            word in sought.words
            or any(like(pattern, word) for pattern in sought.patterns)
            or any(differ_at_most(other, word, edits) for other, edits in sought.similar)
        ):
            yield start, end
    for words, apart in sought.phrases:
        yield from _phrases(held, words, apart)
    if sought.inside or sought.beginnings or sought.whole:
        yield from _parts(text, sought)
    if sought.paths:
        components = [(match.start(), match.end(), tokens.fold(match[0])) for match in _COMPONENT.finditer(text)]
        for path in sought.paths:
            for at in range(len(components) - len(path) + 1):
                here = components[at : at + len(path)]
                if all(like(pattern, part) for pattern, (_, _, part) in zip(path, here, strict=True)):
                    yield from ((start, end) for start, end, _ in here)


def _words(text: str, kind: Kind) -> Iterator[tuple[re.Match[str], str]]:
    """The words, where they stand, in the form in which they are compared."""
    cut = _PATH_WORD if kind is Kind.PATH else _WORD
    return ((match, tokens.fold(match[0])) for match in cut.finditer(text))


def _phrases(held: Sequence[tuple[int, int, str]], words: Sequence[str], apart: int) -> Iterator[Place]:
    if not words:
        return
    for start in range(len(held)):
        if held[start][2] != words[0]:
            continue
        places = [start]
        for word in words[1:]:
            beyond = range(places[-1] + 1, min(len(held), places[-1] + 2 + apart))
            following = next((at for at in beyond if held[at][2] == word), None)
            if following is None:
                break
            places.append(following)
        if len(places) == len(words) and places[-1] - start - (len(words) - 1) <= apart:
            yield from ((held[at][0], held[at][1]) for at in places)


def _parts(text: str, sought: _Sought) -> Iterator[Place]:
    """What a text contains, begins with, or is all of."""
    folded, origin = _folded(text)
    for value in filter(None, sought.inside):
        at = folded.find(value)
        while at >= 0:
            yield origin[at], origin[at + len(value)]
            at = folded.find(value, at + len(value))
    for value in filter(None, sought.beginnings):
        if folded.startswith(value):
            yield 0, origin[len(value)]
    if folded in sought.whole:
        yield 0, len(text)


def _folded(text: str) -> tuple[str, list[int]]:
    """The text as it is compared, and for each of its characters, and its end, where that stands in the text."""
    folded: list[str] = []
    origin: list[int] = []
    for at, character in enumerate(text):
        for one in tokens.fold(character):
            folded.append(one)
            origin.append(at)
    origin.append(len(text))
    return "".join(folded), origin


def _joined(places: Iterable[Place]) -> list[Place]:
    """In order, those that overlap made one."""
    found: list[Place] = []
    for start, end in sorted(places):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def _passages(text: str, places: Sequence[Place]) -> Iterator[tuple[int, int, list[Place]]]:
    """Parts of the text around places that are close to each other, cut between words."""
    at = 0
    while at < len(places):
        together = [places[at]]
        while at + len(together) < len(places) and places[at + len(together)][1] - places[at][0] <= AROUND:
            together.append(places[at + len(together)])
        room = max(0, AROUND - (together[-1][1] - together[0][0])) // 2
        first = _cut(text, together[0][0], -room)
        stop = _cut(text, together[-1][1], room)
        yield first, stop, together
        at += len(together)


def _cut(text: str, place: int, by: int) -> int:
    """So far before or behind a place, or a little nearer so that no word is cut in two."""
    there = place + by
    if there <= 0:
        return 0
    if there >= len(text):
        return len(text)
    step = 1 if by < 0 else -1
    near = there
    while near != place and abs(near - there) < AROUND // 4 and not text[near - 1 if by < 0 else near].isspace():
        near += step
    return near if near != place and abs(near - there) < AROUND // 4 else there


def _pieces(text: str, first: int, stop: int, places: Sequence[Place]) -> Iterator[Piece]:
    at = first
    for start, end in places:
        if start > at:
            yield Piece(text[at:start])
        yield Piece(text[start:end], match=True)
        at = end
    if stop > at:
        yield Piece(text[at:stop])
