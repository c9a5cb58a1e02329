"""Operations that are cut off at their worst moments, and done again by another worker: every byte is somewhere."""

from __future__ import annotations

import zipfile
from typing import Any

import pytest

from beamcat.store.units.transitions import ARCHIVE, RESTORE, WRITE
from tests.store.units.rig import FILES, Killed, Rig


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


async def test_a_copy_that_was_replaced_goes_even_if_its_worker_does_not_live_to_see_to_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    if rig.kind == "datafile":
        return
    await rig.ask(WRITE)
    await rig.finish()

    async def cut_off(_names: list[str]) -> None:
        monkeypatch.undo()
        raise Killed

    await rig.killed_at(WRITE, lambda: monkeypatch.setattr(rig.archive, "delete", cut_off))
    assert len(rig.held("archive")) == 2
    async with rig.site.database.connection() as connection:
        assert await rig.second.tidier.clean(connection) == 1
        assert await rig.second.tidier.clean(connection) == 0
    assert len(rig.held("archive")) == 1
    await archived(rig)
    await rig.comes_back()


async def test_a_worker_that_was_taken_for_dead_removes_the_copy_it_has_made(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = rig.archive.put

    async def and_sleep(name: str, pieces: Any, size: int | None = None) -> None:
        monkeypatch.undo()
        await put(name, pieces, size)
        await rig.forget()
        await rig.finish(rig.second)

    await rig.ask(WRITE)
    units = await rig.first.levels.queue.take([WRITE], 10)
    monkeypatch.setattr(rig.archive, "put", and_sleep)
    await rig.first.worker.moves.write(units)
    assert len(rig.held("archive")) == (1 if rig.kind == "dataset" else 3)
    await archived(rig)
    await rig.comes_back()
