"""A dataset of three files, with both storages and two workers, for tests that cut them off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from beamcat.config import IdsSettings, Settings, StoreSettings
from beamcat.store.prepared import PreparedDownloads
from beamcat.store.selection import Selections, Terms
from beamcat.store.storage.immediate import ImmediateArchive
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.units.opening import TwoLevelStorage, two_levels
from beamcat.store.units.operations import Moves
from beamcat.store.units.transitions import ARCHIVE, RESTORE, WRITE, Kind, Operation
from beamcat.store.units.values import Taken, Units
from tests.catalogue.site import Site

LEASE_S = 2.0
PATIENCE_S = 15
FILES = {"one": b"1" * 1000, "two": b"2" * 2000, "three": b"3" * 3000}


class Killed(BaseException):
    """In place of SIGKILL: nothing that comes after it is done."""


class Rig:
    """A dataset of three files, with both storages."""

    def __init__(self, site: Site, dataset: int, base: Path, kind: Kind) -> None:
        self.site, self.dataset, self.base, self.kind = site, dataset, base, kind
        self.main = PosixStorage(base / "main")
        self.archive = ImmediateArchive(PosixStorage(base / "archive"))
        self.first, self.second = self.worker(), self.worker()

    def worker(self) -> TwoLevelStorage:
        """Another worker."""
        waits = {"delay_dataset_writes_s": 0, "delay_datafile_operations_s": 0, "recall_poll_s": 0.01, "retry_s": 0.05}
        settings = Settings(
            home=self.base / "home", store=StoreSettings(unit=self.kind), ids=IdsSettings(lease_s=LEASE_S, **waits)
        )
        selections = Selections(self.site.database, self.site.rulebooks, Terms())
        prepared = PreparedDownloads(self.site.database, most=10)
        return two_levels(settings, self.archive, self.main, selections, prepared, database=self.site.database)

    async def units(self) -> Units:
        if self.kind == "dataset":
            return Units([self.dataset], [self.dataset])
        ids = [row[0] for row in await self.site.rows("SELECT id FROM datafile ORDER BY id")]
        return Units(ids, [self.dataset] * len(ids))

    async def ask(self, operation: Operation) -> None:
        await self.first.levels.queue.request(operation, await self.units(), "ann")

    async def finish(self, worker: TwoLevelStorage | None = None) -> None:
        """Do all that is to be done, that of dead workers as well."""
        worker = worker or self.second
        async with asyncio.timeout(PATIENCE_S):
            await self._finish(worker)

    async def _finish(self, worker: TwoLevelStorage) -> None:
        while await self.site.value("SELECT count(*) FROM unit WHERE wanted IS NOT NULL OR running IS NOT NULL"):
            await worker.worker.take_some()
            await worker.worker.idle()
            await asyncio.sleep(0.02)

    async def killed_at(self, operation: Operation, place: Callable[[], None]) -> list[Taken]:
        """Have the first worker do it, and die where `place` puts it."""
        await self.ask(operation)
        units = await self.first.levels.queue.take([operation], 10)
        assert units
        place()
        moves = self.first.worker.moves
        with pytest.raises(Killed):
            await doing(moves, operation)(units)
        await self.forget()
        return units

    async def forget(self) -> None:
        """What a worker is doing is not its own any more."""
        await self.site.rows("UPDATE unit SET until = now() - interval '1 s' WHERE running IS NOT NULL RETURNING 1")

    def held(self, folder: str) -> dict[str, bytes]:
        files = (path for path in (self.base / folder).rglob("*") if path.is_file())
        return {path.name: path.read_bytes() for path in files if ".incoming" not in path.parts}

    async def comes_back(self) -> None:
        await self.ask(RESTORE)
        await self.finish()
        assert self.held("main") == FILES
        assert await self.site.rows("SELECT DISTINCT online, failure FROM unit") == [(True, None)]


def doing(moves: Moves, operation: Operation) -> Callable[[Any], Awaitable[None]]:
    return {WRITE: moves.write, ARCHIVE: moves.archive, RESTORE: moves.restore}[operation]
