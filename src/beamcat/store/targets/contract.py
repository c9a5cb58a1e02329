"""What a target promises (data service specification, F.4).

A target brings requested data to a place of the facility or of the user: a directory, a bucket, a storage that FTS
reaches. A facility brings its own by an entry point of the group `beamcat.targets`; `beamcat.testing.targets` holds
contract tests.

A request is worked on in batches of files. Everything that has to outlive the process is the text that `begin` returns
for a batch, its ticket: Beamcat keeps it, and asks with it again after a crash. One process at a time works on a
request, but after a crash it begins again where the last one may have been at any line: every call may be repeated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Person:
    """For whom data are requested."""

    name: str
    """As in the catalogue, with the authenticator: `ldap/ann`."""
    full_name: str
    email: str | None
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Order:
    """A request. `id` is that of the download, and never used again."""

    id: int
    person: Person
    facility: str
    visit: str | None
    """The visit that all files are of; None when they are of several, or when that is not known yet."""
    title: str
    """What the user calls it."""
    destination: str | None
    """What the user has chosen, of a target that lets them choose."""
    files: int | None
    """None when it is not known yet."""
    size: int
    """Bytes of all files, by the catalogue."""
    key: str = ""
    """Another one for each time that the request is begun from nothing; it is the same after a crash."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that can be read now."""

    id: int
    """Of the datafile."""
    name: str
    """The relative path it has in the download; no two have the same, and none leads out."""
    location: str
    """In the main storage."""
    size: int
    version: str
    """Changes when the bytes do."""
    path: Path | None
    """The file itself, where the main storage has files here."""
    url: str
    """Its permanent URL."""
    crc32: int | None = None
    adler32: int | None = None
    sha256: bytes | None = None


class Action(StrEnum):
    """How a file gets there."""

    SKIP = "skip"
    """It is there already: these very bytes."""
    LINK = "link"
    COPY = "copy"
    UPLOAD = "upload"
    FTS = "fts"


@dataclass(frozen=True, slots=True)
class Planned:
    """A file, and how it is to get there."""

    file: SourceFile
    action: Action


@dataclass(frozen=True, slots=True)
class Batch:
    """Some files of a request. `round` is 0 at first, and counts how often they are tried again."""

    order: Order
    number: int
    round: int
    files: Callable[[], Awaitable[Sequence[Planned]]]
    """Its files, planned anew at the first call."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A batch that was begun, with its ticket."""

    batch: Batch
    ticket: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken. With `later` it may be taken when it is asked again."""

    reason: str
    later: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A datafile that did not get there. A `final` one is not tried again."""

    datafile: int
    reason: str
    final: bool = False


class State(StrEnum):
    """How a batch is."""

    WORKING = "WORKING"
    DONE = "DONE"
    """Every file is there, or among the failures."""
    FAILED = "FAILED"
    """Nothing more will come of it: what has not got there counts as failed."""
    CANCELED = "CANCELED"
    """Somebody else has stopped it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is. `detail` is a word of the target's own for it."""

    state: State
    files_done: int
    bytes_done: int
    failed: tuple[Failure, ...] = ()
    eta_s: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """How the user gets at the data. `text` is what mails and portals show; without it, the first of the others.

    When it `expires`, the target is asked to remove them; None: they stay.
    """

    url: str | None = None
    path: str | None = None
    endpoint: str | None = None
    token: str | None = None
    expires: datetime | None = None
    text: str | None = None

    @property
    def shown(self) -> str:
        """One line for the user."""
        return self.text or self.url or self.path or self.endpoint or self.token or ""


@dataclass(frozen=True, slots=True)
class Finished:
    """A request whose batches have all ended. `files` are those that are there, some thousand at a time."""

    order: Order
    tickets: Sequence[str]
    files_done: int
    bytes_done: int
    failed: Sequence[Failure]
    """The first ones."""
    failed_count: int
    expires: datetime
    files: Callable[[], AsyncIterator[Sequence[SourceFile]]]


class Target(Protocol):
    """A place to which data are brought.

    It raises `BeamcatError`s: those of the kinds `UNAVAILABLE`, `TIMED_OUT` and `INTERNAL` are taken as passing, and
    the call is repeated later; any other one is the end of the request.
    """

    @property
    def batch_files(self) -> int:
        """Most files of a batch."""
        ...

    async def check(self, order: Order) -> Refusal | None:
        """Whether a request can be taken: is the user known there, is there room? None: it can."""
        ...

    async def plan(self, order: Order, files: Sequence[SourceFile]) -> Sequence[Planned]:
        """What is to be done with each file, in their order."""
        ...

    async def begin(self, batch: Batch) -> str:
        """Have a batch brought there; its ticket, at once. Begun twice, it gets there once."""
        ...

    async def poll(self, begun: Sequence[Begun]) -> Sequence[Progress]:
        """How far batches of one request are, in their order."""
        ...

    async def cancel(self, order: Order, tickets: Sequence[str]) -> None:
        """Stop what is under way. What has got there is removed by `expire`."""
        ...

    async def publish(self, finished: Finished) -> Access:
        """Let the user at the data, and say how."""
        ...

    async def expire(self, order: Order, tickets: Sequence[str]) -> int:
        """Remove what was brought, whole or not, and take access away; how many bytes that freed."""
        ...

    def close(self) -> None:
        """Let go of threads and connections."""
        ...


@runtime_checkable
class WorksHere(Protocol):
    """A target that works in this process, and has to be told when another one goes on with a request."""

    async def let_go(self, order: Order) -> None:
        """Stop working on it here. What has got there stays."""
        ...


@runtime_checkable
class HoldsReplicas(Protocol):
    """A target from which the bytes can be read again, so that nothing has to be recalled from tape for them."""

    def place(self, order: Order, file: SourceFile) -> str:
        """Where a file is there."""
        ...

    async def holds(self, place: str, size: int, version: str) -> bool:
        """Whether it is there still, unchanged."""
        ...

    def read_back(self, place: str, size: int) -> AsyncIterator[bytes]:
        """Its bytes."""
        ...
