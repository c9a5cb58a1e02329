"""Predicates as queries of tantivy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import assert_never

import tantivy
from tantivy import Occur, Query

from beamcat.errors import BadParameter
from beamcat.search import bounds, tokens
from beamcat.search.columns import HAS, under
from beamcat.search.embedded.patterns import escaped, is_plain, of_component, of_pattern
from beamcat.search.embedded.schema import SHORTEST_GRAM, ordered
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
from beamcat.search.sorting import is_text

LONGEST_PHRASES = 1_000
"""Ways in which the words of one phrase may stand apart."""
_ANY_KEY = "[0-9]+="


class Queries:
    """Makes queries for the indices of one type. `candidates` is set when one may find more than was asked for."""

    def __init__(self, documents: DocumentType, index: tantivy.Index, *, exact_contents: bool) -> None:
        self._documents = documents
        self._index, self.schema = index, index.schema
        self._exact_contents = exact_contents
        self.candidates = False

    def query(self, predicate: Predicate, *, exact: bool = False) -> Query:
        """The query for a predicate; with `exact`, one that finds no candidates."""
        match predicate:
            case Everything():
                return Query.all_query()
            case Nothing():
                return Query.empty_query()
            case AllOf(parts):
                return self._all(parts, exact)
            case AnyOf(parts, least):
                return self._any(parts, least, exact)
            case Not(part):
                return Query.boolean_query(
                    [(Occur.Must, _silent(Query.all_query())), (Occur.MustNot, self.query(part, exact=True))]
                )
            case Unranked(part):
                return _silent(self.query(part, exact=exact))
            case Weighted(part, weight):
                return Query.boost_query(self.query(part, exact=exact), weight)
            case OneOf(field, ids):
                return Query.term_set_query(self.schema, self._ids(field), ids)
            case Same(field, value, key):
                return self._same(field, value, key)
            case Begins(field, value):
                self._documents.field(field, Kind.NAME, Kind.CODE)
                return self._regex(f"{field}.whole", f"{escaped(tokens.whole(value))}.*")
            case Contains(field, value, key):
                return self._contains(field, value, key, exact)
            case Between():
                return self._between(predicate)
            case Has(field, key):
                return self._has(field, key)
            case Word(field, word, key):
                return self._word(field, word, key)
            case Phrase(field, words, apart, key):
                return self._phrase(field, words, apart, key)
            case WordLike(field, pattern, key):
                begin = self._keyed(field, key) if key is not None else self._any_key(field)
                return self._regex(self._words(field), begin + of_pattern(pattern))
            case Similar(field, word, edits):
                return Query.fuzzy_term_query(self.schema, self._words(field, keyed=False), word, edits)
            case Path(field, components, anchor):
                return self._path(field, components, anchor)
            case _:
                assert_never(predicate)

    def is_number(self, field: str) -> bool:
        """Whether a field to sort by holds numbers."""
        return not is_text(self._documents.field(field))

    def equal(self, field: str, value: float | str) -> Query:
        """The documents whose value to sort by is this."""
        if isinstance(value, str):
            return Query.term_query(self.schema, f"{field}.whole", tokens.whole(value), "basic")
        return self.between(field, int(value), int(value))

    def beyond(self, field: str, value: float | str, *, descending: bool) -> Query:
        """The documents that come after those with this value, if they have one."""
        if isinstance(value, str):
            bound = tokens.whole(value)
            between = f"{{* TO {bound}}}" if descending else f"{{{bound} TO *}}"
            return self._index.parse_query(f"{field}.whole:{between}", [])
        number = int(value)
        return self.between(field, None, number - 1) if descending else self.between(field, number + 1, None)

    def between(self, field: str, low: int | None, high: int | None) -> Query:
        """A range of whole numbers, both included."""
        if low is None and high is None:
            return Query.exists_query(field)
        if low is not None and high is not None and low > high:
            return Query.empty_query()
        return Query.range_query(self.schema, field, tantivy.FieldType.Integer, low, high)

    def _all(self, parts: Sequence[Predicate], exact: bool) -> Query:
        if not parts:
            return Query.all_query()
        return Query.boolean_query([(Occur.Must, self.query(part, exact=exact)) for part in parts])

    def _any(self, parts: Sequence[Predicate], least: int, exact: bool) -> Query:
        if least <= 0:
            return Query.all_query()
        if least > len(parts):
            return Query.empty_query()
        return Query.boolean_query([(Occur.Should, self.query(part, exact=exact)) for part in parts], least)

    def _ids(self, field: str) -> str:
        if field != "id":
            self._documents.field(field, Kind.ID)
        return field

    def _words(self, field: str, *, keyed: bool = True) -> str:
        kinds = (Kind.WORDS, Kind.NAME, Kind.PATH)
        self._documents.field(field, *kinds, *((Kind.STRINGS,) if keyed else ()))
        return f"{field}.words"

    def _keyed(self, field: str, key: int) -> str:
        self._documents.field(field, Kind.STRINGS)
        return under(key, "")

    def _any_key(self, field: str) -> str:
        """What terms begin with when no key was named, as a regular expression."""
        return _ANY_KEY if self._documents.kind(field) is Kind.STRINGS else ""

    def _regex(self, column: str, pattern: str) -> Query:
        try:
            return Query.regex_query(self.schema, column, pattern)
        except ValueError as error:
            raise BadParameter("this pattern is too long; look for less of it") from error

    def _term(self, column: str, term: str) -> Query:
        return Query.term_query(self.schema, column, term, "freq")

    def _word(self, field: str, word: str, key: int | None) -> Query:
        column = self._words(field)
        if key is None and self._any_key(field):
            return self._regex(column, _ANY_KEY + escaped(word))
        return self._term(column, word if key is None else self._keyed(field, key) + word)

    def _same(self, field: str, value: str, key: int | None) -> Query:
        self._documents.field(field, Kind.NAME, Kind.CODE, Kind.STRINGS)
        begin = "" if key is None else self._keyed(field, key)
        if key is None and self._any_key(field):
            return self._regex(f"{field}.whole", _ANY_KEY + escaped(tokens.whole(value)))
        return Query.term_query(self.schema, f"{field}.whole", begin + tokens.whole(value), "basic")

    def _contains(self, field: str, value: str, key: int | None, exact: bool) -> Query:
        kind = self._documents.field(field, Kind.NAME, Kind.PATH, Kind.STRINGS).kind
        folded = tokens.fold(value)
        if kind is Kind.STRINGS:
            begin = _ANY_KEY if key is None else self._keyed(field, key)
            return self._regex(f"{field}.whole", f"{begin}.*{escaped(tokens.inside(value))}.*")
        if kind is Kind.PATH and ("/" in folded or "\\" in folded):
            return Query.empty_query()
        name = self._ends_in(field)
        if name is not None:
            last = _every(self._term(f"{field}.parts", tokens.NAME), self._contains(name, value, None, exact))
            return _either(self._regex(f"{field}.parts", f".*{escaped(tokens.component_of(folded))}.*"), _flat(last))
        if not (exact or self._exact_contents) and len(folded) >= SHORTEST_GRAM:
            self.candidates = True
            grams = {folded[at : at + SHORTEST_GRAM] for at in range(len(folded) - SHORTEST_GRAM + 1)}
            return _flat(_every(*(Query.term_query(self.schema, f"{field}.grams", gram, "basic") for gram in grams)))
        if kind is Kind.PATH:
            return self._regex(f"{field}.parts", f".*{escaped(tokens.component_of(folded))}.*")
        return self._regex(f"{field}.whole", f".*{escaped(tokens.inside(value))}.*")

    def _ends_in(self, field: str) -> str | None:
        """The name that stands in place of the last component of a path."""
        return self._documents.field(field).ends_in

    def _between(self, asked: Between) -> Query:
        kinds = (Kind.ID, Kind.MOMENT, Kind.AMOUNT, Kind.NUMBERS, Kind.MOMENTS)
        kind = Kind.ID if asked.field == "id" else self._documents.field(asked.field, *kinds).kind
        found = bounds.ordered(asked, ordered) if kind is Kind.NUMBERS else bounds.whole(asked)
        if found is None:
            return Query.empty_query()
        low, high = found
        if kind not in {Kind.NUMBERS, Kind.MOMENTS}:
            return self.between(asked.field, low, high)
        if asked.key is None:
            raise BadParameter(f"{asked.field} holds parameters: say of which type")
        low = bounds.LOWEST if low is None else low
        high = bounds.HIGHEST if high is None else high
        return self._index.parse_query(f"{asked.field}.{asked.key:d}:[{low} TO {high}]", [])

    def _has(self, field: str, key: int | None) -> Query:
        if field == "id":
            return Query.all_query()
        kind = self._documents.field(field).kind
        if kind in {Kind.ID, Kind.MOMENT, Kind.AMOUNT}:
            return Query.exists_query(field)
        if kind in {Kind.NUMBERS, Kind.MOMENTS}:
            return Query.exists_query(field, True) if key is None else Query.exists_query(f"{field}.{key:d}")
        if kind in {Kind.NAME, Kind.CODE}:
            return Query.exists_query(f"{field}.whole")
        if kind is Kind.PATH:
            return _flat(self._term(f"{field}.parts", tokens.START))
        return _flat(self._term(HAS, field if key is None else under(key, field)))

    def _phrase(self, field: str, words: Sequence[str], apart: int, key: int | None) -> Query:
        column = self._words(field)
        if key is None and self._any_key(field):
            raise BadParameter(f"{field} holds parameters: say of which type")
        begin = "" if key is None else self._keyed(field, key)
        terms = [begin + word for word in words]
        if len(terms) < 2:
            return self._term(column, terms[0]) if terms else Query.empty_query()
        ways = list(itertools.islice(_ways(len(terms), apart), LONGEST_PHRASES + 1))
        if len(ways) > LONGEST_PHRASES:
            raise BadParameter("this phrase has too many words that may be too far apart")
        phrases = [Query.phrase_query(self.schema, column, list(zip(way, terms, strict=True))) for way in ways]
        return phrases[0] if len(phrases) == 1 else Query.disjunction_max_query(phrases)

    def _path(self, field: str, components: Sequence[str], anchor: Anchor) -> Query:
        self._documents.field(field, Kind.PATH)
        if not components:
            return self._has(field, None)
        found = self._along(field, components, anchor)
        name, last = self._ends_in(field), components[-1]
        if name is None or not last.strip("*"):
            return found
        ends = self._along(field, (*components[:-1], tokens.NAME), anchor)
        if is_plain(last):
            return _either(found, _every(ends, self._same(name, last, None)))
        return _either(found, _every(ends, self._regex(f"{name}.whole", of_pattern(tokens.whole(last)))))

    def _along(self, field: str, components: Sequence[str], anchor: Anchor) -> Query:
        column = f"{field}.parts"
        sequence = [
            *([tokens.START] if anchor in {Anchor.START, Anchor.WHOLE} else []),
            *map(tokens.component_of, components),
            *([tokens.END] if anchor in {Anchor.END, Anchor.WHOLE} else []),
        ]
        if len(sequence) == 1:
            (one,) = sequence
            return self._term(column, one) if is_plain(one) else self._regex(column, of_component(one))
        last = len(sequence) - 1
        placed = [(at, part) for at, part in enumerate(sequence) if part != "*" or at in {0, last}]
        if all(is_plain(part) for _, part in placed):
            return Query.phrase_query(self.schema, column, [*placed])
        matching = [(at, escaped(part) if is_plain(part) else of_component(part)) for at, part in placed]
        return Query.regex_phrase_query(self.schema, column, [*matching])


def _silent(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def _every(*queries: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _either(*queries: Query) -> Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _flat(query: Query) -> Query:
    return Query.const_score_query(query, 1.0)


def _ways(terms: int, apart: int) -> Iterator[tuple[int, ...]]:
    """The positions of words one after the other, with at most so many others between, the closest first."""
    for others in range(max(apart, 0) + 1):
        for cuts in itertools.combinations_with_replacement(range(1, terms), others):
            yield tuple(at + sum(cut <= at for cut in cuts) for at in range(terms))
