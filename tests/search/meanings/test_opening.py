"""Search by meaning is there when the settings say so, with the model they name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path

import pytest

from beamcat.config import SearchMeaningSettings, SearchSettings, Settings
from beamcat.database.pool import Database
from beamcat.search.meanings.model import CannotUseModel
from beamcat.search.relating import open_meanings
from tests.catalogue.site import ROOT, Site

PLUGIN = '''
"""Another package with a model: a text is about metals, about bones, or about neither."""

import numpy as np


class Sorter:
    name, size, far = "sorter-1", 2, 0.5

    def __init__(self, options):
        self.words = options["words"]

    def places(self, texts):
        rows = np.array([[float(w in t.lower()) for w in self.words] for t in texts], dtype=np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)

    def unknown(self, text):
        return ()


def poor(options):
    return object()


def failing(options):
    raise OSError("no such file: /models/sentences")
'''
ENTRY_POINTS = """
[beamcat.meaning]
sorter = facility_sorter:Sorter
poor = facility_sorter:poor
failing = facility_sorter:failing
"""
DISABLED = """
import asyncio, sys
from beamcat.config import Settings
from beamcat.search import opening, relating, service

assert relating.open_meanings(Settings(), None, None) is None
print([name for name in sys.modules if name.startswith("beamcat.search.meanings")])
"""


@pytest.fixture
def package(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package, installed as pip would do it."""
    site = tmp_path_factory.mktemp("site-packages")
    (site / "facility_sorter.py").write_text(PLUGIN)
    info = site / "facility_sorter-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: facility-sorter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    invalidate_caches()
    yield
    sys.modules.pop("facility_sorter", None)


def settings(home: Path, **members: object) -> Settings:
    meaning = SearchMeaningSettings.model_validate({"enabled": True, "share": 1, **members})
    return Settings(home=home, search=SearchSettings(meaning=meaning))


def test_nothing_of_it_is_imported_while_it_is_disabled(repository: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", DISABLED], cwd=repository, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


async def test_a_model_that_nobody_has_installed_is_named(database: Database, tmp_path: Path) -> None:
    site = Site(database)
    with pytest.raises(CannotUseModel) as caught:
        open_meanings(settings(tmp_path, model="phrases"), database, site.rulebooks)
    assert caught.value.message == (
        "search.meaning.model: there is no model phrases; there are: learned, sentences. "
        "Install the package that brings it"
    )


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("poor", "poor is no model, it has no name, size, far, places, unknown"),
        ("failing", r"cannot be started: OSError: no such file: /models/sentences"),
        ("other", "there are: failing, learned, poor, sentences, sorter"),
    ],
)
async def test_a_model_that_cannot_be_used_says_why(
    database: Database, tmp_path: Path, model: str, message: str
) -> None:
    with pytest.raises(CannotUseModel, match=message):
        open_meanings(settings(tmp_path, model=model), database, Site(database).rulebooks)


@pytest.mark.usefixtures("package")
async def test_another_package_brings_a_model(database: Database, tmp_path: Path) -> None:
    site = Site(database)
    facility = await site.make("Facility", name="LILS")
    kind = await site.make("InvestigationType", name="experiment", facility=facility)
    of = {"facility": facility, "type": kind, "name": "HC"}
    iron, bone, _ = [
        await site.make("Investigation", visitId=title, title=title, **of) for title in ("Iron", "A bone", "Weather")
    ]
    options = {"words": ["iron", "bone"]}
    meanings = open_meanings(settings(tmp_path, model="sorter", options=options), database, site.rulebooks)
    assert meanings is not None
    assert await meanings.keeper.look() is not None
    for text, wanted in (("bone", [bone]), ("iron", [iron]), ("nothing", [])):
        found = (await meanings.by_meaning(ROOT, "Investigation", text)).found
        assert [near.id for near in found] == wanted
    assert len((await meanings.by_meaning(ROOT, "Investigation", "iron and bone")).found) == 2
    await meanings.close()


async def test_the_options_of_a_model_are_shown_without_secrets(tmp_path: Path) -> None:
    shown = settings(tmp_path, options={"token": "abc", "folder": "/x"}).model_dump(mode="json")
    assert shown["search"]["meaning"]["options"] == {"token": "**********", "folder": "/x"}
