"""The words in which the model is declared.

An entity has attributes and relations. A relation is declared once, on the side that holds the foreign
key (`to_one`), together with the name its other end has on the target (`inverse`); the to-many member
is derived from it. Names are those that ICAT clients see (ICAT schema 6.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What an attribute holds."""

    STRING = "string"
    LONG = "long"
    INTEGER = "integer"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    ENUM = "enum"


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A closed set of names, such as `StudyStatus`."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A plain value of an entity.

    `length` is the most characters a string may have. `default` is the value when the client gives none.
    `hidden` attributes may be used in conditions but are never shown (the compiled columns of `Rule`).
    """

    name: str
    kind: Kind
    required: bool = False
    length: int | None = None
    default: int | bool | None = None
    enumeration: Enumeration | None = None
    comment: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class ToOne:
    """A relation to one entity, kept as a foreign key. `inverse` is its to-many end on the target."""

    name: str
    target: str
    inverse: str
    required: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ToMany:
    """The derived other end of a `ToOne`: all `target` entities whose relation `by` points here."""

    name: str
    target: str
    by: str
    comment: str = ""


Member = Attribute | ToOne | ToMany
Relation = ToOne | ToMany


@dataclass(frozen=True, slots=True)
class Declaration:
    """An entity as written down: its own members, and the constraint that identifies it."""

    name: str
    comment: str
    members: tuple[Attribute | ToOne, ...]
    unique: tuple[str, ...]
    parameter_of: str | None
    icat: bool


def entity(
    name: str,
    comment: str,
    *members: Attribute | ToOne,
    unique: tuple[str, ...] = (),
    parameter_of: str | None = None,
    icat: bool = True,
) -> Declaration:
    """Declare an entity.

    `unique` names the members that identify it, in the order in which ICAT reports them. `parameter_of` names
    the to-one relation to the owner when the entity is one of the parameter entities. With `icat=False` the
    entity is Beamcat's own and ICAT clients never see it.
    """
    return Declaration(name, comment, members, unique, parameter_of, icat)


def text(name: str, length: int = 255, *, required: bool = False, comment: str = "", hidden: bool = False) -> Attribute:
    """A string of at most `length` characters."""
    return Attribute(name, Kind.STRING, required, length, comment=comment, hidden=hidden)


def long(name: str, *, default: int | None = None, comment: str = "") -> Attribute:
    """A 64-bit integer."""
    return Attribute(name, Kind.LONG, default=default, comment=comment)


def integer(name: str, *, comment: str = "") -> Attribute:
    """A 32-bit integer."""
    return Attribute(name, Kind.INTEGER, comment=comment)


def double(name: str, *, comment: str = "") -> Attribute:
    """A 64-bit floating point number."""
    return Attribute(name, Kind.DOUBLE, comment=comment)


def flag(name: str, *, required: bool = False, comment: str = "", hidden: bool = False) -> Attribute:
    """A boolean, never null, false unless set. `required` is only what the entity info reports."""
    return Attribute(name, Kind.BOOLEAN, required, default=False, comment=comment, hidden=hidden)


def datetime(name: str, *, required: bool = False, comment: str = "") -> Attribute:
    """A moment, kept in UTC to the millisecond."""
    return Attribute(name, Kind.DATETIME, required, comment=comment)


def one_of(name: str, enumeration: Enumeration, *, required: bool = False, comment: str = "") -> Attribute:
    """A value of an enumeration."""
    return Attribute(name, Kind.ENUM, required, enumeration=enumeration, comment=comment)


def to_one(name: str, target: str, *, inverse: str, required: bool = False, comment: str = "") -> ToOne:
    """A relation to one `target`, whose to-many end is called `inverse`. Deleting the target deletes this entity."""
    return ToOne(name, target, inverse, required, comment)
