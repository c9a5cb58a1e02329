"""Two types of documents with fields of every kind, and small random documents and questions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

from hypothesis import strategies as st

from beamcat.search import tokens
from beamcat.search.fields import DocumentType, Field, Kind
from beamcat.search.question import (
    AllOf,
    Anchor,
    AnyOf,
    Begins,
    Between,
    Contains,
    Everything,
    Facet,
    Has,
    Histogram,
    Interval,
    Not,
    OneOf,
    Path,
    Phrase,
    Predicate,
    Question,
    Range,
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

_FIELDS = (
    Field("title", Kind.WORDS, sorted=True, weight=2),
    Field("notes", Kind.WORDS, several=True),
    Field("name", Kind.NAME),
    Field("code", Kind.CODE, counted=True),
    Field("labels", Kind.CODE, several=True, counted=True),
    Field("type", Kind.ID, counted=True),
    Field("people", Kind.ID, several=True, counted=True),
    Field("investigation", Kind.ID, counted=True),
    Field("when", Kind.MOMENT),
    Field("size", Kind.AMOUNT),
    Field("path", Kind.PATH, several=True, ends_in="name"),
    Field("numbers", Kind.NUMBERS),
    Field("strings", Kind.STRINGS),
    Field("moments", Kind.MOMENTS),
)
STUDY = DocumentType("Study", {field.name: field for field in _FIELDS}, asked=("name", "title", "notes", "code"))
FILE = DocumentType("File", STUDY.fields, asked=("name", "path", "title"), large=True)
TYPES = {"Study": STUDY, "File": FILE}

WORDS = ("iron", "Irons", "Fe2O3", "fe", "As", "no", "C60", "oxide", "Ångström", "Straße", "κρύσταλλος", "結晶", "scan")
SEPARATORS = (" ", " ", "_", "-", " (", ") ", '"', "*", "+", " [", "] ", "{", ".", "\\", "/", "'", "!", " AND ", "\t")
DAY = 86_400_000

text = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(SEPARATORS)).map("".join) | st.sampled_from(WORDS),
    min_size=1,
    max_size=4,
).map("".join)
short = st.sampled_from(("a", "b", "ab", "A", "b a", "ä", "a-b", "a*", "(a)", "a_1", "A_10", "", "*", "TO", "-1"))
component = st.sampled_from(
    ("data", "Data", "id21", "raw", "scan_0001", "scan_0002.nxs", "ab", "a", "x y", "Wärme", "c*")
)
names = short | text | component
paths = st.tuples(
    st.sampled_from(("", "/", "/", "C:\\")), st.lists(component, min_size=1, max_size=4), st.sampled_from("/\\")
).map(lambda made: made[0] + made[2].join(made[1]))
small = st.integers(1, 6)
amounts = st.integers(-3, 12) | st.sampled_from((0, 1 << 40, (1 << 53) - 1))
moments = st.integers(-2, 800).map(lambda day: day * DAY // 2 + 1) | st.integers(-5 * DAY, 900 * DAY)
numbers = st.sampled_from((-1e300, -2.5, -1.0, -0.0, 0.0, 1e-300, 0.1, 1.0, 1.5, 2.0, 7.0, 1e18, 1e300)) | st.integers(
    -9, 9
)
keys = st.sampled_from(("3", "5", "12"))


def _documents(id_: int) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "title": text,
        "notes": st.lists(text, max_size=3),
        "name": names,
        "code": short,
        "labels": st.lists(short, max_size=3),
        "type": small,
        "people": st.lists(small, max_size=4, unique=True),
        "when": moments,
        "size": amounts,
        "path": st.lists(paths, max_size=2),
        "numbers": st.dictionaries(keys, numbers, max_size=3),
        "strings": st.dictionaries(keys, names, max_size=3),
        "moments": st.dictionaries(keys, moments, max_size=2),
    }
    required = {"id": st.just(id_), "investigation": st.integers(1, 400)}
    usual = {name: st.integers(0, 3).flatmap(partial(_unless_absent, made)) for name, made in optional.items()}
    return st.tuples(st.fixed_dictionaries({**required, **usual}), st.booleans()).map(_ends_in_its_name)


def _ends_in_its_name(made: tuple[dict[str, Any], bool]) -> dict[str, Any]:
    document, wanted = made
    if wanted and document.get("name") and document.get("path"):
        return {**document, "path": [*document["path"][1:], f"{document['path'][0]}/{document['name']}"]}
    return document


def _unless_absent(made: st.SearchStrategy[Any], number: int) -> st.SearchStrategy[Any]:
    return made if number < 3 else st.none()


documents = st.lists(st.integers(1, 60), min_size=6, max_size=25, unique=True).flatmap(
    lambda ids: st.tuples(*(_documents(id_) for id_ in ids))
)

WORD_FIELDS = st.sampled_from(("title", "notes", "name"))


def _one_of(texts: Sequence[str], cut: Any) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted({word for each in texts for word in cut(each)}))


words = _one_of(WORDS, tokens.words)
path_words = st.sampled_from(("data", "id", "21", "raw", "scan", "0001", "nxs", "x", "warme"))
patterns = st.sampled_from(("*", "i*", "*n", "?e", "f?2o3", "*o*", "c60", "s*n", "??"))
component_patterns = st.sampled_from(
    (
        "data",
        "id21",
        "raw",
        "scan_*",
        "*.nxs",
        "*",
        "?",
        "?b",
        "ab",
        "a",
        "x y",
        "scan_000?*",
        "warme",
        "*a*",
        "**",
        "??*",
    )
)
key = st.sampled_from((3, 5, 12, 99))
ends = st.none() | st.sampled_from((-1e301, -2.5, -1, -0.0, 0, 0.1, 0.5, 1, 1.5, 2, 5, 7.5, 1e18, 1e300))
whole_ends = st.none() | st.integers(-3, 13) | st.sampled_from((0.5, 2.5, -0.5, 1e15, float("inf"), float("-inf")))
moment_ends = st.none() | st.integers(-3, 900).map(lambda day: day * DAY / 2 + 1)
cut_texts = st.tuples(names, st.integers(0, 3), st.integers(1, 6)).map(lambda of: of[0][of[1] : of[1] + of[2]])


def _between(fields: Sequence[str], limits: st.SearchStrategy[Any], keyed: bool) -> st.SearchStrategy[Predicate]:
    under = key if keyed else st.none()
    return st.builds(Between, st.sampled_from(fields), limits, limits, st.booleans(), st.booleans(), under)


leaves: st.SearchStrategy[Predicate] = st.one_of(
    st.builds(OneOf, st.sampled_from(("type", "people")), st.lists(small, min_size=1, max_size=3)),
    st.builds(OneOf, st.just("id"), st.lists(st.integers(1, 60), min_size=5, max_size=40)),
    st.builds(OneOf, st.just("investigation"), st.lists(st.integers(1, 400), min_size=50, max_size=200)),
    st.builds(Same, st.sampled_from(("name", "code", "labels")), names),
    st.builds(Same, st.just("strings"), names, key | st.none()),
    st.builds(Begins, st.sampled_from(("name", "code", "labels")), cut_texts.filter(bool)),
    st.builds(Contains, st.sampled_from(("name", "path")), cut_texts.filter(bool)),
    st.builds(Contains, st.just("strings"), cut_texts.filter(bool), key | st.none()),
    _between(("type", "people", "size", "id"), whole_ends, keyed=False),
    _between(("when",), moment_ends, keyed=False),
    _between(("numbers",), ends, keyed=True),
    _between(("moments",), moment_ends, keyed=True),
    st.builds(Has, st.sampled_from(tuple(STUDY.fields))),
    st.builds(Has, st.sampled_from(("numbers", "strings", "moments")), key),
    st.builds(Word, WORD_FIELDS, words),
    st.builds(Word, st.just("path"), path_words),
    st.builds(Word, st.just("strings"), words, key | st.none()),
    st.builds(Phrase, WORD_FIELDS, st.lists(words, min_size=1, max_size=3).map(tuple), st.integers(0, 3)),
    st.builds(Phrase, st.just("path"), st.lists(path_words, min_size=1, max_size=3).map(tuple), st.integers(0, 2)),
    st.builds(Phrase, st.just("strings"), st.lists(words, min_size=1, max_size=2).map(tuple), st.integers(0, 2), key),
    st.builds(WordLike, WORD_FIELDS, patterns),
    st.builds(WordLike, st.just("strings"), patterns, key | st.none()),
    st.builds(Similar, WORD_FIELDS, words, st.integers(1, 2)),
    st.builds(
        Path,
        st.just("path"),
        st.lists(component_patterns, min_size=1, max_size=3).map(tuple),
        st.sampled_from(tuple(Anchor)),
    ),
)


def _combined(parts: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    several = st.lists(parts, max_size=3).map(tuple)
    return st.one_of(
        st.builds(AllOf, several),
        st.builds(AnyOf, several, st.integers(1, 2)),
        st.builds(Not, parts),
        st.builds(Unranked, parts),
        st.builds(Weighted, parts, st.sampled_from((0.5, 2.0, 3.0))),
    )


predicates = st.recursive(leaves, _combined, max_leaves=5)
SORTABLE = ("name", "code", "title", "size", "when", "type", "investigation")
_chains = st.lists(
    st.tuples(st.sampled_from(SORTABLE), st.booleans()), min_size=2, max_size=4, unique_by=lambda k: k[0]
)
sorts = st.one_of(
    st.builds(Sort, st.sampled_from((None, "id", *SORTABLE)), st.booleans()),
    _chains.map(lambda keys: reduce(lambda then, key: Sort(*key, then), reversed(keys), None)),
)
counts = st.one_of(
    st.builds(Terms, st.sampled_from(("type", "people", "code", "labels")), st.integers(1, 8)),
    st.builds(
        Ranges,
        st.just("size"),
        st.just((Range("few", None, 3), Range("some", 1, 9.5), Range("all", None, None), Range("many", 9, None))),
    ),
    st.builds(
        Ranges,
        st.just("numbers"),
        st.just((Range("low", None, 0.1), Range("high", 0.1, 7), Range("any", None, None))),
        key,
    ),
    st.builds(Histogram, st.just("when"), st.sampled_from(tuple(Interval))),
    st.builds(Histogram, st.just("moments"), st.sampled_from(tuple(Interval)), key),
    st.builds(Histogram, st.just("size"), st.sampled_from((4.0, 0.5, 2.5))),
)
rarely = st.integers(0, 3).map(lambda number: number == 3)
"""Conditions beside each other soon leave nothing."""


def _sometimes(predicate: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    return rarely.flatmap(lambda wanted: predicate if wanted else st.just(Everything()))


questions = st.builds(
    Question,
    entity=st.sampled_from(("Study", "File")),
    match=rarely.flatmap(lambda wanted: predicates if wanted else leaves),
    allowed=_sometimes(leaves),
    filters=st.dictionaries(st.sampled_from(("one", "two")), _sometimes(leaves), max_size=2),
    sort=sorts,
    limit=st.integers(1, 7),
    count_up_to=st.sampled_from((None, 0, 3, 1000)),
    facets=st.lists(
        st.builds(Facet, st.sampled_from(("one", "two", "three")), counts), max_size=2, unique_by=lambda f: f.name
    ).map(tuple),
)
