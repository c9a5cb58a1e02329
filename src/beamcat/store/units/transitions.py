"""What becomes of a request for a unit that has one already (data service specification, A.8, the queue tables).

A unit has at most one request in the queue. A cell that is missing from a table means that the request is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Kind = Literal["dataset", "datafile"]
"""What the units are."""


class Operation(StrEnum):
    """What can be done to a unit."""

    WRITE = "WRITE"
    """Copy it to the archive."""
    ARCHIVE = "ARCHIVE"
    """Remove it from the main storage."""
    RESTORE = "RESTORE"
    """Bring it back to the main storage."""
    DELETE = "DELETE"
    """Remove it from the archive; for datafiles only."""
    WRITE_THEN_ARCHIVE = "WRITE_THEN_ARCHIVE"
    """Both, in that order."""


WRITE, ARCHIVE, RESTORE, DELETE, WRITE_THEN_ARCHIVE = Operation

REQUESTS: Mapping[Kind, tuple[Operation, ...]] = {
    "dataset": (WRITE, ARCHIVE, RESTORE),
    "datafile": (WRITE, ARCHIVE, RESTORE, DELETE),
}
"""What can be asked for."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a request leads to: what is queued from then on, and whether it marks the unit and begins its delay."""

    queued: Operation | None
    marks: bool = False
    delays: bool = False


_MARKED = Change(WRITE, marks=True, delays=True)
_MARKED_THEN_ARCHIVE = Change(WRITE_THEN_ARCHIVE, marks=True, delays=True)

CHANGES: Mapping[Kind, Mapping[tuple[Operation | None, Operation], Change]] = {
    "dataset": {
        (None, WRITE): _MARKED,
        (None, ARCHIVE): Change(ARCHIVE),
        (None, RESTORE): Change(RESTORE),
        (ARCHIVE, WRITE): _MARKED_THEN_ARCHIVE,
        (ARCHIVE, RESTORE): Change(RESTORE),
        (RESTORE, WRITE): _MARKED,
        (RESTORE, ARCHIVE): Change(ARCHIVE),
        (WRITE, WRITE): _MARKED,
        (WRITE, ARCHIVE): Change(WRITE_THEN_ARCHIVE),
        (WRITE_THEN_ARCHIVE, WRITE): _MARKED_THEN_ARCHIVE,
        (WRITE_THEN_ARCHIVE, RESTORE): Change(WRITE),
    },
    "datafile": {
        (None, WRITE): Change(WRITE, marks=True),
        (None, ARCHIVE): Change(ARCHIVE),
        (None, RESTORE): Change(RESTORE),
        (None, DELETE): Change(DELETE),
        # [Q] ids.server ignores it, and the write is lost
        (ARCHIVE, WRITE): Change(WRITE_THEN_ARCHIVE, marks=True),
        # of a unit that is in the main storage; for any other the queue makes it a RESTORE
        (ARCHIVE, RESTORE): Change(None),
        (ARCHIVE, DELETE): Change(DELETE),
        (RESTORE, ARCHIVE): Change(ARCHIVE),
        (RESTORE, DELETE): Change(DELETE),
        (WRITE, ARCHIVE): Change(WRITE_THEN_ARCHIVE),
        # [Q] ids.server removes it from the queue, and the copy of an earlier write stays in the archive for ever
        (WRITE, DELETE): Change(DELETE),
        (WRITE_THEN_ARCHIVE, RESTORE): Change(WRITE),
        (WRITE_THEN_ARCHIVE, DELETE): Change(DELETE),
    },
}
"""(what is queued, what is asked for) -> what happens."""


def change(kind: Kind, queued: Operation | None, asked: Operation) -> Change:
    """What a request does to a unit with that request in the queue."""
    return CHANGES[kind].get((queued, asked), Change(queued))
