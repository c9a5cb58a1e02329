"""The short form of `soak`: workers die while data move, and nothing is lost or stuck."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.units.soak import Soak


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["dataset", "datafile"])
def test_no_byte_is_lost_when_workers_are_killed(tmp_path: Path, unit: str) -> None:
    with Soak(tmp_path, unit, kills=5, seed=1, say=lambda _line: None) as soak:
        soak.run()
    assert soak.violations == []
    assert soak.killed.total() == 5
