"""The contract tests as somebody runs them who writes a storage: they find what is wrong with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RIGHT = """
import pytest
from beamcat.store.storage.immediate import ImmediateArchive
from beamcat.store.storage.posix import PosixStorage
from beamcat.testing.storage import ArchiveStorageContract, MainStorageContract


class TestMain(MainStorageContract):
    @pytest.fixture
    def storage(self, tmp_path):
        return PosixStorage(tmp_path)


class TestArchive(ArchiveStorageContract):
    @pytest.fixture
    def storage(self, tmp_path):
        return ImmediateArchive(PosixStorage(tmp_path))
"""

WRONG = """
import pytest
from beamcat.store.storage.posix import PosixStorage
from beamcat.testing.storage import MainStorageContract


class InPlace(PosixStorage):
    async def put_at(self, location, pieces, size=None):
        file = self.local_path(location)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as written:
            async for piece in pieces:
                written.write(piece)


class TooMuch(PosixStorage):
    async def read(self, location, first, stop):
        async for piece in super().read(location, first, stop + 1):
            yield piece


class WithoutOrder(PosixStorage):
    async def stat(self, locations):
        return [stat for stat in await super().stat(locations) if stat]


class TestWrong(MainStorageContract):
    @pytest.fixture(params=[InPlace, TooMuch, WithoutOrder])
    def storage(self, tmp_path, request):
        return request.param(tmp_path)
"""


def run(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_storage.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "--asyncio-mode=strict", "test_storage.py"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CI": "true"},  # where pytest tells all differences
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_storage_that_keeps_its_promises_passes(tmp_path: Path) -> None:
    done = run(tmp_path, RIGHT)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_one_that_does_not_is_found_out_and_told_what_it_gave(tmp_path: Path) -> None:
    done = run(tmp_path, WRONG)
    assert done.returncode == 1, done.stdout
    for storage, sentence in (
        ("InPlace", "test_nothing_is_seen_before_it_is_whole"),
        ("InPlace", "test_an_upload_that_breaks_off_leaves_nothing"),
        ("TooMuch", "test_what_is_put_can_be_read"),
        ("WithoutOrder", "test_many_are_known_in_their_order"),
    ):
        assert f"FAILED test_storage.py::TestWrong::{sentence}[{storage}]" in done.stdout
    assert "assert b'34567' == b'3456'" in done.stdout
