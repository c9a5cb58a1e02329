"""Requests to targets as workers know them: which, in what batches, and how these have ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from beamcat.errors import BeamcatError, ErrorKind
from beamcat.store.targets.contract import Order, State


class Lost(BeamcatError):
    """Somebody else works on the request now."""

    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("another worker has taken the request over")


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that this worker has taken, as it was then."""

    id: int
    target: str
    state: str
    ticket: UUID
    prepared: UUID | None
    """The prepared download that its batches are of."""
    problem: str | None


@dataclass(frozen=True, slots=True)
class Ordered:
    """A request with what of it the target is not told. `wanted`: whether its download is still to be brought there."""

    order: Order
    prepared: UUID | None
    target: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Which files a batch holds, and how it is: see the table `target_batch`."""

    number: int
    round: int
    run: int
    place: int
    span: int
    chosen: Sequence[int] | None
    ticket: str | None


@dataclass(frozen=True, slots=True)
class Planning:
    """What is written down of a plan."""

    prepared: UUID
    visit: str | None
    files: int
    size: int
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Replica:
    """A file at a target that it can be read back from."""

    datafile: int
    place: str
    size: int
    version: str
    crc32: int | None
    sha256: bytes | None


@dataclass(frozen=True, slots=True)
class Settled:
    """How a batch has ended. `again` are the datafiles that are tried again; `failed` have names and reasons."""

    part: Part
    state: State
    files_done: int
    bytes_done: int
    again: Sequence[int] = ()
    failed: Sequence[tuple[int, str, str]] = ()
    replicas: Sequence[Replica] = ()
