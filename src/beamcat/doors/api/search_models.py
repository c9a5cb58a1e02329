"""What a search is asked, in a URL or as JSON, and what it tells."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from beamcat.doors.api.calls import NO_NUL, Id, Model, Name, Text, WithCommas
from beamcat.search.guide import Holds
from beamcat.search.language.meaning import Handling
from beamcat.search.wanted import Manner, SuggestionKind

MOST_HITS = 10_000
"""Hits of a page that can be asked for; the settings may say less."""
MOST_FILTERS = 100
MOST_FACETS = 30
MOST_FACET_VALUES = 1_000
MOST_VALUES = 1_000
MOST_SUGGESTIONS = 50
MOST_SIMILAR = 100


class KindOfObject(StrEnum):
    """What can be searched."""

    INVESTIGATION = "investigation"
    DATASET = "dataset"
    DATAFILE = "datafile"
    SAMPLE = "sample"
    INSTRUMENT = "instrument"
    PUBLICATION = "publication"


Kinds = Annotated[tuple[KindOfObject, ...], Field(max_length=20), WithCommas()]
Names = Annotated[tuple[Name, ...], Field(max_length=200), WithCommas()]
Bound = float | Annotated[str, Field(max_length=100), NO_NUL]
Cursor = Annotated[str, Field(max_length=10_000), NO_NUL]
InUrl = Annotated[str, Field(min_length=1, max_length=1_000), NO_NUL]


class _Search(Model):
    """What both forms have."""

    q: Text = ""
    """What to look for: words, and all that stands under *Searching* in the documentation. Nothing: everything."""
    kind: Kinds = ()
    """Kinds of objects; none: all. Hits of several kinds are mixed."""
    manner: Manner = Manner.BOX
    """`box`: as in a search box; all words have to be there, or if nothing has all, some; what cannot be read is taken
    for words. `lucene`: as in ICAT; any of the words, and what cannot be read is an error."""
    sort: Name = "relevance"
    """`relevance`, best first, or a field: `date`, and `-date` from the last to the first; or up to four fields with
    commas between them, each for what is equal in those before: `instrument,-date`."""
    limit: Annotated[int, Field(ge=0, le=MOST_HITS)] = 20
    """Hits of a page. 0: only counts."""
    after: Cursor | None = None
    """`next` of the page before; everything else is as it was."""
    highlight: bool = False
    """Tell where in the hits the words stand."""
    mine: bool = False
    """Only what belongs to investigations that you take part in, or at whose instrument you are scientist."""
    fields: Names = ()
    """Fields of the hits to tell, such as `name` and `investigation.title`; none: all that the caller may see."""


class SearchParameters(_Search):
    """A search in a URL."""

    q: Annotated[Text, Field(max_length=10_000)] = ""
    """What to look for: words, and all that stands under *Searching* in the documentation. Nothing: everything."""
    filter: Annotated[tuple[InUrl, ...], Field(max_length=MOST_FILTERS)] = ()
    """`NAME:VALUE` narrows what is found: `instrument:ML07`, `date:2024-03`, `fileSize:1e9..`, `temperature:10..20 K`,
    `sample.type:#12` by an id, `title:"as it is"`. `LOW..<HIGH` excludes the upper end. `-type:calibration` is what is
    not so. Several values of a field: any of them."""
    facet: Annotated[tuple[InUrl, ...], Field(max_length=MOST_FACETS)] = ()
    """Count how many hits have which value: `instrument`, `date:year` (`month`, `day`), `temperature:10 K` for columns
    that wide. A filter on the field itself does not count for its facet."""
    facet_values: Annotated[int, Field(ge=1, le=MOST_FACET_VALUES)] = 10
    """How many values of a facet, the most frequent first."""


class FilterAsked(Model):
    """Narrows what is found: one of `values`, or from `low` to `high`."""

    field: Name
    """As before a colon in a text: `instrument`, `date`, `sample.type`, the name of a parameter."""
    values: Annotated[tuple[int | Text, ...], Field(max_length=MOST_VALUES)] = ()
    """Ids, as facets tell them, or texts. Any of them."""
    low: Bound | None = None
    """A number, or a date in ISO 8601 or shorter; none: open."""
    high: Bound | None = None
    includes_low: bool = True
    includes_high: bool = True
    unit: Name | None = None
    """That of the bounds, for a parameter."""
    without: bool = False
    """What is not so."""

    @model_validator(mode="after")
    def _says_something(self) -> FilterAsked:
        if not self.values and self.low is None and self.high is None:
            raise ValueError("say values, low or high")
        return self


class RangeAsked(Model):
    """A range of a facet, from `low` up to, not including, `high`; none: open."""

    low: Bound | None = None
    high: Bound | None = None
    label: Name | None = None


class FacetAsked(Model):
    """Counts how many hits have which value, or lie in which range, interval or column."""

    field: Name
    most: Annotated[int, Field(ge=1, le=MOST_FACET_VALUES)] = 10
    """How many values, the most frequent first."""
    ranges: Annotated[tuple[RangeAsked, ...], Field(max_length=100)] = ()
    interval: Literal["year", "month", "day"] | None = None
    """For dates."""
    width: Annotated[float, Field(gt=0)] | None = None
    """Of the columns of a number."""
    unit: Name | None = None
    """In which a parameter is counted; none: the one most values are in."""


class SearchBody(_Search):
    """A search as JSON."""

    filters: Annotated[tuple[FilterAsked, ...], Field(max_length=MOST_FILTERS)] = ()
    facets: Annotated[tuple[FacetAsked, ...], Field(max_length=MOST_FACETS)] = ()


class PieceTold(Model):
    """A piece of a text."""

    text: str
    match: bool = False
    """Whether it is what was looked for."""


class PassageTold(Model):
    """A part of a text, as its pieces in order."""

    pieces: tuple[PieceTold, ...]
    cut_before: bool = False
    """Whether there is more of the text before it."""
    cut_after: bool = False


class HighlightTold(Model):
    """Where words stand in a field."""

    field: str
    passages: tuple[PassageTold, ...]


class HitTold(Model):
    """An object that was found."""

    kind: KindOfObject
    id: int
    score: float | None = None
    """How well it fits; missing when hits are sorted by a field."""
    source: dict[str, Any]
    """Its fields, by ICAT's names; those of what it belongs to with a dot: `investigation.title`."""
    highlights: tuple[HighlightTold, ...] | None = None


class HowManyTold(Model):
    """How many there are."""

    number: int
    more: bool = False
    """There are more than `number`."""
    estimate: bool = False
    """There may be fewer: not all were looked at."""


class FacetValueTold(Model):
    """A value, or a range, of a facet."""

    value: int | float | str
    """As it goes back in `values` of a filter: an id or a text; or where a column begins."""
    label: str
    count: int
    low: Bound | None = None
    high: Bound | None = None
    chosen: bool = False
    """Whether a filter asks for it."""
    filter: str
    """As it goes back in the parameter `filter`."""


class FacetTold(Model):
    """A facet of one kind of objects."""

    kind: KindOfObject
    field: str
    unit: str | None = None
    values: tuple[FacetValueTold, ...]


class NoteTold(Model):
    """What became of a piece of the text."""

    piece: str
    start: int
    """Where it begins, in characters from 0."""
    end: int
    handling: Handling
    what: str


class SearchAnswer(Model):
    """What was found."""

    hits: tuple[HitTold, ...]
    counted: HowManyTold
    kinds: dict[KindOfObject, HowManyTold]
    """How many of each kind."""
    facets: tuple[FacetTold, ...]
    notes: tuple[NoteTold, ...]
    some_words: bool
    """Nothing has all of the words; these have some."""
    next: str | None = None
    """For the parameter `after` of the next page; missing when there are no further hits."""
    took_ms: float


class SuggestionParameters(Model):
    """A text as far as it has been typed."""

    q: Annotated[Text, Field(max_length=1_000)]
    """The text; what its last word could become is suggested."""
    kind: KindOfObject | None = None
    """What is searched; missing: everything."""
    limit: Annotated[int, Field(ge=1, le=MOST_SUGGESTIONS)] = 10


class SuggestionTold(Model):
    """What the last word could become."""

    what: SuggestionKind
    text: str
    """Takes the place of the last word."""
    label: str
    """For people."""
    kind: str | None = None
    """ICAT's name of what `id` is the id of."""
    id: int | None = None
    unit: str | None = None
    """Of a parameter."""


class Suggestions(Model):
    """Likely ones first."""

    suggestions: tuple[SuggestionTold, ...]


class SimilarParameters(Model):
    """An object."""

    kind: KindOfObject
    id: Id
    limit: Annotated[int, Field(ge=1, le=MOST_SIMILAR)] = 10


class ReasonTold(Model):
    """Why an object has to do with another one."""

    kind: str
    """`words`, `meaning`, or what is the same: `sample`, `keyword`, `person`, `investigation`, `technique`,
    `instrument`."""
    names: tuple[str, ...]
    """The words, or what the same things are called; for `meaning` the closest sentence."""
    more: int
    """Things that are not named."""
    text: str
    """For people."""


class SimilarTold(HitTold):
    """An object that has to do with another one."""

    reasons: tuple[ReasonTold, ...]
    """Why. The `score` follows from them alone."""


class SimilarAnswer(Model):
    """What has to do with an object, what has most to do with it first."""

    hits: tuple[SimilarTold, ...]


class MeaningParameters(Model):
    """A text, in plain words."""

    q: Annotated[Text, Field(min_length=1, max_length=4_000)]
    """What to look for, in a sentence or some words. Signs such as `AND` and `title:` mean nothing here."""
    kind: Kinds = ()
    """Kinds of objects; none: all whose texts are read."""
    limit: Annotated[int, Field(ge=1, le=MOST_SIMILAR)] = 10


class MeantTold(HitTold):
    """An object whose texts mean what was asked for."""

    closeness: float
    """1 is the same."""
    part: str
    """Of what the closest text is: the object itself, or its `Keyword`, `Sample`, `Publication`, `Subject`."""
    text: str
    """The sentence that is closest."""


class MeaningAnswer(Model):
    """What means the same, the closest first."""

    hits: tuple[MeantTold, ...]
    unknown: tuple[str, ...]
    """Words that the model does not understand: they had no say."""
    complete: bool
    """Whether all texts have been read and looked at."""


class FieldsParameters(Model):
    """Which kinds of objects."""

    kind: Kinds = ()
    """None: all."""


class FieldTold(Model):
    """A field that can be asked for."""

    name: str
    """What stands before a colon in a text, and in filters, facets and sorts."""
    label: str
    """For people."""
    holds: Holds
    unit: str | None = None
    several: bool
    """Whether an object may have several."""
    facet: bool
    """Whether it can be counted."""
    sort: bool
    """Whether hits can be sorted by it."""
    searched: bool
    """Whether words without a field are looked for in it."""


class ParameterTold(Model):
    """A parameter that can be asked for, as `name` before a colon or a comparison."""

    name: str
    units: str
    holds: Holds
    description: str | None = None
    kinds: tuple[KindOfObject, ...]
    """What may have it."""


class FieldsAnswer(Model):
    """What can be asked."""

    kinds: dict[KindOfObject, tuple[FieldTold, ...]]
    parameters: tuple[ParameterTold, ...]
    more_parameters: bool
    """There are more than are told here."""
