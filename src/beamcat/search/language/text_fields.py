"""What words, phrases and patterns ask of one field of text, by its kind."""

from __future__ import annotations

import re

from beamcat.search.fields import Field, Kind
from beamcat.search.language import patterns
from beamcat.search.language.tree import Fuzzy, Phrase, Term
from beamcat.search.question import (
    AllOf,
    Anchor,
    AnyOf,
    Begins,
    Contains,
    Has,
    Path,
    Predicate,
    Same,
    Similar,
    Word,
    WordLike,
)
from beamcat.search.question import Phrase as Words
from beamcat.search.tokens import components, path_words, words

TEXT_KINDS = frozenset((Kind.WORDS, Kind.NAME, Kind.CODE, Kind.PATH))

Text = Term | Phrase | Fuzzy
"""What can be asked of text."""

_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:)?(10\.[0-9]{4,9}/\S+)", re.IGNORECASE)
_SEPARATOR = re.compile(r"[/\\]")


def doi(text: str) -> str | None:
    """The DOI that was pasted, without what is often before it; none if it is none."""
    match = _DOI.fullmatch(text.strip())
    return None if match is None else match[1]


def in_field(field: Field, text: Text, *, named: bool = False, key: int | None = None) -> Predicate | None:
    """What the field has to hold; none if it cannot hold such a thing.

    `named`: the field was named, so that a path that begins with a slash is one from the root.
    """
    if isinstance(text, Term) and patterns.is_star(text):
        return Has(field.name, key)
    match field.kind:
        case Kind.WORDS | Kind.STRINGS:
            return _words(field.name, text, key)
        case Kind.NAME:
            return _name(field.name, text)
        case Kind.CODE:
            return _code(field.name, text)
        case Kind.PATH:
            return _path(field.name, text, named)
        case _:
            return None


def is_exactly(field: Field, value: str, key: int | None = None) -> Predicate | None:
    """All of the field is this, as far as it can be asked."""
    match field.kind:
        case Kind.NAME | Kind.CODE | Kind.STRINGS:
            return Same(field.name, doi(value) or value, key)
        case Kind.PATH:
            return Path(field.name, tuple(components(value)), Anchor.WHOLE) if components(value) else None
        case _:
            return _words(field.name, Phrase(value), key)


def holds(field: str, tokens: list[str] | tuple[str, ...], apart: int = 0, key: int | None = None) -> Predicate | None:
    """The words, one after the other; none if there are none."""
    if not tokens:
        return None
    return Word(field, tokens[0], key) if len(tokens) == 1 else Words(field, tuple(tokens), apart, key)


def all_of(parts: list[Predicate]) -> Predicate | None:
    """All of them, if there are any."""
    return None if not parts else parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def any_of(parts: list[Predicate]) -> Predicate | None:
    """One of them, if there are any."""
    return None if not parts else parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _words(field: str, text: Text, key: int | None = None) -> Predicate | None:
    tokens = words(doi(text.text) or text.text)
    match text:
        case Fuzzy(_, edits) if len(tokens) == 1 and key is None:
            return Similar(field, tokens[0], edits)
        case Term() if text.wild:
            if key is not None and (inside := patterns.middle(text)) is not None:
                return Contains(field, inside, key)
            return all_of([_word_like(field, pattern, key) for pattern in patterns.word_patterns(text)])
        case Phrase(_, apart):
            return holds(field, tokens, apart, key)
        case _:
            return holds(field, tokens, key=key)


def _word_like(field: str, pattern: str, key: int | None = None) -> Predicate:
    return WordLike(field, pattern, key) if "*" in pattern or "?" in pattern else Word(field, pattern, key)


def _name(field: str, text: Text) -> Predicate | None:
    if isinstance(text, Term) and text.wild:
        if (inside := patterns.middle(text)) is not None:
            return Contains(field, inside)
        if (start := patterns.beginning(text)) is not None and len(patterns.word_patterns(text)) != 1:
            held = _words(field, text)
            return Begins(field, start) if held is None else AnyOf((Begins(field, start), held))
    return _words(field, text)


def _code(field: str, text: Text) -> Predicate | None:
    if isinstance(text, Term) and text.wild:
        start = patterns.beginning(text)
        return None if start is None else Begins(field, re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", start))
    value = text.text.strip()
    return Same(field, doi(value) or value) if value else None


def _path(field: str, text: Text, named: bool) -> Predicate | None:
    if doi(text.text) is not None:
        return None
    within = _SEPARATOR.search(text.text) is not None
    if isinstance(text, Term) and text.wild:
        return _path_like(field, text, within)
    tokens = path_words(text.text)
    if within:
        names = tuple(components(text.text))
        anchor = Anchor.START if named and text.text[0] in "/\\" else Anchor.ANYWHERE
        return Path(field, tuple(re.sub(r"[*?]", "?", name) for name in names), anchor) if names else None
    match text:
        case Fuzzy(_, edits) if len(tokens) == 1:
            return Similar(field, tokens[0], edits)
        case Phrase(_, apart):
            return holds(field, tokens, apart)
        case _:
            return holds(field, tokens)


def _path_like(field: str, term: Term, within: bool) -> Predicate | None:
    inside = patterns.middle(term)
    if inside is not None and not within:
        return Contains(field, inside)
    names = patterns.component_patterns(term)
    parts: list[Predicate] = [Path(field, names)] if names else []
    like = patterns.path_word_patterns(term)
    if not within and len(like) == 1:
        parts.append(_word_like(field, like[0]))
    return any_of(parts)
