"""The real files: where the catalogue says, readable, small, and kept when they are there."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from beamcat.demo.datasets import DemoDataset, Stored
from beamcat.demo.facility import build_demo
from beamcat.demo.files import DATA_FOLDER, write_files
from beamcat.demo.recipes import Content

NEXUS = {
    Content.MASTER,
    Content.FRAMES,
    Content.TOMOGRAPHY,
    Content.ABSORPTION,
    Content.SCATTERING,
    Content.PATTERNS,
    Content.CHOPPER,
    Content.VOLUME,
}


@pytest.fixture(scope="module")
def datasets() -> tuple[DemoDataset, ...]:
    return build_demo(0.05).datasets


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def stored(home: Path, datasets: tuple[DemoDataset, ...]) -> dict[str, Stored]:
    return write_files(home, datasets)


def files_of(home: Path, datasets: tuple[DemoDataset, ...], content: Content) -> list[Path]:
    return [
        home / DATA_FOLDER / dataset.file_location(file)
        for dataset in datasets
        if dataset.has_files
        for file in dataset.files
        if file.content is content
    ]


def test_every_file_is_where_the_catalogue_says_and_has_that_size(home: Path, stored: dict[str, Stored]) -> None:
    assert len(stored) > 800
    found = {str(p.relative_to(home / DATA_FOLDER)): p.stat().st_size for p in home.rglob("*") if p.is_file()}
    assert found == {location: file.size_bytes for location, file in stored.items()}


def test_all_together_they_are_small(stored: dict[str, Stored]) -> None:
    assert sum(file.size_bytes for file in stored.values()) < 60_000_000


def test_a_second_start_keeps_what_is_there_and_writes_what_is_missing(
    home: Path, datasets: tuple[DemoDataset, ...], stored: dict[str, Stored]
) -> None:
    kept, *others = sorted((home / DATA_FOLDER).rglob("*.nxs"))
    lost = others[-1]
    before, content = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    lost.with_name(f".{lost.name}.part").write_bytes(b"an interrupted write")
    assert write_files(home, datasets) == stored
    assert kept.stat().st_mtime_ns == before
    assert lost.read_bytes() == content
    assert not list(home.rglob("*.part"))


@pytest.mark.parametrize("content", sorted(NEXUS, key=lambda content: content.name))
def test_nexus_files_have_something_to_plot(
    home: Path, datasets: tuple[DemoDataset, ...], stored: dict[str, Stored], content: Content
) -> None:
    from nexusformat.nexus import nxload

    paths = files_of(home, datasets, content)
    assert paths
    for path in paths[:3]:
        data = nxload(path).plottable_data
        assert data is not None, path
        assert data.nxsignal.size > 0


@pytest.mark.parametrize("content", [Content.TOMOGRAPHY, Content.ABSORPTION, Content.SCATTERING])
def test_files_that_name_an_application_definition_follow_it(
    home: Path, datasets: tuple[DemoDataset, ...], stored: dict[str, Stored], content: Content
) -> None:
    from nexusformat.nexus import nxload

    assert nxload(files_of(home, datasets, content)[0]).entry.validate(level="error") == (0, 0)


def test_what_takes_long_to_import_is_left_to_those_who_write_files() -> None:
    slow = "{'numpy', 'h5py', 'nexusformat'}"
    code = (
        f"import sys, beamcat.demo.load; sys.exit(str({slow} & set(sys.modules)) if {slow} & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_tables_and_pictures_can_be_read(
    home: Path, datasets: tuple[DemoDataset, ...], stored: dict[str, Stored]
) -> None:
    with files_of(home, datasets, Content.TABLE)[0].open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 120
    assert float(rows[0]["temperature_K"]) > 0
    assert files_of(home, datasets, Content.PICTURE)[0].read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
