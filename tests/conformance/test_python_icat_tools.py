"""python-icat's own commands move a facility: what `icatdump` wrote, `wipeicat` deleted and `icatingest` read is there.

The facility is a part of the example, with every kind of object. `demo_round_trip.py` does the same with all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from beamcat.demo.datasets import Stored
from beamcat.demo.facility import build_demo
from tests.conformance.demo_round_trip import FORMATS, Tools, demo_server, differences
from tests.demo.walking import every, records_of

SCALE = 0.001
INSTRUMENTS = ("ML05", "N05")
"""Two instruments whose few visits have every kind of object."""


def kinds_of_objects(scale: float, instruments: tuple[str, ...] | None = None) -> set[str]:
    demo = build_demo(scale, instruments)
    stored = {d.file_location(file): Stored(1, "0") for d in demo.datasets if d.has_files for file in d.files}
    return {entity.name for entity, _ in every(records_of(demo, stored))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="module")
def tools(folder: Path) -> Iterator[Tools]:
    """The commands, and a server with a part of the example facility."""
    with demo_server(folder, SCALE, INSTRUMENTS) as beamcat:
        yield Tools(beamcat.url, folder)


def test_the_part_has_every_kind_of_object() -> None:
    assert kinds_of_objects(SCALE, INSTRUMENTS) == kinds_of_objects(1.0)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("form", FORMATS)
def test_a_facility_that_was_dumped_wiped_and_ingested_is_dumped_alike(tools: Tools, folder: Path, form: str) -> None:
    before, empty, after = folder / f"before.{form}", folder / f"empty.{form}", folder / f"after.{form}"
    tools.dump(form, before)
    assert before.stat().st_size > 500_000
    tools.wipe()
    tools.dump(form, empty)
    assert empty.stat().st_size < 1000
    tools.ingest(form, before)
    tools.dump(form, after)
    assert differences(before, after) == []
    assert differences(before, empty)
