"""Selections written down and looked at in the storage: names, sizes, checksums, archives of them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from beamcat.store.archives.entries import UNKNOWN_CRC, Integers, integers
from beamcat.store.archives.tar import Tar
from beamcat.store.archives.zip_framed import ZipFramed
from beamcat.store.archives.zip_stored import ZipStored
from beamcat.store.digests.values import FileVersion
from beamcat.store.freezing import Freezing
from beamcat.store.frozen import NOT_SAID, Run, unpacked
from beamcat.store.measuring import InMemory, Looking, layout_for
from beamcat.store.selection import Selections, Terms, Wanted
from beamcat.store.sending import Sender
from beamcat.store.storage.posix import PosixStorage
from tests.catalogue.site import ROOT, Site

CONTENT = {"1/a": b"hello world", "1/b": b"x" * 52, "1/c": b""}


async def make(site: Site, files: Sequence[tuple[str, str]], *, facility: str = "FAC", size: int | None = None) -> int:
    place = await site.make("Facility", name=facility)
    kind = await site.make("InvestigationType", name="t", facility=place)
    dataset_type = await site.make("DatasetType", name="t", facility=place)
    inv = await site.make("Investigation", name="inv", visitId="1-1", title="t", facility=place, type=kind)
    ds = await site.make("Dataset", name="ds", investigation=inv, type=dataset_type)
    for name, location in files:
        members = {"name": name, "dataset": ds, "location": location, "datafileModTime": "2010-10-09T05:00:00Z"}
        await site.make("Datafile", **members, **({} if size is None else {"fileSize": size}))
    return ds


async def frozen(site: Site, dataset: int, freezing: Freezing) -> list[Run]:
    selections = Selections(site.database, site.rulebooks, Terms())
    async with selections.select(ROOT, Wanted(datasets=(dataset,))) as selected:
        return [run async for run in freezing.runs(selected)]


async def known(files: Sequence[FileVersion], _checksums: Sequence[str]) -> Integers:
    return integers([zlib.crc32(CONTENT[file.location]) if file.location != "1/b" else UNKNOWN_CRC for file in files])


async def test_entries_are_named_as_clients_expect(database: object) -> None:
    site = Site(database)  # type: ignore[arg-type]
    dataset = await make(site, [("a/df1.nxs", "1/a"), ("df 2.dat", "1/b")], facility="A B~é*")
    (run,) = await frozen(site, dataset, Freezing())
    assert [name.decode() for name in run.entries.names] == [
        "ids/A+B%7E%C3%A9*/inv/1-1/ds/a/df1.nxs",
        "ids/A+B%7E%C3%A9*/inv/1-1/ds/df 2.dat",
    ]
    assert run.locations == ["1/a", "1/b"]
    assert unpacked(run.packed()).entries.names == run.entries.names


async def test_no_name_leads_out_and_no_two_are_the_same(database: object) -> None:
    site = Site(database)  # type: ignore[arg-type]
    names = ["../../etc/x", "etc/x", "/etc/x", "a//b.txt", "a/b.txt", "line\nbreak", "C:/w", "..", "a\\b"]
    dataset = await make(site, [(name, f"1/{number}") for number, name in enumerate(names)])
    freezing = Freezing()
    (run,) = await frozen(site, dataset, freezing)
    folder = "ids/FAC/inv/1-1/ds/"
    ids = run.ids.tolist()
    assert [name.decode().removeprefix(folder) for name in run.entries.names] == [
        f"etc/x~{ids[0]}", "etc/x", f"etc/x~{ids[2]}", f"a/b~{ids[3]}.txt", "a/b.txt", "line_break", "w", "_", "a\\b",
    ]  # fmt: skip
    assert freezing.renamed == 3
    (windows,) = await frozen(site, dataset, Freezing(backslash_separates=True))
    assert windows.entries.names[8].decode() == f"{folder}a/b"


async def test_what_the_storage_says_goes_into_the_archive(database: object, tmp_path: Path) -> None:
    site = Site(database)  # type: ignore[arg-type]
    dataset = await make(site, [("a/df1.nxs", "1/a"), ("b", "1/b"), ("c", "1/c"), ("gone", "1/gone")], size=11)
    for location, content in CONTENT.items():
        (tmp_path / location).parent.mkdir(exist_ok=True)
        (tmp_path / location).write_bytes(content)
    storage = PosixStorage(tmp_path)
    looking = Looking(storage, known)
    runs = [await looking.look(run) for run in await frozen(site, dataset, Freezing())]
    findings = looking.findings
    assert runs[0].entries.sizes.tolist() == [11, 52, 0, 11]
    assert (findings.files, findings.size, findings.newest) == (4, 74, 1286600400)
    assert findings.absent == ["1/gone"]
    assert findings.mismatched == runs[0].ids.tolist()[1:3]
    assert (findings.unknown, findings.unknown_size) == (2, 63)
    assert isinstance(layout_for("zip", findings), ZipFramed)
    assert isinstance(layout_for("tar", findings), Tar)


async def test_the_golden_archive_comes_out_of_the_catalogue(database: object, tmp_path: Path) -> None:
    site = Site(database)  # type: ignore[arg-type]
    dataset = await make(site, [("a/df1.nxs", "1/a")])
    (tmp_path / "1").mkdir()
    (tmp_path / "1/a").write_bytes(CONTENT["1/a"])
    storage = PosixStorage(tmp_path)
    looking = Looking(storage, known)
    frozen_runs = await frozen(site, dataset, Freezing())
    runs = InMemory([await looking.look(run) for run in frozen_runs])
    assert frozen_runs[0].entries.sizes.tolist() in ([NOT_SAID], [0])
    archive = runs.measured(layout_for("zip", looking.findings))
    assert isinstance(archive.layout, ZipStored)
    assert archive.size == 183
    sender = Sender(storage)
    whole = b"".join([piece async for piece in sender.archive(archive, runs.load, 0, 183, lambda *_: None)])
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        assert opened.read("ids/FAC/inv/1-1/ds/a/df1.nxs") == b"hello world"
    sender.close()
