"""Files of a storage for the tests of digests, and their digests by the standard library."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from beamcat.store.digests.values import FileVersion
from beamcat.store.storage.contract import MainStorage, Stat
from beamcat.store.storage.posix import PosixStorage


async def versions(storage: MainStorage, *locations: str) -> list[FileVersion]:
    """What lies at these locations now."""
    stats = await storage.stat(locations)
    return [FileVersion.of(at, stat) for at, stat in zip(locations, stats, strict=True) if stat is not None]


def write(base: Path, location: str, data: bytes) -> str:
    """Put a file where an instrument would; its location."""
    path = base / location
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return location


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def crc32(data: bytes) -> int:
    return zlib.crc32(data)


class ObservedStorage(PosixStorage):
    """Knows which files were read, and makes the one at `changing` another one before it is looked at again."""

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        self.read_files: list[str] = []
        self.changing = ""

    def open(self, location: str) -> tuple[int, Stat]:
        self.read_files.append(location)
        return super().open(location)

    async def stat(self, locations: Sequence[str]) -> list[Stat | None]:
        if self.changing in locations and self.changing in self.read_files:
            path = self.local_path(self.changing)
            path.write_bytes(path.read_bytes() + b"more")
        return await super().stat(locations)


class RemoteStorage(ObservedStorage):
    """One whose files cannot be opened. Reads of files in `held` wait."""

    open = None  # type: ignore[assignment]

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        self.at_once = self.most_at_once = 0
        self.held: dict[str, asyncio.Event] = {}

    async def read(self, location: str, first: int, stop: int) -> AsyncIterator[bytes]:
        self.read_files.append(location)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if location in self.held:
                await self.held[location].wait()
            async for piece in super().read(location, first, stop):
                yield piece
        finally:
            self.at_once -= 1
