"""The questions that are measured, for our engine, for PostgreSQL and for Lucene."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from beamcat.search.question import (
    AllOf,
    Anchor,
    AnyOf,
    Begins,
    Between,
    Contains,
    Everything,
    Facet,
    Histogram,
    Interval,
    OneOf,
    Path,
    Phrase,
    Predicate,
    Question,
    Same,
    Sort,
    Terms,
    Weighted,
    Word,
)
from bench.search_rows import (
    FIRST_DAY_MS,
    INSTRUMENTS,
    INVESTIGATIONS,
    KINDS,
    SAMPLES,
    SPAN_MS,
    WORDS,
    YEARS,
    of_instrument,
)

ENTITY = "Datafile"
PAGE = 100
NEWEST = Sort("date", descending=True)
YEAR_MS = SPAN_MS // len(YEARS)
FACETS = (Facet("format", Terms("format")), Facet("year", Histogram("date", Interval.YEAR)))
_BY_YEAR = "extract(year FROM to_timestamp(date / 1000.0) AT TIME ZONE 'UTC')"


@dataclass(frozen=True)
class Condition:
    """The same condition three times: ours, of SQL, and as clauses for the program with Lucene (`LuceneBench.java`)."""

    ours: Predicate
    sql: str
    lucene: tuple[str, ...]

    def __and__(self, other: Condition) -> Condition:
        """Both."""
        return Condition(AllOf((self.ours, other.ours)), f"{self.sql} AND {other.sql}", self.lucene + other.lucene)


ANYTHING = Condition(Everything(), "true", ())


@dataclass(frozen=True)
class Asked:
    """One question: the page of newest hits, or facets of all of them."""

    condition: Condition
    allowed: Condition = ANYTHING
    facets: bool = False
    ranked: bool = False

    @property
    def has_candidates(self) -> bool:
        """Whether Lucene, and our engine when there are many documents, find some that PostgreSQL sorts out."""
        return any(clause.startswith("grams ") for clause in self.condition.lucene)

    def ours(self) -> Question:
        """For our engine."""
        question = Question(ENTITY, self.condition.ours, self.allowed.ours, sort=NEWEST, limit=PAGE)
        if self.facets:
            return replace(question, facets=FACETS, limit=0)
        return replace(question, sort=Sort()) if self.ranked else question

    def sql(self) -> str:
        """For PostgreSQL. Relevance it does not have: any hits."""
        where = f"WHERE {self.condition.sql} AND {self.allowed.sql}"
        if self.facets:
            return (
                f"SELECT format, {_BY_YEAR}, count(*) FROM file {where} GROUP BY GROUPING SETS ((format), ({_BY_YEAR}))"
            )
        order = "" if self.ranked else "ORDER BY date DESC, id"
        return f"SELECT id FROM file {where} {order} LIMIT {PAGE}"

    def lucene(self) -> str:
        """For Lucene."""
        kind = "facets" if self.facets else "ranked" if self.ranked else "newest"
        return "\t".join((kind, *self.condition.lucene, *self.allowed.lucene))


@dataclass(frozen=True)
class Measured:
    """A kind of question, and how one of them is made."""

    name: str
    made: Callable[[random.Random], Asked]


def questions(names: list[str]) -> Iterator[Measured]:
    """All that are measured. `names` are some of those that files have."""
    users = [("administrator", ANYTHING), *((f"user of {number}", _user(number)) for number in (3, 2_000, 20_000))]
    yield Measured("all of a name", lambda chance: Asked(_same(chance.choice(names))))
    yield Measured("a word, by relevance", lambda chance: Asked(_free(chance), ranked=True))
    yield Measured("part of a folder's name", lambda chance: Asked(_part_of_folder(chance)))
    pages: dict[str, Callable[[random.Random], Condition]] = {
        "a word": _word,
        "a phrase": _phrase,
        "the beginning of a path": _path,
        "the beginning of a name": _beginning,
        "part of a name": lambda chance: _part(chance.choice(names)),
        "a year at an instrument": _year_at_instrument,
    }
    for who, allowed in users:
        for name, made in pages.items():
            yield Measured(f"{name}, {who}", partial(_asked, made, allowed))
        yield Measured(f"facets of a word, {who}", partial(_asked, _word, allowed, facets=True))
        yield Measured(f"facets of everything, {who}", partial(_asked, lambda _: ANYTHING, allowed, facets=True))


def _asked(
    made: Callable[[random.Random], Condition], allowed: Condition, chance: random.Random, *, facets: bool = False
) -> Asked:
    return Asked(made(chance), allowed, facets)


def _user(investigations: int) -> Condition:
    chance = random.Random(investigations)
    return _of(sorted(chance.sample(range(INVESTIGATIONS), min(investigations, INVESTIGATIONS))))


def _of(ids: list[int]) -> Condition:
    told = ",".join(map(str, ids))
    return Condition(OneOf("investigation", ids), f"investigation = ANY('{{{told}}}')", (f"ids investigation {told}",))


def _same(name: str) -> Condition:
    return Condition(Same("name", name), f"name = '{name}'", (f"term name.whole {name}",))


def _word(chance: random.Random) -> Condition:
    word = chance.choice((*KINDS, *SAMPLES, "data"))
    return Condition(Word("path", word), f"{WORDS} @@ '{word}'::tsquery", (f"term path.words {word}",))


def _free(chance: random.Random) -> Condition:
    """As from a search box."""
    word = chance.choice(SAMPLES)
    ours = AnyOf((Weighted(Word("name", word), 3), Word("path", word), Word("description", word)))
    return Condition(ours, f"{WORDS} @@ '{word}'::tsquery", (f"either {word} name.words path.words",))


def _phrase(chance: random.Random) -> Condition:
    words = ("data", str(chance.choice(YEARS)))
    return Condition(
        Phrase("path", words), f"{WORDS} @@ '{' <-> '.join(words)}'::tsquery", (f"phrase path.words {' '.join(words)}",)
    )


def _path(chance: random.Random) -> Condition:
    parts = ("dls", f"i{chance.randrange(INSTRUMENTS):02}", "data", str(chance.choice(YEARS)))
    path = "/".join(parts)
    return Condition(
        Path("path", parts, Anchor.START), f"path LIKE '/{path}/%'", (f"phrase path.parts ^ {' '.join(parts)}",)
    )


def _beginning(chance: random.Random) -> Condition:
    begin = f"{chance.choice(SAMPLES)}-{chance.randrange(9)}"
    return Condition(Begins("name", begin), f"name LIKE '{begin}%'", (f"begins name.whole {begin}",))


def _part(name: str) -> Condition:
    inside = name[2:11]
    like = inside.replace("_", r"\_")
    return Condition(Contains("name", inside), f"name LIKE '%{like}%'", (f"grams name.grams {inside}",))


def _part_of_folder(chance: random.Random) -> Condition:
    inside = f"x{chance.randrange(INVESTIGATIONS // 10, INVESTIGATIONS)}-"
    return Condition(Contains("path", inside), f"path LIKE '%{inside}%'", (f"like path.parts *{inside}*",))


def _year_at_instrument(chance: random.Random) -> Condition:
    """A datafile has no instrument: it is asked for by the investigations there."""
    low = FIRST_DAY_MS + chance.randrange(len(YEARS)) * YEAR_MS
    high = low + YEAR_MS
    in_year = Condition(
        Between("date", low, high, includes_high=False),
        f"date >= {low} AND date < {high}",
        (f"range date {low} {high - 1}",),
    )
    return in_year & _of(of_instrument(chance.randrange(INSTRUMENTS)))
