"""Units as the queue knows them: which, what a worker is to do to them, and how that has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from beamcat.store.units.transitions import Kind, Operation

LEASE_S = 60.0
"""How long an operation belongs to a worker that is not heard of any more."""


@dataclass(frozen=True, slots=True)
class Units:
    """Some units: their ids and those of the datasets they are or lie in.

    Of units that are gone from the catalogue, `copies` are the names in the archive.
    """

    ids: Sequence[int]
    datasets: Sequence[int]
    copies: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, ids: Sequence[int]) -> Units:
        """Those with these ids."""
        places = dict(zip(self.ids, self.datasets, strict=True))
        return Units(ids, [places[each] for each in ids])


@dataclass(frozen=True, slots=True)
class Gone:
    """A datafile that the catalogue has no longer, and where its bytes were."""

    id: int
    dataset_id: int
    location: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A unit that a worker has taken, and what it is to do."""

    id: int
    dataset_id: int
    operation: Operation
    ticket: UUID
    attempts: int
    online: bool | None
    marked: bool
    copy: str | None
    copied: bytes | None
    attempt: str | None
    leaving: bytes | None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation has left a unit. `attempt` names a copy that is still to be removed from the archive."""

    unit: Taken
    online: bool | None
    copy: str | None = None
    copied: bytes | None = None
    attempt: str | None = None
    size: int | None = None
    failure: str | None = None
    problem: str | None = None
    lacking: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """How the queue is kept: delays before writes, and how many restores run at a time, for all and for one user.

    Restores leave `keep_free` bytes of the main storage, and fail after the `deadline`.
    """

    kind: Kind = "dataset"
    dataset_writes: timedelta = timedelta(seconds=60)
    datafile_operations: timedelta = timedelta(seconds=60)
    restores_at_once: int = 100
    restores_per_user: int = 50
    restore_bytes_at_once: int | None = None
    keep_free: int = 0
    deadline: timedelta | None = None
    lease: timedelta = timedelta(seconds=LEASE_S)
    retry: timedelta = timedelta(seconds=60)
