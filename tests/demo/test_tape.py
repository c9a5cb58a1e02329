"""The tape library of the example facility: an archive like that of a facility, which takes its time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamcat.demo.settings import tape_library
from beamcat.errors import Unavailable
from beamcat.store.storage.commands import CommandArchive
from beamcat.store.storage.contract import ArchiveStorage
from beamcat.testing.storage import DIGITS, ArchiveStorageContract, pieces, settled, unit


def library(folder: Path, mount_s: float) -> CommandArchive:
    scratch = folder / "scratch"
    scratch.mkdir()
    return CommandArchive(tape_library(folder / "library", mount_s), scratch)


class TestTapeLibrary(ArchiveStorageContract):
    """With a robot that is very quick."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[ArchiveStorage]:
        storage = library(tmp_path, 0.001)
        yield storage
        storage.close()


async def test_what_is_asked_for_comes_in_its_turn_after_the_tape_is_mounted(tmp_path: Path) -> None:
    storage = library(tmp_path, 100.0)
    for number in range(3):
        await storage.put(f"1/{number}", pieces(DIGITS))
    assert (await storage.ready(["1/0"])).waiting == {"1/0": None}
    await storage.request(["1/0", "1/1"])
    await storage.request(["1/2", "1/0"])
    waiting = (await storage.ready(["1/0", "1/1", "1/2"])).waiting
    seconds = [waiting[each] or 0 for each in ("1/0", "1/1", "1/2")]
    assert 100 < seconds[0] <= 120 < seconds[1] <= 140 < seconds[2] <= 160 + 100
    with pytest.raises(Unavailable, match="cannot do this yet"):
        await unit(storage, "1/0")
    storage.close()


async def test_what_was_released_has_to_be_asked_for_again(tmp_path: Path) -> None:
    storage = library(tmp_path, 0.3)
    await storage.put("1/0", pieces(DIGITS))
    asked = time.time()
    await storage.request(["1/0"])
    await settled(storage, ["1/0"])
    assert time.time() - asked > 0.3
    await storage.release(["1/0"])
    assert (await storage.ready(["1/0"])).waiting == {"1/0": None}
    storage.close()
