"""What a client downloads: one file as it is, or an archive; the same bytes and the same tag every time."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Protocol

from beamcat.store.archives.archive import Measured
from beamcat.store.crcs import learn_needed
from beamcat.store.frozen import Run
from beamcat.store.sending import Learned, LoadFrozen, Sender, Source
from beamcat.store.storage.contract import Stat


class Download(Protocol):
    """Bytes that can be had from any of them on."""

    @property
    def size(self) -> int:
        """Its bytes."""
        ...

    @property
    def etag(self) -> str:
        """A strong entity tag, with its quotes."""
        ...

    @property
    def modified(self) -> datetime:
        """When the newest of its files was changed."""
        ...

    @property
    def name(self) -> str:
        """What to call it when nobody says otherwise; empty for an archive."""
        ...

    @property
    def suffix(self) -> str:
        """What its name ends with; empty for a file as it is."""
        ...

    def sources(self, sender: Sender, first: int, stop: int) -> AsyncIterator[Source]:
        """Where the bytes from `first` up to `stop` come from."""
        ...

    def pieces(self, sender: Sender, first: int, stop: int) -> AsyncIterator[bytes]:
        """These bytes, as the sender paces them."""
        ...


@dataclass(frozen=True, slots=True)
class FileDownload:
    """One file as it is."""

    location: str
    stat: Stat
    modified: datetime
    name: str
    suffix: str = ""

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.stat.size

    @property
    def etag(self) -> str:
        """Follows from what the storage says of the version of the bytes."""
        said = f"{self.stat.size} {self.stat.etag}".encode()
        return f'"f1-{base64.b32encode(hashlib.sha256(said).digest()[:20]).decode("ascii").lower()}"'

    def sources(self, sender: Sender, first: int, stop: int) -> AsyncIterator[Source]:
        """Where bytes of the file come from."""
        return sender.file_sources(self.location, self.stat, first, stop)

    def pieces(self, sender: Sender, first: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes of the file."""
        return sender.paced(self.sources(sender, first, stop))


@dataclass(frozen=True, slots=True)
class ArchiveDownload:
    """An archive that is never built."""

    archive: Measured
    load: LoadFrozen
    modified: datetime
    learned: Learned
    name: str = ""

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.archive.size

    @property
    def etag(self) -> str:
        """Follows from its entries."""
        return self.archive.etag

    @property
    def suffix(self) -> str:
        """`.zip` or `.tar`."""
        return self.archive.layout.suffix

    async def sources(self, sender: Sender, first: int, stop: int) -> AsyncIterator[Source]:
        """Where bytes of the archive come from."""
        await learn_needed(self.archive, self.load, sender, (first, stop), self.learned)
        async for source in sender.archive_sources(self.archive, self.load, first, stop, self.learned):
            yield source

    def pieces(self, sender: Sender, first: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes of the archive."""
        return sender.paced(self.sources(sender, first, stop))


def file_of(run: Run, place: int) -> FileDownload:
    """One file of a run that has been looked at."""
    entries = run.entries
    etag = entries.etags[place].decode()
    name = PurePosixPath(entries.names[place].decode()).name
    stat = Stat(int(entries.sizes[place]), 0, etag)
    return FileDownload(run.locations[place], stat, moment(int(entries.times[place])), name)


def moment(seconds: int) -> datetime:
    """A time of a file; one that no calendar holds is the nearest that does."""
    return datetime.fromtimestamp(min(max(seconds, 0), 253_402_300_799), UTC)
