"""Prepared downloads: frozen, shared by workers, measured once their files are there."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from beamcat.database.pool import Database
from beamcat.store import selection
from beamcat.store.archives.entries import UNKNOWN_CRC, Integers, integers
from beamcat.store.digests.values import FileVersion
from beamcat.store.freezing import Freezing
from beamcat.store.measuring import Looking
from beamcat.store.prepared import NotPrepared, Order, PreparedDownloads
from beamcat.store.selection import Selections, Terms, Wanted
from beamcat.store.storage.posix import PosixStorage
from tests.catalogue.site import ROOT, Site
from tests.store.test_freezing import make

NAMES = [f"file{number}" for number in range(7)]


class Facility:
    """A dataset of seven files, in runs of three, and a storage for them."""

    def __init__(self, site: Site, dataset: int, base: Path) -> None:
        self.site, self.dataset, self.base = site, dataset, base
        self.storage = PosixStorage(base)
        self.unknown: set[str] = set()

    def put(self, *numbers: int) -> None:
        for number in numbers:
            (self.base / str(number)).write_bytes(b"x" * number)

    def downloads(self, most: int = 100) -> PreparedDownloads:
        return PreparedDownloads(self.site.database, most=most)

    async def freeze(self, downloads: PreparedDownloads, form: str = "zip") -> UUID:
        selections = Selections(self.site.database, self.site.rulebooks, Terms())
        async with selections.select(ROOT, Wanted(datasets=(self.dataset,))) as selected:
            return await downloads.freeze(Order("db/ann", form, form != "file"), selected, Freezing())

    async def crcs(self, files: Sequence[FileVersion], _checksums: Sequence[str]) -> Integers:
        return integers(
            [UNKNOWN_CRC if file.location in self.unknown else zlib.crc32(b"x" * file.size) for file in files]
        )

    def looking(self) -> Looking:
        return Looking(self.storage, self.crcs)


@pytest.fixture
async def facility(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    monkeypatch.setattr(selection, "FILES_AT_ONCE", 3)
    site = Site(database)
    dataset = await make(site, [(name, str(number)) for number, name in enumerate(NAMES)])
    return Facility(site, dataset, tmp_path)


async def ids(downloads: PreparedDownloads, identifier: UUID) -> list[int]:
    prepared = await downloads.find(identifier)
    return [each async for some in downloads.ids(prepared) for each in some]


async def test_what_is_prepared_stays_as_it_was(facility: Facility) -> None:
    downloads = facility.downloads()
    identifier = await facility.freeze(downloads)
    before = await ids(downloads, identifier)
    await facility.site.make("Datafile", name="later", dataset=facility.dataset, location="later")
    for worker in (downloads, facility.downloads()):
        assert await ids(worker, identifier) == before
    prepared = await downloads.find(identifier)
    assert (prepared.files, prepared.runs, prepared.datasets) == (7, 3, [facility.dataset])
    assert (prepared.user_name, prepared.form, prepared.zip, prepared.archive) == ("db/ann", "zip", True, None)


async def test_it_is_measured_when_its_files_are_there(facility: Facility) -> None:
    downloads = facility.downloads()
    identifier = await facility.freeze(downloads)
    facility.put(*range(6))
    findings = await downloads.measure(await downloads.find(identifier), facility.looking())
    assert findings.absent == ["6"]
    assert (await downloads.find(identifier)).archive is None
    facility.put(6)
    await downloads.measure(await downloads.find(identifier), facility.looking())
    archive = (await downloads.find(identifier)).archive
    assert archive is not None
    assert archive.layout.version == "zip-1"
    assert archive.entries == 7
    other = facility.downloads()
    assert (await other.find(identifier)).archive == archive
    assert (await other.run(identifier, 2)).entries.sizes.tolist() == [6]
    again = await facility.freeze(downloads)
    await downloads.measure(await downloads.find(again), facility.looking())
    tag = (await downloads.find(again)).archive
    assert tag is not None
    assert tag.etag == archive.etag


async def test_the_layout_follows_what_is_known(facility: Facility) -> None:
    downloads = facility.downloads()
    facility.put(*range(7))
    facility.unknown.add("4")
    for form, layout in (("zip", "zipd-1"), ("tar", "tar-1")):
        identifier = await facility.freeze(downloads, form)
        await downloads.measure(await downloads.find(identifier), facility.looking())
        archive = (await downloads.find(identifier)).archive
        assert archive is not None
        assert archive.layout.version == layout


async def test_the_newest_are_kept(facility: Facility) -> None:
    downloads = facility.downloads(most=2)
    first, second, third = [await facility.freeze(downloads) for _ in range(3)]
    assert await downloads.forget_old() == 1
    assert await downloads.forget_old() == 0
    with pytest.raises(NotPrepared):
        await downloads.find(first)
    for kept in (second, third):
        assert len(await ids(downloads, kept)) == 7
    assert await facility.site.value("SELECT count(*) FROM prepared_run") == 6


async def test_an_id_nobody_was_given_is_none(facility: Facility) -> None:
    downloads = facility.downloads()
    with pytest.raises(NotPrepared):
        await downloads.find(uuid4())
    with pytest.raises(NotPrepared):
        await downloads.run(uuid4(), 0)


async def test_a_selection_that_fails_leaves_nothing(facility: Facility) -> None:
    downloads = facility.downloads()
    selections = Selections(facility.site.database, facility.site.rulebooks, Terms(keys=("wombat",)))
    with pytest.raises(Exception, match="not signed"):
        async with selections.select(ROOT, Wanted(datasets=(facility.dataset,))) as selected:
            await downloads.freeze(Order("db/ann", "zip", True), selected, Freezing())
    assert await facility.site.value("SELECT count(*) FROM prepared") == 0
    assert await facility.site.value("SELECT count(*) FROM prepared_run") == 0
