"""How an object becomes a row of its table, and what makes a row invalid.

This runs once per created object: everything that depends on the entity alone is worked out beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, cast

from beamcat.catalogue.drafts import Draft, Value
from beamcat.database.naming import column_name
from beamcat.errors import BadParameter, BeamcatError, ValidationFailed
from beamcat.model import BASE_ATTRIBUTES, Attribute, Entity, Kind, ToOne

Row = list[Any]
"""The cells of an object in the order of its shape's columns."""

MAINTAINED = {"Dataset": ("fileCount", "fileSize"), "Investigation": ("fileCount", "fileSize")}
"""The counters that the database keeps, when it is told to."""

COPIED_COLUMNS = {"Datafile": "investigation_id"}
"""Columns beyond the model, filled from an object's parent."""


class RowShape:
    """The columns of one entity and how a draft fills them.

    `columns`: the base attributes, the other attributes, the relations, then what clients do not see. `position`
    finds the cell of a member (or of a hidden attribute) by its name.
    """

    def __init__(self, entity: Entity) -> None:
        stored: list[Attribute | ToOne] = [*BASE_ATTRIBUTES, *entity.attributes, *entity.to_one, *entity.hidden]
        self.entity = entity
        self.columns = tuple(map(column_name, stored))
        self.position = {member.name: place for place, member in enumerate(stored)}
        self._attributes = tuple((a.name, a.default) for a in entity.attributes)
        self._relations = tuple(relation.name for relation in entity.to_one)
        self._unseen: tuple[Value, ...] = tuple(a.default for a in entity.hidden)
        if entity.name in COPIED_COLUMNS:
            self.columns += (COPIED_COLUMNS[entity.name],)
            self._unseen += (None,)
        self._flags = self._places(Kind.BOOLEAN)
        self._moments = self._places(Kind.DATETIME)
        self._doubles = self._places(Kind.DOUBLE)
        self._maintained = tuple(self.position[name] for name in MAINTAINED.get(entity.name, ()))
        required: list[Attribute | ToOne] = [m for m in stored if m.required and m.name in entity.members]
        self._required = sorted((m.name, self.position[m.name]) for m in required)
        self._lengths = sorted(
            (a.name, self.position[a.name], a.length) for a in entity.attributes if a.length is not None
        )
        self._enums = tuple((a, self.position[a.name]) for a in entity.attributes if a.enumeration is not None)
        self.required_cells = _cells_at([place for _, place in self._required])
        self.key_of = _cells_at([self.position[name] for name in entity.unique])

    def _places(self, kind: Kind) -> tuple[int, ...]:
        return tuple(self.position[a.name] for a in self.entity.attributes if a.kind is kind)

    def row(self, identifier: int, user: str, now: datetime, draft: Draft, *, counts_maintained: bool) -> Row:
        """The row of a new object. What the draft does not name has its default; an explicit null stays null."""
        value = draft.values.get
        reference = draft.to_one.get
        cells: Row = [identifier, user, now, user, now, *[value(name, default) for name, default in self._attributes]]
        for name in self._relations:
            target = reference(name)
            cells.append(None if target is None else target.id)
        cells += self._unseen
        for place in self._flags:
            cells[place] = bool(cells[place])
        for place in self._moments:
            if cells[place] is not None:
                cells[place] = to_the_millisecond(cells[place])
        for place in self._doubles:
            if cells[place] is not None:
                cells[place] = float(cells[place])
        if counts_maintained:
            for place in self._maintained:
                cells[place] = 0
        return cells

    def problem(self, row: Row) -> BeamcatError | None:
        """What is wrong with the values of a row; None when nothing is.

        The first field that must not be null, else the first that is too long, in alphabetical order (section F.1).
        """
        if None in self.required_cells(row):
            return must_not_be_null(self.entity, next(name for name, place in self._required if row[place] is None))
        for name, place, length in self._lengths:
            value = row[place]
            if value is not None and len(value) > length:
                return too_long(self.entity, name, length)
        for attribute, place in self._enums:
            if not is_enumerated(attribute, row[place]):
                return not_enumerated(self.entity, attribute)
        return None


@cache
def shape_of(entity: Entity) -> RowShape:
    """The shape of the rows of an entity."""
    return RowShape(entity)


def _cells_at(places: Sequence[int]) -> Callable[[Row], tuple[Any, ...]]:
    """Takes the cells at these places out of a row, as a tuple however many they are."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: tuple([row[place] for place in places])


def normalised(attribute: Attribute, value: Any) -> Value:
    """A value as it is stored: a flag is never null, a moment has whole milliseconds."""
    if attribute.kind is Kind.BOOLEAN:
        return bool(value)
    if value is None:
        return None
    if attribute.kind is Kind.DATETIME:
        return to_the_millisecond(value)
    return float(value) if attribute.kind is Kind.DOUBLE else cast(Value, value)


def to_the_millisecond(moment: datetime) -> datetime:
    """The moment cut to the millisecond: the database would round it."""
    excess = moment.microsecond % 1000
    return moment.replace(microsecond=moment.microsecond - excess) if excess else moment


def must_not_be_null(entity: Entity, name: str) -> ValidationFailed:
    """The error for a required member without a value."""
    return ValidationFailed(f"{entity.name}: {name} cannot be null.")


def too_long(entity: Entity, name: str, length: int) -> ValidationFailed:
    """The error for a string of more than `length` characters."""
    return ValidationFailed(f"{entity.name}: {name} cannot have length > {length}")


def is_enumerated(attribute: Attribute, value: object) -> bool:
    """Whether the value is a word of the attribute's enumeration, null, or not bound to one."""
    return value is None or attribute.enumeration is None or value in attribute.enumeration.values


def not_enumerated(entity: Entity, attribute: Attribute) -> BadParameter:
    """The error for a word that is not of the attribute's enumeration."""
    assert attribute.enumeration is not None
    return BadParameter(
        f"Field {attribute.name} must be in [{', '.join(attribute.enumeration.values)}] for {entity.name}"
    )
