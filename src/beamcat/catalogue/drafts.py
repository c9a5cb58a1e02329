"""What a client wants written, in no protocol's words.

Every door decodes its requests to these values and hands them to the `Catalogue`. A member that is not named keeps
its value (REST) or takes its default (SOAP, creation): which of the two is said by the call, not by the draft.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from beamcat.model import Entity

Value = str | int | float | bool | datetime | None
"""A value of an attribute. Moments are aware datetimes, kept to the millisecond. The kind fits the attribute: a door
refuses what does not."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who made and changed an object, and when, as an administrator who moves it from elsewhere says.

    None leaves it to the server: the caller, now. Moments are aware and have whole milliseconds.
    """

    create_id: str | None = None
    create_time: datetime | None = None
    mod_id: str | None = None
    mod_time: datetime | None = None

    def over(self, usual: Sequence[str | datetime]) -> list[str | datetime]:
        """The four values, with the `usual` ones where nothing is said."""
        said = (self.create_id, self.create_time, self.mod_id, self.mod_time)
        return [other if value is None else value for value, other in zip(said, usual, strict=True)]


@dataclass(slots=True)
class Draft:
    """The members somebody gives to one object, by their ICAT names. Treat it as frozen.

    `values` holds attributes, `to_one` references to existing objects (None clears the relation), `to_many` objects
    to create below this one. The server keeps the base attributes, except where a dump is read: then `stamp` has them.
    """

    entity: Entity
    values: dict[str, Value] = field(default_factory=dict)
    to_one: dict[str, Reference | None] = field(default_factory=dict)
    to_many: dict[str, list[Draft]] = field(default_factory=dict)
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """An existing object by its id. With `changes`, that object is itself updated with the members they name."""

    entity: Entity
    id: int
    changes: Draft | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """An existing object, and the members it is to have. `id` None is what a client sent that has none."""

    entity: Entity
    id: int | None
    draft: Draft


Element = Draft | Change
"""One element of a mixed write: an object to create, or a change of an existing one."""


def count_objects(drafts: Sequence[Draft]) -> int:
    """How many objects these drafts create, nested ones counted."""
    count = len(drafts)
    for draft in drafts:
        if draft.to_many:
            for children in draft.to_many.values():
                count += count_objects(children)
    return count


def children(draft: Draft) -> Iterator[Draft]:
    """What this draft creates directly below its object."""
    for below in draft.to_many.values():
        yield from below


def references(draft: Draft) -> Iterator[tuple[str, Reference]]:
    """The relations of this draft (not of nested ones) that point at an object, with their names."""
    for name, reference in draft.to_one.items():
        if reference is not None:
            yield name, reference
