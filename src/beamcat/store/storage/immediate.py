"""An archive whose units can be read at once: any main storage, such as a directory on slow disks or a bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from beamcat.store.storage.contract import LeavesUnfinished, MainStorage, NoSuchData, Pieces, Recall


class ImmediateArchive:
    """An `ArchiveStorage` in a `MainStorage`, in which units are files of their name."""

    def __init__(self, storage: MainStorage) -> None:
        self._storage = storage

    def close(self) -> None:
        """Let go of what the storage holds."""
        self._storage.close()

    async def put(self, unit: str, pieces: Pieces, size: int | None = None) -> None:
        """Store a unit."""
        await self._storage.put_at(unit, pieces, size)

    async def request(self, units: Sequence[str]) -> None:
        """Nothing has to be done, but names are looked at."""
        await self._storage.stat(units)

    async def ready(self, units: Sequence[str]) -> Recall:
        """Every unit is ready, or not there."""
        known = await self._storage.stat(units)
        return Recall({}, {unit: "it is not there" for unit, stat in zip(units, known, strict=True) if stat is None})

    async def read(self, unit: str) -> AsyncIterator[bytes]:
        """The bytes of a unit."""
        [known] = await self._storage.stat([unit])
        if known is None:
            raise NoSuchData(unit)
        async for piece in self._storage.read(unit, 0, known.size):
            yield piece

    async def release(self, units: Sequence[str]) -> None:
        """Nothing has to be done."""

    async def delete(self, units: Sequence[str]) -> None:
        """Remove units."""
        await self._storage.delete(units)

    async def forget_unfinished(self, older_than: float) -> int:
        """Remove what writers that died have left, if the storage keeps such."""
        if isinstance(self._storage, LeavesUnfinished):
            return await self._storage.forget_unfinished(older_than)
        return 0
