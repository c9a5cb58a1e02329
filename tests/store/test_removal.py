"""Deletions that are cut off: what the catalogue has no longer goes from the storage, too, and nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beamcat.access.caller import Caller
from beamcat.catalogue.catalogue import Catalogue
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.digests.table import DigestTable
from beamcat.store.removal import Removal
from beamcat.store.selection import Selections, Terms, Wanted
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.units.locks import Busy, Locks
from tests.catalogue.site import Site
from tests.store.test_freezing import make

ANN = Caller("simple/ann", root=True)


class Killed(BaseException):
    """In place of SIGKILL."""


@dataclass
class Rig:
    """A dataset of three files."""

    site: Site
    dataset: int
    base: Path
    storage: PosixStorage

    def worker(self) -> Removal:
        """What a worker deletes with."""
        database = self.site.database
        catalogue = Catalogue(database, self.site.rulebooks, Settings())
        selections = Selections(database, self.site.rulebooks, Terms())
        digests = DigestTable(database, "main")
        return Removal(database, selections, catalogue, self.storage, digests, locks=Locks(database))

    async def ids(self) -> dict[str, int]:
        return dict(await self.site.rows("SELECT name, id FROM datafile"))

    def held(self) -> set[str]:
        return {path.name for path in self.base.iterdir() if path.is_file()}


@pytest.fixture
async def rig(database: Database, tmp_path: Path) -> AsyncIterator[Rig]:
    names = ["one", "two", "three"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    site = Site(database)
    made = Rig(site, await make(site, [(name, name) for name in names]), tmp_path, PosixStorage(tmp_path))
    yield made
    made.storage.close()


async def removals(rig: Rig) -> int:
    return int(await rig.site.value("SELECT count(*) FROM removal"))


async def cut_off(rig: Rig, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, wanted: Wanted) -> None:
    """Delete, and die before this call; the locks of the dead are over."""

    async def killed(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(owner, name, killed)
    with pytest.raises(Killed):
        await rig.worker().remove(ANN, wanted)
    monkeypatch.undo()
    await rig.site.rows("DELETE FROM unit_lock RETURNING 1")


async def test_nothing_is_left_of_what_was_deleted(rig: Rig) -> None:
    ids = await rig.ids()
    await rig.worker().remove(ANN, Wanted(datafiles=(ids["one"],)))
    assert rig.held() == {"two", "three"}
    assert await removals(rig) == 0
    assert await rig.worker().finish_cut_off() == 0


async def test_another_worker_finishes_a_deletion(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await rig.ids()
    await cut_off(rig, monkeypatch, rig.storage, "delete", Wanted(datafiles=(ids["one"], ids["two"])))
    assert rig.held() == {"one", "two", "three"}
    assert (await rig.ids()).keys() == {"three"}
    assert await rig.worker().finish_cut_off() == 2
    assert rig.held() == {"three"}
    assert await removals(rig) == 0


async def test_what_was_not_deleted_yet_stays(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await rig.ids()
    await cut_off(rig, monkeypatch, Catalogue, "delete", Wanted(datafiles=(ids["one"],)))
    assert await rig.worker().finish_cut_off() == 0
    assert rig.held() == {"one", "two", "three"}
    assert await removals(rig) == 1, "the database may still be about to delete it"
    await rig.site.rows("UPDATE removal SET since = now() - interval '2 hours' RETURNING 1")
    assert await rig.worker().finish_cut_off() == 0
    assert await removals(rig) == 0


async def test_bytes_that_another_datafile_has_since_stay(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await rig.ids()
    await cut_off(rig, monkeypatch, rig.storage, "delete", Wanted(datafiles=(ids["one"],)))
    await rig.site.rows("UPDATE datafile SET location = 'one' WHERE name = 'two' RETURNING 1")
    assert await rig.worker().finish_cut_off() == 1
    assert rig.held() == {"one", "two", "three"}


async def test_bytes_that_are_being_stored_anew_stay(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await rig.ids()
    await cut_off(rig, monkeypatch, rig.storage, "delete", Wanted(datafiles=(ids["one"],)))
    await rig.site.rows(
        "INSERT INTO upload_journal (id, waits, location, until)"
        " VALUES (gen_random_uuid(), false, 'one', now() + interval '1 min') RETURNING 1"
    )
    assert await rig.worker().finish_cut_off() == 1
    assert "one" in rig.held()


async def test_a_deletion_that_goes_on_is_left_alone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await rig.ids()
    delete = rig.storage.delete
    finished = []

    async def while_others_look(locations: list[str]) -> None:
        finished.append(await rig.worker().finish_cut_off())
        await delete(locations)

    monkeypatch.setattr(rig.storage, "delete", while_others_look)
    await rig.worker().remove(ANN, Wanted(datafiles=(ids["one"],)))
    assert finished == [0]
    assert rig.held() == {"two", "three"}


async def test_nothing_is_deleted_that_somebody_reads(rig: Rig) -> None:
    reader = Locks(rig.site.database)
    held = await reader.share([rig.dataset])
    with pytest.raises(Busy):
        await rig.worker().remove(ANN, Wanted(datasets=(rig.dataset,)))
    assert len(await rig.ids()) == 3
    await reader.leave(held)
    await rig.worker().remove(ANN, Wanted(datasets=(rig.dataset,)))
    assert rig.held() == set()
