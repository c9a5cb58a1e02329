"""What is wanted of a search, and what it found: what doors say, in names that people know.

All of these are plain values, so that a search can be kept and asked again. `search.question` is what becomes of them
for an engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any as Json
from typing import Literal

from beamcat.errors import BadParameter
from beamcat.search.language.meaning import Note

RELEVANCE = "relevance"
"""Best first."""
MOST_SORTS = 4
"""Fields that hits can be sorted by at a time."""
ENTITIES = ("Investigation", "Dataset", "Datafile", "Sample", "Instrument", "DataPublication")
"""What can be searched, as far as the settings have it."""


class Manner(StrEnum):
    """How a text is read."""

    BOX = "box"
    """As in a search box: all words; if nothing has all of them, some. What cannot be read is taken for words."""
    LUCENE = "lucene"
    """As by ICAT: any of the words; raises `BadParameter` for what cannot be read."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Narrows what is found: one of `values`, or from `low` to `high`.

    `field` is a name that can stand before a colon in a text (`instrument`, `date`, `sample.type`, `title`, a
    parameter). `values` are ids, as facets tell them, or texts: names, words, dates (`2024-03`), exactly as behind the
    colon but for wildcards, which are themselves. Bounds are numbers, or dates in ISO 8601 or shorter; none: open.
    `unit` is that of the bounds of a parameter. `without`: what is not so.
    """

    field: str
    values: tuple[int | str, ...] = ()
    low: float | str | None = None
    high: float | str | None = None
    includes_low: bool = True
    includes_high: bool = True
    unit: str | None = None
    without: bool = False


@dataclass(frozen=True, slots=True)
class RangeAsked:
    """A range of a facet, from `low` up to, not including, `high`; none: open."""

    low: float | str | None = None
    high: float | str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class FacetAsked:
    """How many hits have which value of a field. Filters on the field itself do not count for it.

    Without `ranges`, `interval` and `width`, each value is counted, the `most` frequent are told. Dates are counted in
    intervals or ranges, numbers in columns of a `width` or in ranges. `field` is named as in a `Filter`; that of a
    parameter is counted in `unit` (none: that of the first type of its name).
    """

    field: str
    most: int = 10
    ranges: tuple[RangeAsked, ...] = ()
    interval: Literal["year", "month", "day"] | None = None
    width: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class SortAsked:
    """What hits are ordered by: a field of one value (`name`, `date`, `size`, ...).

    Equal ones are ordered by `then`; what is equal in all fields by id, ascending.
    """

    field: str
    descending: bool = False
    then: SortAsked | None = None

    @classmethod
    def read(cls, text: str) -> SortAsked | None:
        """The order that `instrument,-date` says: fields, each with `-` before it from the last to the first.

        None for `relevance`, which stands alone. Raises `BadParameter` for more than `MOST_SORTS`.
        """
        names = [name.strip() for name in text.split(",")]
        if len(names) > MOST_SORTS:
            raise BadParameter(f"hits are sorted by {MOST_SORTS} fields at most")
        if RELEVANCE in (name.removeprefix("-") for name in names):
            if len(names) > 1:
                raise BadParameter(f"{RELEVANCE} cannot be combined with fields to sort by")
            return None
        found: SortAsked | None = None
        for name in reversed(names):
            found = cls(name.removeprefix("-"), name.startswith("-"), found)
        return found

    def written(self) -> str:
        """What `read` reads."""
        first = f"{'-' if self.descending else ''}{self.field}"
        return first if self.then is None else f"{first},{self.then.written()}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search.

    Hits of several `entities` (none: of all) are mixed, by relevance or by a field that all of them have. `after` is
    `Found.next` of the page before, with everything else as it was.
    """

    text: str = ""
    entities: tuple[str, ...] = ()
    manner: Manner = Manner.BOX
    filters: tuple[Filter, ...] = ()
    facets: tuple[FacetAsked, ...] = ()
    sort: SortAsked | None = None
    """None: relevance, best first."""
    limit: int = 20
    """Hits of a page; none are read for 0."""
    after: str | None = None
    highlight: bool = False
    """Whether to tell where in the hits the words stand."""
    source: tuple[str, ...] | None = None
    """Fields of the hits that are told, by their public names; none: all that the caller may see."""
    mine: bool = False
    """Only what belongs to investigations that the caller takes part in, or at whose instrument they are scientist."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text; `match` where it is what was looked for."""

    text: str
    match: bool = False


@dataclass(frozen=True, slots=True)
class Highlight:
    """Where words stand in a field: passages of about 160 characters, each as its pieces in order.

    `cut_before` and `cut_after` say, for each passage, whether there is more of the text on that side.
    """

    field: str
    passages: tuple[tuple[Piece, ...], ...]
    cut_before: tuple[bool, ...]
    cut_after: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class FoundHit:
    """One object that was found.

    `source` holds its fields by ICAT's names (section B.8 of its API); dates are milliseconds since 1970 UTC. `score`
    none: hits are ordered by a field.
    """

    id: int
    entity: str
    score: float | None
    source: Mapping[str, Json] = field(default_factory=dict)
    highlights: tuple[Highlight, ...] = ()


@dataclass(frozen=True, slots=True)
class HowMany:
    """How many there are. `more`: at least so many. `estimate`: there may be a few less, which nobody looked at."""

    number: int
    more: bool = False
    estimate: bool = False


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value, or a range, of a facet: `value` is one for a `Filter`, or else `low` and `high` are its bounds."""

    value: int | str | float
    label: str
    count: int
    low: float | None = None
    high: float | None = None
    chosen: bool = False
    """Whether a filter asks for it."""


@dataclass(frozen=True, slots=True)
class FacetFound:
    """A facet of one entity; only values whose names the caller may read."""

    entity: str
    field: str
    """As it was asked for."""
    values: tuple[FacetValue, ...]
    unit: str | None = None
    """In which the numbers of a parameter are."""
    of_dates: bool = False
    """Whether values and bounds are moments, in milliseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    `notes` say what became of each piece of the text. `some_words`: nothing has all of the words; these have some.
    `next` is none when there are no further hits.
    """

    hits: tuple[FoundHit, ...] = ()
    counted: HowMany = field(default_factory=lambda: HowMany(0))
    by_entity: Mapping[str, HowMany] = field(default_factory=dict)
    facets: tuple[FacetFound, ...] = ()
    notes: tuple[Note, ...] = ()
    some_words: bool = False
    next: str | None = None
    took_ms: float = 0.0


class SuggestionKind(StrEnum):
    """What is suggested."""

    WORD = "word"
    FIELD = "field"
    INSTRUMENT = "instrument"
    TECHNIQUE = "technique"
    INVESTIGATION = "investigation"
    SAMPLE = "sample"
    PERSON = "person"
    PARAMETER = "parameter"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the last word of a text could become: `text` takes its place, `label` is what people read.

    `entity` and `id` name the object that is suggested, if it is one.
    """

    kind: SuggestionKind
    text: str
    label: str
    entity: str | None = None
    id: int | None = None
    unit: str | None = None
    """Of a parameter."""


@dataclass(frozen=True, slots=True)
class IcatHit:
    """A hit of ICAT's own calls. `score` none: hits are sorted by a field."""

    id: int
    score: float | None = None
    source: Mapping[str, Json] = field(default_factory=dict)


Dimensions = Mapping[str, Mapping[str, int | Mapping[str, float | int]]]
"""Facets as ICAT tells them: `Dataset.type.name` -> label -> count, or -> `{"from":, "to":, "count":}` of a range."""


@dataclass(frozen=True, slots=True)
class IcatFound:
    """What `search/documents` answers. `search_after` none: there are no more."""

    results: Sequence[IcatHit] = ()
    search_after: Json | None = None
    dimensions: Dimensions = field(default_factory=dict)
