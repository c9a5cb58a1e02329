"""What a question is answered with, before a door gives it its protocol's form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from beamcat.model import BASE_ATTRIBUTES, Attribute, Entity, Kind

Value = str | int | float | bool | None
"""A plain value as it comes from the database. Moments are int microseconds since 2000-01-01 UTC: see
`database.instants`."""


def stored_attributes(entity: Entity) -> tuple[Attribute, ...]:
    """The attributes of a `Record`'s values, in their order: the base attributes, then the others by name."""
    return (*BASE_ATTRIBUTES, *entity.attributes)


@dataclass(slots=True)
class Record:
    """One object: its attribute values in the order of `stored_attributes`, and what was included with it.

    Behind those values there may be further ones, the foreign keys that led to what was included: ignore them.

    `related` holds a `Record` per included to-one relation that is set and readable, and a list per included
    to-many relation. A relation that is not there was not included.
    """

    entity: Entity
    values: Sequence[Value]
    related: dict[str, Record | list[Record]] = field(default_factory=dict)

    @property
    def id(self) -> int:
        """The object's id."""
        identifier = self.values[0]
        assert isinstance(identifier, int)
        return identifier


Cell = Value | Record


@dataclass(frozen=True, slots=True)
class Column:
    """One SELECT expression: the entity it yields, or the kind of its values (None: always null)."""

    entity: Entity | None
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a search, as many cells each as there are columns."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
