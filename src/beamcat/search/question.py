"""What is asked of an index, and what it answers: the same for every engine.

Words in predicates are *tokens*: lower case, without accents, as `search.tokens` makes them. Nothing in here is text
that a user wrote: `search.language` reads that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum


@dataclass(frozen=True)
class Everything:
    """All documents."""


@dataclass(frozen=True)
class Nothing:
    """No document."""


@dataclass(frozen=True)
class AllOf:
    """Documents that every part matches."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True)
class AnyOf:
    """Documents that at least `least` of the parts match."""

    parts: tuple[Predicate, ...]
    least: int = 1


@dataclass(frozen=True)
class Not:
    """Documents that the part does not match."""

    part: Predicate


@dataclass(frozen=True)
class Unranked:
    """Documents that the part matches; it has no say in how they are ranked."""

    part: Predicate


@dataclass(frozen=True)
class Weighted:
    """The part counts so much more, or less, in ranking."""

    part: Predicate
    weight: float


@dataclass(frozen=True)
class OneOf:
    """An ID field, or the key field `id`, holds one of these. There may be a hundred thousand of them."""

    field: str
    ids: Sequence[int]


@dataclass(frozen=True)
class Same:
    """All of a NAME or CODE is this, without regard to case and accents; under `key` for STRINGS."""

    field: str
    value: str
    key: int | None = None


@dataclass(frozen=True)
class Begins:
    """All of a NAME or CODE begins with this, without regard to case and accents."""

    field: str
    value: str


@dataclass(frozen=True)
class Contains:
    """Somewhere in a NAME, or in one component of a PATH, or in a STRINGS value under `key`, this stands.

    Without regard to case and accents. At least one character; engines may take long for fewer than three.
    """

    field: str
    value: str
    key: int | None = None


@dataclass(frozen=True)
class Between:
    """A value lies between these; none: open. For NUMBERS and MOMENTS under `key`."""

    field: str
    low: float | None
    high: float | None
    includes_low: bool = True
    includes_high: bool = True
    key: int | None = None


@dataclass(frozen=True)
class Has:
    """The field has a value; under `key` for parameters."""

    field: str
    key: int | None = None


@dataclass(frozen=True)
class Word:
    """The field holds the word."""

    field: str
    word: str
    key: int | None = None


@dataclass(frozen=True)
class Phrase:
    """The field holds the words one after the other, with at most `apart` others between."""

    field: str
    words: tuple[str, ...]
    apart: int = 0
    key: int | None = None


@dataclass(frozen=True)
class WordLike:
    """The field holds a word of this pattern: `*` is any characters, `?` one, everything else itself."""

    field: str
    pattern: str
    key: int | None = None


@dataclass(frozen=True)
class Similar:
    """The field holds a word that differs in at most `edits` letters (1 or 2)."""

    field: str
    word: str
    edits: int = 1


class Anchor(Enum):
    """Where in a path components are looked for."""

    ANYWHERE = "anywhere"
    START = "start"
    END = "end"
    WHOLE = "whole"


@dataclass(frozen=True)
class Path:
    """A PATH holds these components one after the other; each is a pattern as in `WordLike`, lower case."""

    field: str
    components: tuple[str, ...]
    anchor: Anchor = Anchor.ANYWHERE


Predicate = (
    Everything
    | Nothing
    | AllOf
    | AnyOf
    | Not
    | Unranked
    | Weighted
    | OneOf
    | Same
    | Begins
    | Contains
    | Between
    | Has
    | Word
    | Phrase
    | WordLike
    | Similar
    | Path
)


Value = float | str | None
SortValue = Value | tuple[Value, ...]
"""What a hit is sorted by: one value, or those of several fields."""


@dataclass(frozen=True)
class Sort:
    """What hits are ordered by. `field` none is relevance, best first.

    Equal ones are ordered by `then`; what is equal in all fields by id, ascending. Relevance and ids stand alone.
    """

    field: str | None = None
    descending: bool = False
    then: Sort | None = None

    @property
    def keys(self) -> tuple[Sort, ...]:
        """The fields in their order, each as a sort of its own."""
        return (replace(self, then=None), *(() if self.then is None else self.then.keys))


@dataclass(frozen=True)
class Terms:
    """How many hits have which value of an ID or CODE field: the most frequent first, ties by value."""

    field: str
    most: int = 10


@dataclass(frozen=True)
class Range:
    """Values from `low` up to, not including, `high`; none: open."""

    label: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Ranges:
    """How many hits have a value in each range of an AMOUNT, MOMENT, or, under `key`, of parameters."""

    field: str
    ranges: tuple[Range, ...]
    key: int | None = None


class Interval(Enum):
    """How long the columns of a date histogram are, in UTC."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"


@dataclass(frozen=True)
class Histogram:
    """How many hits lie in each interval of a MOMENT, or in steps of a number; empty ones are left out."""

    field: str
    interval: Interval | float
    key: int | None = None


Count = Terms | Ranges | Histogram


@dataclass(frozen=True)
class Facet:
    """A count under a name: over the hits, but for a filter of that name."""

    name: str
    count: Count


@dataclass(frozen=True)
class Question:
    """What is asked.

    `match` ranks and matches. `allowed` is what the caller may see, and narrows everything, facets too. `filters`
    narrow the hits; a facet of the same name as a filter is counted without that one.
    """

    entity: str
    match: Predicate = field(default_factory=Everything)
    allowed: Predicate = field(default_factory=Everything)
    filters: Mapping[str, Predicate] = field(default_factory=dict)
    sort: Sort = field(default_factory=Sort)
    limit: int = 10
    after: tuple[SortValue, int] | None = None
    """The sort value and id of the last hit of the page before."""
    count_up_to: int | None = 10_000
    """Counting costs time for every hit: beyond so many, only that there are more is told. None: count all."""
    facets: tuple[Facet, ...] = ()


@dataclass(frozen=True)
class Hit:
    """One document."""

    id: int
    score: float | None
    sort_value: SortValue


@dataclass(frozen=True)
class Counted:
    """How many there are; with `more`, at least so many."""

    hits: int
    more: bool = False


@dataclass(frozen=True)
class Bucket:
    """One value or range of a facet, and how many hits have it."""

    value: int | str | float
    count: int


@dataclass(frozen=True)
class Answer:
    """The hits of a page, how many there are in all, and the facets by name.

    `candidates`: hits may contain some that do not match `Contains`, which the catalogue has to sort out.
    """

    hits: tuple[Hit, ...]
    counted: Counted
    facets: Mapping[str, tuple[Bucket, ...]] = field(default_factory=dict)
    candidates: bool = False
