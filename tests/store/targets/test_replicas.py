"""What is still at a target is not recalled from tape (data service specification, F.4, check 143)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from beamcat.store.requests.downloads import DownloadStatus
from beamcat.store.storage.immediate import ImmediateArchive
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.units.transitions import ARCHIVE, RESTORE, Operation
from beamcat.store.units.values import Units
from tests.store.targets.conftest import Rig

CONTENT = {f"1/{number}": b"%d" % number * 1000 for number in range(5)}


class Tape(ImmediateArchive):
    """An archive that notes what is asked of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(PosixStorage(folder))
        self.requests: list[str] = []
        self.written: list[str] = []

    async def request(self, units: Sequence[str]) -> None:
        self.requests += units
        await super().request(units)

    async def put(self, unit: str, pieces: Any, size: int | None = None) -> None:
        self.written.append(unit)
        await super().put(unit, pieces, size)


@pytest.fixture
def tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tape:
    (tmp_path / "tape").mkdir()
    made = Tape(tmp_path / "tape")
    monkeypatch.setattr("beamcat.store.opening.archive_storage", lambda *_: made)
    return made


@pytest.fixture(params=["dataset", "datafile"])
def archive(tape: Tape, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"archive": {"kind": "posix", "path": tmp_path / "tape"}, "unit": request.param}


async def moved(rig: Rig, operation: Operation) -> None:
    """Have all that is in the catalogue archived, or restored."""
    two_levels = rig.store.two_levels
    assert two_levels is not None
    files = await rig.site.rows("SELECT id, dataset_id FROM datafile ORDER BY id")
    datasets = sorted({dataset for _, dataset in files})
    units = Units(datasets, datasets)
    if two_levels.levels.kind == "datafile":
        units = Units([file for file, _ in files], [dataset for _, dataset in files])
    await two_levels.levels.queue.request(operation, units, "ann")
    async with asyncio.timeout(30):
        while await rig.site.value("SELECT count(*) FROM unit WHERE wanted IS NOT NULL OR running IS NOT NULL"):
            await two_levels.worker.take_some()
            await two_levels.worker.idle()
            await asyncio.sleep(0.02)


def in_main(rig: Rig) -> dict[str, bytes]:
    main = rig.base / "main"
    files = (path for path in main.rglob("*") if path.is_file() and not path.relative_to(main).parts[0].startswith("."))
    return {str(path.relative_to(main)): path.read_bytes() for path in files}


async def brought_then_archived(rig: Rig) -> int:
    """The id of a complete request whose data are now in the archive."""
    await rig.fill(CONTENT)
    identifier = await rig.request()
    (download,) = await rig.completed(identifier)
    assert download.status is DownloadStatus.COMPLETE
    await moved(rig, ARCHIVE)
    assert in_main(rig) == {}
    return identifier


async def test_a_live_replica_is_read_and_no_tape(rig: Rig, tape: Tape) -> None:
    await brought_then_archived(rig)
    for _ in range(2):  # and again, with the files that were brought back
        await moved(rig, RESTORE)
        assert in_main(rig) == CONTENT
        assert await rig.site.rows("SELECT DISTINCT online, failure FROM unit") == [(True, None)]
        await moved(rig, ARCHIVE)
        assert in_main(rig) == {}
    assert tape.requests == []
    assert len(tape.written) == len(set(tape.written)), "what the archive has is not written again"


async def test_without_one_tape_is_asked(rig: Rig, tape: Tape) -> None:
    await brought_then_archived(rig)
    await rig.site.rows("UPDATE replica SET expires = now() RETURNING 1")
    await moved(rig, RESTORE)
    assert in_main(rig) == CONTENT
    assert tape.requests


async def test_one_of_other_bytes_is_not_taken(rig: Rig, tape: Tape) -> None:
    identifier = await brought_then_archived(rig)
    base = rig.base / "cache" / "FAC" / "1-1" / str(identifier) / "FAC" / "inv" / "1-1" / "ds0"
    damaged = base / "1/0"
    known = damaged.stat()
    damaged.write_bytes(b"9" * known.st_size)
    await moved(rig, RESTORE)
    assert in_main(rig) == CONTENT
    assert tape.requests


async def test_one_of_another_version_is_not_taken(rig: Rig, tape: Tape) -> None:
    await rig.fill(CONTENT)
    await rig.completed(await rig.request())
    new = {name: content[::-1] + b"new" for name, content in CONTENT.items()}
    for name, content in new.items():
        path = rig.base / "main" / name
        path.unlink()  # the link at the target keeps the old bytes
        path.write_bytes(content)
    await moved(rig, ARCHIVE)
    await moved(rig, RESTORE)
    assert in_main(rig) == new
    assert tape.requests


async def test_a_request_for_what_is_archived_is_restored_first(rig: Rig, tape: Tape) -> None:
    await rig.fill(CONTENT)
    await moved(rig, ARCHIVE)
    identifier = await rig.request()
    two_levels = rig.store.two_levels
    assert two_levels is not None
    async with asyncio.timeout(30):
        while (download := await rig.download(identifier)).status is not DownloadStatus.COMPLETE:
            await rig.turn()
            await two_levels.worker.take_some()
            await two_levels.worker.idle()
    assert tape.requests
    assert download.brought is not None
    assert download.brought.files_done == len(CONTENT)


async def test_what_is_archived_on_the_way_is_restored_and_goes_on(rig: Rig, tape: Tape) -> None:
    await rig.fill(CONTENT)
    identifier = await rig.request()
    two_levels = rig.store.two_levels
    assert two_levels is not None
    while (found := (await rig.download(identifier)).brought) is None or found.state != "PLANNING":
        await rig.hand_over()
        await two_levels.worker.take_some()
        await two_levels.worker.idle()
    await moved(rig, ARCHIVE)
    await rig.keeper.take_some()
    await rig.keeper.idle()
    waiting = (await rig.download(identifier)).brought
    assert waiting is not None
    assert waiting.state == "WAITING"
    async with asyncio.timeout(30):
        while (await rig.download(identifier)).status is not DownloadStatus.COMPLETE:
            await rig.turn()
            await two_levels.worker.take_some()
            await two_levels.worker.idle()
