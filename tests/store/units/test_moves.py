"""Operations that are cut off at their worst moments, and done again by another worker: every byte is somewhere."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from beamcat.config import IdsSettings, Settings, StoreSettings
from beamcat.database.pool import Database
from beamcat.store.prepared import PreparedDownloads
from beamcat.store.selection import Selections, Terms
from beamcat.store.storage.immediate import ImmediateArchive
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.units.opening import TwoLevelStorage, two_levels
from beamcat.store.units.operations import Moves
from beamcat.store.units.queue import Taken, Units
from beamcat.store.units.transitions import ARCHIVE, RESTORE, WRITE, Kind, Operation
from tests.catalogue.site import Site
from tests.store.test_freezing import make

LEASE_S = 2.0
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
        waits = {"delay_dataset_writes_s": 0, "delay_datafile_operations_s": 0, "recall_poll_s": 0.01}
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


@pytest.fixture(params=["dataset", "datafile"])
async def rig(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    site = Site(database)
    for folder in ("main", "archive"):
        (tmp_path / folder).mkdir()
    for name, content in FILES.items():
        (tmp_path / "main" / name).write_bytes(content)
    made = Rig(site, await make(site, [(name, name) for name in FILES]), tmp_path, request.param)
    yield made
    for worker in (made.first, made.second):
        worker.sender.close()
    made.main.close()
    made.archive.close()


async def archived(rig: Rig) -> None:
    await rig.ask(ARCHIVE)
    await rig.finish()
    assert rig.held("main") == {}


async def test_there_and_back(rig: Rig) -> None:
    await archived(rig)
    await rig.comes_back()
    before = rig.held("archive")
    await archived(rig)
    assert rig.held("archive") == before, "what the archive has is not written again"


async def test_killed_while_files_are_removed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.ask(WRITE)
    await rig.finish()
    delete = rig.main.delete

    async def cut_off(locations: list[str]) -> None:
        await delete(locations[:1])
        monkeypatch.undo()
        raise Killed

    await rig.killed_at(ARCHIVE, lambda: monkeypatch.setattr(rig.main, "delete", cut_off))
    assert len(rig.held("main")) == 2
    await rig.finish()
    assert rig.held("main") == {}
    assert await rig.site.rows("SELECT DISTINCT online, leaving FROM unit") == [(False, None)]
    await rig.comes_back()


async def test_what_is_changed_while_files_are_removed_stays(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.ask(WRITE)
    await rig.finish()

    async def cut_off(_locations: list[str]) -> None:
        monkeypatch.undo()
        raise Killed

    await rig.killed_at(ARCHIVE, lambda: monkeypatch.setattr(rig.main, "delete", cut_off))
    (rig.base / "main" / "two").write_bytes(b"changed since")
    await rig.finish()
    assert rig.held("main") == {"two": b"changed since"}


async def test_killed_after_the_copy_and_before_it_is_written_down(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut_off(_queue: object, _outcomes: object) -> set[int]:
        monkeypatch.undo()
        raise Killed

    queue = type(rig.first.levels.queue)
    await rig.killed_at(WRITE, lambda: monkeypatch.setattr(queue, "done", cut_off))
    await rig.finish()
    assert len(rig.held("archive")) == (1 if rig.kind == "dataset" else 3), "no copy is left behind"
    assert await rig.site.rows("SELECT DISTINCT marked, online FROM unit") == [(False, True)]
    await archived(rig)
    await rig.comes_back()


async def test_killed_while_files_come_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await archived(rig)
    put_at, calls = rig.main.put_at, 0

    async def cut_off(location: str, pieces: Any, size: int | None = None) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            monkeypatch.undo()
            raise Killed
        await put_at(location, pieces, size)

    await rig.killed_at(RESTORE, lambda: monkeypatch.setattr(rig.main, "put_at", cut_off))
    await rig.finish()
    assert rig.held("main") == FILES
    await archived(rig)
    await rig.comes_back()


async def test_a_worker_that_slept_through_its_lease_replaces_nothing(rig: Rig) -> None:
    await rig.ask(WRITE)
    asleep = await rig.first.levels.queue.take([WRITE], 10)
    await rig.forget()
    await rig.finish(rig.second)
    copies = rig.held("archive")
    await rig.first.worker.moves.write(asleep)
    assert rig.held("archive") == copies
    await archived(rig)
    await rig.comes_back()


async def test_a_dataset_without_the_record_of_its_copy_is_found_where_others_put_it(rig: Rig) -> None:
    if rig.kind == "datafile":
        return
    (investigation,) = (await rig.site.rows("SELECT investigation_id FROM dataset"))[0]
    path = rig.base / "archive" / str(investigation) / str(rig.dataset)
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as copy:
        for name, content in FILES.items():
            copy.writestr(f"ids/FAC/inv/1-1/ds/{name}", content)
    for name in FILES:
        (rig.base / "main" / name).unlink()
    await rig.comes_back()
    await archived(rig)
    await rig.comes_back()
