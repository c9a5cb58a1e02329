"""What a document consists of: fields, and what can be asked of each kind of them.

A document holds what its own object says, and the *ids* of what that is related to. Names of things of which there are
few (instruments, types, techniques, formats) are looked up when a question is asked and when it is answered: renaming
one changes no document, and a label is shown only to who may read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from beamcat.errors import BadParameter


class Kind(Enum):
    """What a field holds, and so how it is matched, sorted and counted."""

    ID = "id"
    """Integers; one or several. Equality, sets, ranges; sorted by if single; counted."""
    MOMENT = "moment"
    """A moment, in milliseconds since 1970 UTC. Ranges; sorted by; counted in intervals."""
    AMOUNT = "amount"
    """A whole number (size, count). Ranges; sorted by; counted in ranges."""
    WORDS = "words"
    """Text in a human language. Words, phrases, prefixes, patterns, typing errors; ranked; sorted by if declared so."""
    NAME = "name"
    """A short string. What WORDS can, equality of all of it, its beginning, and what it contains; sorted by."""
    CODE = "code"
    """An identifier: a DOI, a visit id. Equality and beginning, without regard to case; sorted by; counted."""
    PATH = "path"
    """A file path. Components from the left, from the right or anywhere; words; what a component contains."""
    NUMBERS = "numbers"
    """Numbers under the ids of parameter types, in the type's own unit: `{"12": 1.5}`. Ranges under one id."""
    STRINGS = "strings"
    """Strings under the ids of parameter types: `{"12": "iron"}`. Equality, words and contents under one id."""
    MOMENTS = "moments"
    """Moments under the ids of parameter types: `{"12": 1400213306000}`. Ranges under one id."""


@dataclass(frozen=True)
class Owner:
    """Whose words a field holds: those in `field` of objects of `entity`, whose ids are in the ID field `by`."""

    by: str
    entity: str
    field: str


@dataclass(frozen=True)
class Field:
    """One field of a document.

    `several` fields hold any number of values and cannot be sorted by. `counted` ones can be facets.
    """

    name: str
    kind: Kind
    several: bool = False
    counted: bool = False
    sorted: bool = False
    """For WORDS of one value: whether hits can be sorted by all of it."""
    weight: float = 1.0
    """How much a match in it counts against the others, when no field was named."""
    ends_in: str | None = None
    """For a PATH: the NAME that its last component usually is. An engine need not hold that twice."""
    owner: Owner | None = None
    """For words of something else that the object belongs to, or has: who may not read that must not find them."""


@dataclass(frozen=True)
class DocumentType:
    """The documents of one entity. Every document has the field `id` beside these.

    A document is a JSON object. Its fields hold one value, or a list of values where there are `several`; a field that
    has none is null or left out. Moments are whole milliseconds since 1970 UTC.
    """

    entity: str
    fields: Mapping[str, Field]
    asked: tuple[str, ...]
    """The fields that text is looked for in when no field was named."""
    large: bool = False
    """Whether there may be billions: its index is divided into shards by investigation."""

    def field(self, name: str, *kinds: Kind) -> Field:
        """The field of that name. Raises `BadParameter` when there is none, or it is of none of these kinds."""
        found = self.fields.get(name)
        if found is None:
            raise BadParameter(f"documents of {self.entity} have no field {name}")
        if kinds and found.kind not in kinds:
            raise BadParameter(f"{name} of {self.entity} cannot be asked for in this way")
        return found

    def kind(self, name: str) -> Kind:
        """What a field holds."""
        return self.field(name).kind
