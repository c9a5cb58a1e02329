"""The short form of `soak`: processes die while data move, come and go, and nothing is lost or stuck."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.units.soak import Soak


@pytest.mark.slow
@pytest.mark.parametrize(("unit", "kills"), [("dataset", 3), ("datafile", 2)])
def test_no_byte_is_lost_when_processes_are_killed(tmp_path: Path, unit: str, kills: int) -> None:
    with Soak(tmp_path, unit, kills, seed=1, say=lambda _line: None) as soak:
        soak.run()
    assert soak.violations == []
    assert soak.killed.total() == kills
    assert soak.book.asked["delete"] > 0
