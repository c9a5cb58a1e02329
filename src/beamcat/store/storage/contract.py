"""What a storage promises (data service specification, section B).

Two sorts of places hold bytes: a main storage, from which they are read, and, where a facility has one, an archive
storage, from which they have to be brought back first. A facility brings its own by an entry point of the group
`beamcat.storage`, chosen by name in the settings; both sorts have contract tests in `beamcat.testing`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

from beamcat.errors import BeamcatError, ErrorKind

Pieces = AsyncIterable[bytes]
"""The bytes of a file, in order, in pieces of any size."""


@dataclass(frozen=True, slots=True)
class DatasetPlace:
    """What a storage is told of a dataset."""

    id: int
    name: str
    location: str | None
    investigation_id: int
    investigation: str
    visit_id: str
    facility_id: int
    facility: str


@dataclass(frozen=True, slots=True)
class Stat:
    """What a storage knows of some bytes. `etag` changes when they do, and is the same on every server."""

    size: int
    modified_ns: int
    etag: str


@dataclass(frozen=True, slots=True)
class Recall:
    """How far the units are that were asked for; those in neither table can be read."""

    waiting: Mapping[str, float | None]
    """Units that cannot be read yet, and the seconds that may take; None when nobody knows."""
    lost: Mapping[str, str]
    """Units that will never come, and why."""


class NoSuchData(BeamcatError):
    """The storage holds nothing at that location."""

    kind = ErrorKind.NOT_FOUND

    def __init__(self, location: str) -> None:
        super().__init__(f"there is no data at {location}")
        self.location = location


class StorageFull(BeamcatError):
    """There is no room for more bytes."""

    kind = ErrorKind.UNAVAILABLE


class MainStorage(Protocol):
    """Where the bytes are that can be read at once.

    A location is text that the storage chose when the bytes were put there, or that whoever catalogued them knew; only
    the storage understands it. It raises `BadParameter` for one it can never hold, such as a path that leads out of
    it, `NoSuchData` for bytes that are not there, `StorageFull`, and `Unavailable` when it does not answer. Every call
    may be repeated.
    """

    async def put(self, dataset: DatasetPlace, name: str, pieces: Pieces, size: int | None = None) -> str:
        """Store the bytes at a new location; that location.

        They are safe on disk when it returns. Nothing is visible before that, and nothing stays when `pieces` raises
        or the call is cancelled. `size` is how many bytes are expected, for storages that plan with it.
        """
        ...

    async def put_at(self, location: str, pieces: Pieces, size: int | None = None) -> None:
        """Store the bytes at a location known beforehand, as `put` does; what was there is replaced at once."""
        ...

    def read(self, location: str, first: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `first` up to `stop`, in pieces of about a mebibyte; fewer where the file ends.

        They are all of one version of the file: `Unavailable` is raised when it is replaced in between.
        """
        ...

    async def stat(self, locations: Sequence[str]) -> list[Stat | None]:
        """What is known of the bytes at each location, in their order; None where there are none."""
        ...

    async def delete(self, locations: Sequence[str]) -> None:
        """Remove bytes; those that are not there are no error."""
        ...

    def local_path(self, location: str) -> Path | None:
        """The file that holds the bytes, for whoever can read it faster; None for a storage that has no files."""
        ...

    def close(self) -> None:
        """Let go of threads and connections; nothing is asked of the storage afterwards."""
        ...


@runtime_checkable
class HasUrls(Protocol):
    """A main storage that clients can read from without Beamcat in between."""

    async def url(self, location: str, lifetime: timedelta) -> str | None:
        """An address from which anybody can read the bytes for so long; None when it hands out none.

        Nobody looks whether there are any: it answers 404 for what is not there.
        """
        ...


@runtime_checkable
class KnowsRoom(Protocol):
    """A main storage that knows how much still goes into it."""

    async def room(self) -> int:
        """Bytes that are free."""
        ...


@runtime_checkable
class ChoosesLocations(Protocol):
    """A main storage that chooses where new files go. For any other one Beamcat does: a path never used before.

    The location is written down before there are bytes, so that a crash leaves none that nobody knows of.
    """

    def new_location(self, dataset: DatasetPlace, name: str) -> str:
        """Where a new file of that name goes: where nothing is. Raises `BadParameter` for a name it refuses."""
        ...


class OpenUpload(Protocol):
    """The bytes of an upload, to be written. Its methods are called one after the other."""

    async def write(self, first: int, data: bytes) -> None:
        """Write bytes, the first of them at that place. What was there is replaced."""
        ...

    async def sync(self) -> None:
        """All that was written is safe on disk when it returns."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


@runtime_checkable
class KeepsUploads(ChoosesLocations, Protocol):
    """A main storage in which the bytes of an upload wait, unseen, until all are there, whichever process brings them.

    An upload is named by a UUID. For storages that do not do this, Beamcat has a directory.
    """

    async def open_upload(self, upload: str) -> OpenUpload:
        """An upload to write to; a new one when there is none of that name."""
        ...

    async def stat_upload(self, upload: str) -> Stat | None:
        """What is known of its bytes, None when there is no such upload. The file it becomes has the same etag."""
        ...

    def read_upload(self, upload: str) -> AsyncIterator[bytes]:
        """Its bytes, in pieces of about a mebibyte."""
        ...

    async def place_upload(self, upload: str, location: str) -> None:
        """Make it a file, at once and safely; until it is forgotten it is there as an upload, too. May be repeated.

        Raises `BadParameter` when there is another file already, and `NoSuchData` without the upload.
        """
        ...

    async def forget_uploads(self, uploads: Sequence[str]) -> None:
        """Remove uploads; those that are not there are no error."""
        ...


@runtime_checkable
class LeavesUnfinished(Protocol):
    """A storage of either sort in which a process that was killed may leave what nobody sees, but what takes room."""

    async def forget_unfinished(self, older_than: float) -> int:
        """Remove such leavings that were last touched before that time (seconds since 1970); how many."""
        ...


class ArchiveStorage(Protocol):
    """Where bytes are safe, but slow to get: tape, usually.

    A unit is named by a relative path of Beamcat's making. Errors are those of a main storage; every call may be
    repeated.
    """

    async def put(self, unit: str, pieces: Pieces, size: int | None = None) -> None:
        """Store a unit, safe when it returns; what was there under its name is replaced at once.

        Nothing changes when `pieces` raises or the call is cancelled.
        """
        ...

    async def request(self, units: Sequence[str]) -> None:
        """Ask for units to be made readable, all in one go where the storage can order them."""
        ...

    async def ready(self, units: Sequence[str]) -> Recall:
        """How far units are. Those that nobody asked for may be waiting for ever."""
        ...

    def read(self, unit: str) -> AsyncIterator[bytes]:
        """The bytes of a unit that is ready; `Unavailable` when it is not, or no longer."""
        ...

    async def release(self, units: Sequence[str]) -> None:
        """Say that units need not be readable any longer, whether they were asked for, are ready, or neither."""
        ...

    async def delete(self, units: Sequence[str]) -> None:
        """Remove units; those that are not there are no error."""
        ...

    def close(self) -> None:
        """Let go of threads and connections; nothing is asked of the storage afterwards."""
        ...


@runtime_checkable
class HasVolumes(Protocol):
    """An archive storage that knows which units lie on the same tape, so that they are asked for together."""

    async def volumes(self, units: Sequence[str]) -> list[str | None]:
        """The volume of each unit, in their order; None where it is not known."""
        ...
