"""The short form of `soak`: processes die while files come in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.uploads.soak import Soak


@pytest.mark.slow
def test_no_file_is_lost_or_half_there_when_processes_are_killed(tmp_path: Path) -> None:
    with Soak(tmp_path, kills=3, seed=1, say=lambda _line: None) as soak:
        soak.run()
    assert soak.violations == []
    assert soak.killed.total() == 3
    assert len(soak.book.acknowledged) > 0
