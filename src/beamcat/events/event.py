"""One event: what a transaction did to objects of one entity in one go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from beamcat.database.outbox import ChangeKind, Origin

COLUMNS = "position, at, user_name, request_id, entity, operation, origin, ids, former"
"""The columns of `event` from which `event_of` makes an event."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a user did to objects of one entity, and when.

    Positions grow in the order in which transactions were committed, with gaps. `request_id` is that of the log; `-`
    outside of requests. `ids` are ranges, first and last id, ascending: one event may stand for very many objects.
    `former` says in the same way what objects belonged to, by entity, that were deleted or moved elsewhere; what was
    deleted together with them may be missing, and an entity without ids says that they had none of it before.
    """

    position: int
    at: datetime
    user: str
    request_id: str
    entity: str
    operation: ChangeKind
    origin: Origin
    ids: tuple[tuple[int, int], ...]
    former: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def each_id(self) -> Iterator[int]:
        """The ids one by one, ascending."""
        for first, last in self.ids:
            yield from range(first, last + 1)

    @property
    def count(self) -> int:
        """How many objects there are."""
        return sum(last - first + 1 for first, last in self.ids)


def event_of(row: tuple[Any, ...]) -> Event:
    """The event in a row with these `COLUMNS`, read by a text cursor."""
    position, at, user, request_id, entity, operation, origin, ids, former = row
    ranges = tuple((each.lower, each.upper - 1) for each in ids)
    before = {name: tuple((first, last) for first, last in told) for name, told in (former or {}).items()}
    return Event(position, at, user, request_id, entity, ChangeKind(operation), Origin(origin), ranges, before)
