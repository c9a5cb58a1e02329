"""What is asked, as far as the text and the documents alone say it.

Leaves are predicates of the documents that are asked, and three things that others have to say first: what rows of a
small table are called so (`LookUp`), which parameter types (`OfParameter`), and which documents of another entity match
(`Elsewhere`). `settling` asks them, and makes predicates of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from beamcat.search.language.tree import NOWHERE, Span
from beamcat.search.question import Predicate


class Table(Enum):
    """Small tables whose names are not in documents."""

    FACILITY = "Facility"
    INSTRUMENT = "Instrument"
    FACILITY_CYCLE = "FacilityCycle"
    INVESTIGATION_TYPE = "InvestigationType"
    DATASET_TYPE = "DatasetType"
    DATAFILE_FORMAT = "DatafileFormat"
    SAMPLE_TYPE = "SampleType"
    TECHNIQUE = "Technique"
    """A technique is also found by what those above it are called."""
    PARAMETER_TYPE = "ParameterType"
    PUBLICATION_TYPE = "DataPublicationType"
    INVESTIGATION_OF_USER = "InvestigationUser"
    """Investigations by `User.name`, compared as it is: of their users, and at instruments of which the user is a
    scientist."""
    INVESTIGATION_OF_PERSON = "User"
    """Investigations by `fullName`, or `orcidId`, of one of their users."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """All of a name is this, without regard to case and accents."""

    text: str


@dataclass(frozen=True, slots=True)
class Together:
    """A name holds these words one after the other."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """All of a name is of this pattern: `*` is any characters, `?` one, a backslash makes the next one itself.

    Without regard to case and accents, unless `case` counts, as in units: `mT` is not `MT`.
    """

    pattern: str
    case: bool = False


@dataclass(frozen=True, slots=True)
class WordsLike:
    """A name holds words of each of these patterns; `*` and `?` as in `question.WordLike`."""

    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordSimilar:
    """A name holds a word that differs in at most so many letters."""

    word: str
    edits: int


NameTest = Exactly | Together | Like | WordsLike | WordSimilar
"""What a name has to be; `naming.fits` says whether one is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows of a table are called so.

    `member` is the one to look at (`name`, `fullName`, `pid`, `id` of a row ...); none: all by which people know it.
    """

    table: Table
    test: NameTest
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Documents as they are."""

    predicate: Predicate


@dataclass(frozen=True, slots=True)
class LookUp:
    """The ID field holds one of the rows that are called so."""

    field: str
    asked: Asked
    span: Span = dataclasses.field(default=NOWHERE, compare=False, repr=False)
    alternative: bool = False
    """Whether it is one meaning of a word among others: that nothing is called so need not be told."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The ID field holds the id of one of the documents of `entity` that match.

    With `theirs`, it holds one of the ids in that field of theirs.
    """

    field: str
    entity: str
    part: Meaning
    theirs: str | None = None
    span: Span = dataclasses.field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NumberTest:
    """A number between these, in the unit; none: in whichever unit values have, or open."""

    low: float | None
    high: float | None
    includes_low: bool = True
    includes_high: bool = True
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class MomentTest:
    """A moment between these, in milliseconds since 1970."""

    low: int | None
    high: int | None
    includes_low: bool = True
    includes_high: bool = True


@dataclass(frozen=True, slots=True)
class OfParameter:
    """A parameter whose type is called so has a value that passes the test for its kind: number, moment, or text.

    One that has no test for its kind does not match. No tests at all: it has any value. `units` are those of the
    type, as text. If there is no type of that name: `otherwise`, or, if that is none, nothing.
    """

    name: NameTest
    number: NumberTest | None = None
    moment: MomentTest | None = None
    text: NameTest | None = None
    units: NameTest | None = None
    otherwise: Meaning | None = None
    needed: bool = False
    """Whether it is an error that there is no such type, or that the unit does not fit."""
    written: str = ""
    """The name as it was written."""
    span: Span = dataclasses.field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class All:
    """All of them."""

    parts: tuple[Meaning, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one of them."""

    parts: tuple[Meaning, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """What the part is not."""

    part: Meaning


@dataclass(frozen=True, slots=True)
class Weighing:
    """The part counts so many times as much."""

    part: Meaning
    factor: float


Meaning = Ask | LookUp | Elsewhere | OfParameter | All | Any | Without | Weighing


class Handling(Enum):
    """What became of a piece of text."""

    FIELD = "field"
    """A condition on one field."""
    PARAMETER = "parameter"
    """A condition on a parameter."""
    LOOKED_UP = "looked up"
    """Found to be the name of something."""
    SYNONYM = "synonym"
    """Looked for under other names too."""
    NOTHING = "nothing"
    """There is no such thing: nothing can match."""
    IGNORED = "ignored"
    """Left out."""


@dataclass(frozen=True, slots=True)
class Note:
    """What became of a piece of the text, for people: `piece` is the text, `what` says it in words."""

    handling: Handling
    span: Span
    piece: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, understood as far as it goes without asking anybody."""

    meaning: Meaning
    notes: tuple[Note, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """A text as a question's `match`, and what became of its pieces."""

    predicate: Predicate
    notes: Sequence[Note] = ()
