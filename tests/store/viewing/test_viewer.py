"""Looking into files: what is shown of them, to whom, and that nothing else is ever opened."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from beamcat.access.caller import Caller
from beamcat.catalogue.folders import Folders
from beamcat.config import Settings, ViewingSettings
from beamcat.database.pool import Database
from beamcat.errors import BadParameter, BeamcatError, Forbidden, NoSuchObject, TimedOut, TooLarge
from beamcat.events.reading import events_after
from beamcat.events.sequencing import sequence_all
from beamcat.store.opening import open_store
from beamcat.store.storage.contract import MainStorage
from beamcat.store.viewing.making import make_some
from beamcat.store.viewing.processes import CannotBeShown
from beamcat.store.viewing.thumbnails import Thumbnails, Wanting
from beamcat.store.viewing.viewer import FileOf, Viewer
from tests.catalogue.site import ROOT, Site

RULES = [("R", entity) for entity in ("Facility", "Investigation", "Dataset")]


class WithoutFiles:
    """A storage whose bytes can only be had by ranges, like those of an object store."""

    def __init__(self, storage: MainStorage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        if name == "open":
            raise AttributeError(name)
        return getattr(self._storage, name)


@dataclass(frozen=True)
class Place:
    """A dataset with an HDF5 file `main.h5`, and what it leads to. `reader` may read all files but `closed.h5`."""

    site: Site
    viewer: Viewer
    by_ranges: Viewer
    thumbnails: Thumbnails
    settings: ViewingSettings
    dataset: int
    ids: dict[str, int]
    folder: Path
    reader: Caller

    def file(self, name: str) -> FileOf:
        return FileOf(self.ids[name], name, self.dataset)

    async def ask(self, what: str, path: str, *, viewer: Viewer | None = None, **more: object) -> Any:
        """The answer of the file `scan/main.h5`, read as JSON."""
        found = await (viewer or self.viewer).hdf5(self.reader, self.file("scan/main.h5"), what, path, **more)
        return json.loads(found.content)


def write_files(folder: Path, outside: Path) -> None:
    (folder / "scan").mkdir()
    (outside / "secret.bin").write_bytes(b"S" * 64)
    for path, value in ((outside / "secret.h5", 42), (folder / "closed.h5", 43)):
        with h5py.File(path, "w") as file:
            file["data"] = np.full((3, 4), value)
    with h5py.File(folder / "scan" / "frames.h5", "w") as file:
        file["frames"] = np.arange(12).reshape(3, 4)
    with h5py.File(folder / "scan" / "main.h5", "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update(NX_class="NXentry", default="data")
        data = entry.create_group("data")
        data.attrs.update(NX_class="NXdata", signal="image", axes=["frame", ".", "x"])
        rng = np.random.default_rng(1)
        data.create_dataset("image", data=rng.poisson(9, (4, 30, 40)).astype("u2"), chunks=(1, 30, 40))
        data["x"] = np.linspace(0, 4, 40)
        data["x"].attrs["units"] = "mm"
        entry["near"] = h5py.ExternalLink("frames.h5", "/frames")
        entry["closed"] = h5py.ExternalLink("../closed.h5", "/data")
        for name, target in (("abroad", outside / "secret.h5"), ("up", "../../outside/secret.h5")):
            entry[name] = h5py.ExternalLink(str(target), "/data")
        entry["circle"] = h5py.SoftLink("/entry/circle")
        entry.create_dataset("raw", (64,), "u1", external=[(str(outside / "secret.bin"), 0, 64)])
        for name, other in (("virtual", "frames.h5"), ("stolen", str(outside / "secret.h5"))):
            layout = h5py.VirtualLayout((2, 3, 4), "i8")
            layout[0] = h5py.VirtualSource("frames.h5", "frames", (3, 4))
            layout[1] = h5py.VirtualSource(other, "frames" if name == "virtual" else "data", (3, 4))
            entry.create_virtual_dataset(name, layout)
        entry["name"] = "café"
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        archive.writestr("a/b.txt", "text")
    Image.fromarray(np.arange(10_000, dtype="u2").reshape(100, 100)).save(folder / "picture.tif")
    (folder / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    site = Site(database)
    home = tmp_path / "home"
    folder, outside = home / "data", tmp_path / "outside"
    outside.mkdir()
    folder.mkdir(parents=True)
    write_files(folder, outside)
    facility = await site.make("Facility", name="FAC")
    kind = await site.make("InvestigationType", name="t", facility=facility)
    dataset_type = await site.make("DatasetType", name="t", facility=facility)
    visit = await site.make("Investigation", name="i", visitId="1", title="t", facility=facility, type=kind)
    dataset = await site.make("Dataset", name="d", investigation=visit, type=dataset_type)
    ids = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = str(path.relative_to(folder))
        ids[name] = await site.make("Datafile", name=name, dataset=dataset, location=name, fileSize=path.stat().st_size)
    await site.rules(*RULES, ("R", "SELECT f FROM Datafile f WHERE f.name <> 'closed.h5'"))
    settings = Settings(home=home)
    store = open_store(settings, database, site.rulebooks, site.catalogue)
    folders = Folders(database, site.rulebooks)
    viewing = replace_settings(settings.viewing, processes=1, timeout_s=20)
    viewer = Viewer(viewing, store.storage, store.data, folders)
    by_ranges = Viewer(viewing, WithoutFiles(store.storage), store.data, folders)
    reader = await site.user("db/reader")
    thumbnails = Thumbnails(database, site.rulebooks)
    yield Place(site, viewer, by_ranges, thumbnails, viewing, dataset, ids, folder, reader)
    await viewer.close()
    await by_ranges.close()
    await store.data.close()


def replace_settings(settings: ViewingSettings, **values: object) -> ViewingSettings:
    return settings.model_copy(update=values)


async def test_h5web_gets_what_it_asks_from_files_and_by_ranges(place: Place) -> None:
    for viewer in (place.viewer, place.by_ranges):
        meta = await place.ask("meta", "/entry/data", viewer=viewer)
        assert [(child["name"], child["kind"]) for child in meta["children"]] == [
            ("image", "dataset"),
            ("x", "dataset"),
        ]
        assert (await place.ask("attr", "/entry/data/x", viewer=viewer)) == {"units": "mm"}
        assert await place.ask("data", "/entry/near", viewer=viewer) == np.arange(12).reshape(3, 4).tolist()
        assert await place.ask("data", "/entry/virtual", viewer=viewer, selection="1,:,1:4:2") == [
            [1, 3],
            [5, 7],
            [9, 11],
        ]
        assert await place.ask("data", "/entry/name", viewer=viewer) == "café"
        assert "/entry/data/image" in await place.ask("paths", "/", viewer=viewer)
        assert (await place.ask("stats", "/entry/near", viewer=viewer))["max"] == 11
        asked = {"selection": "2", "format": "bin", "dtype": "safe"}
        file = place.file("scan/main.h5")
        whole = await viewer.hdf5(place.reader, file, "data", "/entry/data/image", **asked)
        with h5py.File(place.folder / "scan/main.h5") as opened:
            assert whole.content == opened["entry/data/image"][2].astype("<u2").tobytes()


async def test_a_file_leads_nowhere_but_to_open_files_of_its_dataset(place: Place) -> None:
    """Links, virtual datasets and raw data that lie outside: nobody gets a byte of those, nor fill values in place."""
    for viewer in (place.viewer, place.by_ranges):
        for path in ("abroad", "up", "raw", "stolen", "closed", "circle"):
            with pytest.raises(CannotBeShown):
                await place.ask("data", f"/entry/{path}", viewer=viewer)
    root = await place.viewer.hdf5(ROOT, place.file("scan/main.h5"), "data", "/entry/closed")
    assert json.loads(root.content)[0][0] == 43


def test_while_a_question_is_answered_nothing_can_be_opened(tmp_path: Path) -> None:
    """HDF5 is asked to open what lies outside by itself: the file is readable, and is not opened."""
    folder, outside = tmp_path / "data", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    write_files(folder, outside)
    code = (
        "import h5py, sys\n"
        "from beamcat.store.viewing.confinement import confine, nothing_opened, opening\n"
        "confine(2**32)\n"
        f"file = h5py.File({str(folder / 'scan/main.h5')!r}, 'r', locking=False)\n"
        "assert file['entry/abroad'][0, 0] == 42\n"
        "with nothing_opened():\n"
        "    for work in (lambda: file['entry/up'], lambda: file['entry/raw'][:], lambda: open('/etc/hostname')):\n"
        "        try:\n"
        "            work()\n"
        "        except (KeyError, OSError):\n"
        "            continue\n"
        "        sys.exit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_rights_hold_and_errors_say_what_is_wrong(place: Place) -> None:
    with pytest.raises(Forbidden):
        await place.viewer.hdf5(place.reader, place.file("closed.h5"), "meta", "/")
    with pytest.raises(NoSuchObject):
        await place.ask("meta", "/nothing")
    with pytest.raises(BadParameter):
        await place.ask("data", "/entry/near", selection="99")
    with pytest.raises(CannotBeShown):
        await place.viewer.hdf5(place.reader, place.file("broken.h5"), "meta", "/")
    small = Viewer(
        replace_settings(place.settings, answer_bytes=2**10),
        place.viewer._storage,
        place.viewer._data,
        place.viewer._folders,
    )
    with pytest.raises(TooLarge):
        await small.hdf5(place.reader, place.file("scan/main.h5"), "data", "/entry/data/image")
    await small.close()


async def test_pages_show_the_tree_and_plot_of_a_file_members_of_archives_and_pictures(place: Place) -> None:
    outline = await place.viewer.outline(place.reader, place.file("scan/main.h5"), None, 2)
    assert outline["path"] == "/entry/data"
    plot = outline["plot"]
    assert (plot["kind"], plot["frames"], plot["frame"], plot["x"]) == ("picture", 4, 2, "x, mm")
    kinds = {member["name"]: member["kind"] for member in outline["tree"][0]["members"]}
    assert (kinds["near"], kinds["abroad"], kinds["data"]) == ("dataset", "broken", "group")
    axis = await place.viewer.outline(place.reader, place.file("scan/main.h5"), "/entry/data/x", 0)
    assert axis["plot"]["kind"] == "curve"
    assert axis["selected"]["units"] == "mm"

    assert [each["name"] for each in await place.viewer.members(place.reader, place.file("some.zip"))] == ["a/b.txt"]
    picture = await place.viewer.picture(place.reader, place.file("picture.tif"), 50)
    assert picture.content.startswith(b"\x89PNG")


async def test_work_stops_when_it_takes_too_long_or_nobody_waits_and_a_dead_process_is_replaced(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.ask("meta", "/")
    (process,) = place.viewer._processes._idle
    stopped = process._process.pid
    os.kill(stopped, signal.SIGSTOP)  # as a file that takes for ever
    asking = asyncio.create_task(place.ask("meta", "/"))
    while place.viewer._processes._idle:
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert process._process.returncode == -signal.SIGKILL
    assert (await place.ask("meta", "/"))["kind"] == "group"
    (process,) = place.viewer._processes._idle
    os.kill(process._process.pid, signal.SIGSTOP)
    place.viewer._processes._timeout_s = 0.2
    with pytest.raises(TimedOut):
        await place.ask("meta", "/")
    place.viewer._processes._timeout_s = 20
    await place.ask("meta", "/")
    (process,) = place.viewer._processes._idle
    os.kill(process._process.pid, signal.SIGKILL)
    with pytest.raises(BeamcatError):
        await place.ask("meta", "/")
    assert (await place.ask("meta", "/"))["kind"] == "group"


async def test_datasets_get_thumbnails_that_show_only_what_may_be_read(place: Place) -> None:
    database = place.site.database
    await sequence_all(database)
    async with database.connection() as connection:
        await Wanting().handle(await events_after(connection, 0, 1000), connection)
        await connection.execute("UPDATE thumbnail SET made = now()")
    assert await place.thumbnails.find(place.reader, place.dataset) is None
    assert await make_some(database, place.viewer, place.settings) == 1
    assert await make_some(database, place.viewer, place.settings) == 0
    shown = await place.site.value("SELECT datafile_id FROM thumbnail")
    async with database.connection() as connection:
        await connection.execute("UPDATE thumbnail SET datafile_id = %s", [place.ids["scan/main.h5"]])
    found = await place.thumbnails.find(place.reader, place.dataset)
    assert found is not None
    assert found.media_type == "image/webp"
    assert (await place.thumbnails.standing()).made == 1
    assert shown in {
        place.ids["broken.h5"],
        place.ids["closed.h5"],
        place.ids["scan/frames.h5"],
        place.ids["scan/main.h5"],
    }
    async with database.connection() as connection:
        await connection.execute("UPDATE thumbnail SET datafile_id = %s", [place.ids["closed.h5"]])
    assert await place.thumbnails.find(place.reader, place.dataset) is None
    assert await place.thumbnails.find(ROOT, place.dataset) is not None
    with pytest.raises(NoSuchObject):
        await place.thumbnails.find(place.reader, 999_999)


async def test_a_thumbnail_that_cannot_be_made_says_why_and_is_made_again_on_demand(place: Place) -> None:
    database = place.site.database
    for name in place.ids:
        await place.site.change("Datafile", place.ids[name], name=f"{name}.txt")
    assert await place.thumbnails.remake_all(failed_only=False) == 1
    assert await make_some(database, place.viewer, place.settings) == 1
    standing = await place.thumbnails.standing()
    assert (standing.impossible, standing.problems) == (1, [("no file of it can be shown", 1)])
    await place.site.change("Datafile", place.ids["picture.tif"], name="picture.tif")
    assert await place.thumbnails.remake_all(failed_only=True) == 1
    assert await make_some(database, place.viewer, place.settings) == 1
    assert (await place.thumbnails.standing()).made == 1
