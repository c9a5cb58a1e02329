"""Unmodified python-icat works with Beamcat: its own tests say so.

`python-icat-skipped.txt` names those that the suite itself skips: three are for older data services, one is for older
catalogues, and one uploads a gigabyte.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conformance import python_icat
from tests.running import Beamcat

TESTS = 489
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def cache() -> Path:
    """Where downloads are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beamcat"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_tests_of_python_icat_pass_but_for_those_that_are_for_other_servers(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (HERE / "python-icat.toml").read_text()
    beamcat = Beamcat(tmp_path / "home", "--port", "0", config=config)
    try:
        tests = python_icat.prepare(python_icat.fetch(cache), tmp_path, beamcat.url)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        found = python_icat.run(tests, scratch)
    finally:
        assert beamcat.stop() == 0
    apart = set((HERE / "python-icat-skipped.txt").read_text().split("\n")) - {""}
    passed = {name for name, outcome in found.items() if outcome == "passed"}
    with capsys.disabled():
        print(f"\npython-icat: {len(passed)} of {len(found)} tests passed, {len(apart)} were skipped")
    log = (scratch / "suite.log").read_text()[-8000:]
    assert len(found) == TESTS, log
    assert set(found) - passed == apart, log
    assert "unforeseen" not in beamcat.log.read_text()
