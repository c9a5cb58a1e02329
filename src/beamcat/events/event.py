"""One event: what a transaction did to objects of one entity in one go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from beamcat.database.outbox import ChangeKind, Origin

COLUMNS = "position, at, user_name, request_id, entity, operation, origin, ids"
"""The columns of `event` from which `event_of` makes an event."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a user did to objects of one entity, and when.

    Positions grow in the order in which transactions were committed, with gaps. `request_id` is that of the log; `-`
    outside of requests. `ids` are ranges, first and last id, ascending: one event may stand for very many objects.
    """

    position: int
    at: datetime
    user: str
    request_id: str
    entity: str
    operation: ChangeKind
    origin: Origin
    ids: tuple[tuple[int, int], ...]

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
    position, at, user, request_id, entity, operation, origin, ids = row
    ranges = tuple((each.lower, each.upper - 1) for each in ids)
    return Event(position, at, user, request_id, entity, ChangeKind(operation), Origin(origin), ranges)
