"""A directory keeps what every target promises: with links, and with copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beamcat.config import DirectoryTargetSettings
from beamcat.store.targets.contract import Order, SourceFile
from beamcat.store.targets.directory import DirectoryTarget
from beamcat.testing.targets import Look, Make, Sources, TargetContract


def directory(path: Path, **more: Any) -> DirectoryTargetSettings:
    given = {"kind": "directory", "path": path, "keep_free_bytes": 0, "user_command": COMMAND, **more}
    return DirectoryTargetSettings.model_validate(given)


COMMAND = ("/bin/sh", "-c", "echo nobody", "{user}")


class DirectoryContract(TargetContract):
    link = True

    @pytest.fixture
    def make(self, tmp_path: Path, sources: Sources) -> Make:
        (tmp_path / "target").mkdir()
        settings = directory(tmp_path / "target", link=self.link)
        return lambda: DirectoryTarget("disk", settings, sources.storage)

    @pytest.fixture
    def look(self, tmp_path: Path) -> Look:
        async def look(order: Order, file: SourceFile) -> bytes | None:
            path = tmp_path / "target" / "FAC" / "1-1" / str(order.id) / file.name
            return path.read_bytes() if path.exists() else None

        return look


class TestLinks(DirectoryContract):
    """Hard links."""


class TestCopies(DirectoryContract):
    """Clones or copies."""

    link = False
