"""The check of files finds what is wrong, goes on where it ended, and fills the table on its way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from beamcat.database.pool import Database
from beamcat.errors import Unavailable
from beamcat.store.archives.entries import UNKNOWN_CRC
from beamcat.store.digests import checking, reading
from beamcat.store.digests.checking import CheckTerms, FileChecker, Finding, Step
from beamcat.store.digests.reading import HashingReader
from beamcat.store.digests.table import DigestTable
from beamcat.store.locations import signed
from tests.catalogue.site import Site
from tests.command import Command, one_line
from tests.store.digests.files import ObservedStorage, RemoteStorage, crc32, versions, write

CRC32 = CheckTerms(checksums_are_crc32=True)


@dataclass(frozen=True)
class Data:
    """A dataset with files."""

    site: Site
    dataset: int
    storage: ObservedStorage
    folder: Path
    reader: HashingReader
    table: DigestTable

    async def file(self, name: str, data: bytes | None = None, **members: Any) -> int:
        """A datafile, and its file unless there is no `data`; the catalogue is right unless `members` say otherwise."""
        location = f"1/{name}" if data is None else write(self.folder, f"1/{name}", data)
        right = {"location": location, "fileSize": len(data or b""), "checksum": f"{crc32(data or b''):x}"}
        return await self.site.make("Datafile", name=name, dataset=self.dataset, **{**right, **members})

    async def check(self, terms: CheckTerms = CRC32, limit: int | None = None) -> list[Step]:
        return [step async for step in FileChecker(self.reader, self.table, terms).check(limit)]

    async def findings(self, terms: CheckTerms = CRC32) -> dict[int, str]:
        """What a check of everything finds."""
        await FileChecker(self.reader, self.table, terms).start_over()
        steps = await self.check(terms)
        assert sum(step.files for step in steps) == await self.site.value(
            "SELECT count(*) FROM datafile WHERE location IS NOT NULL"
        )
        found = [finding for step in steps for finding in step.findings]
        assert len({finding.datafile for finding in found}) == len(found)
        return {finding.datafile: finding.what for finding in found}

    async def crcs(self, *names: str) -> list[int]:
        files = await versions(self.storage, *(f"1/{name}" for name in names))
        return [int(crc) for crc in (await self.table.crcs(files)).now]

    async def position(self) -> int:
        return await FileChecker(self.reader, self.table, CRC32).position()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[ObservedStorage]:
    folder = tmp_path / "storage"
    folder.mkdir()
    storage = ObservedStorage(folder)
    yield storage
    storage.close()


@pytest.fixture
async def data(database: Database, storage: ObservedStorage) -> Any:
    site = Site(database)
    facility = await site.make("Facility", name="FAC")
    kind = await site.make("InvestigationType", name="t", facility=facility)
    dataset_type = await site.make("DatasetType", name="t", facility=facility)
    inv = await site.make("Investigation", name="inv", visitId="1-1", title="t", facility=facility, type=kind)
    dataset = await site.make("Dataset", name="ds", investigation=inv, type=dataset_type)
    with contextlib.closing(HashingReader(storage, 2)) as reader:
        yield Data(site, dataset, storage, storage.local_path("x").parent, reader, DigestTable(database, "main"))


async def test_what_is_right_is_not_found_and_its_digests_are_kept(data: Data) -> None:
    for name in ("a", "b"):
        await data.file(name, name.encode() * 100)
    await data.site.make("Datafile", name="nowhere", dataset=data.dataset)
    assert await data.findings() == {}
    assert await data.crcs("a", "b") == [crc32(b"a" * 100), crc32(b"b" * 100)]
    assert await data.site.value("SELECT count(*) FROM file_digest WHERE checked IS NOT NULL") == 2


async def test_every_kind_of_finding_has_its_words(data: Data) -> None:
    right = await data.file("right", b"abc")
    size_null = await data.file("size null", b"abc")
    await data.site.rows("UPDATE datafile SET file_size = NULL WHERE id = %s RETURNING id", size_null)
    found = {
        size_null: "file size null",
        await data.file("size wrong", b"abc", fileSize=4): "file size wrong",
        await data.file("checksum null", b"abc", checksum=None): "checksum null",
        await data.file("checksum wrong", b"abc", checksum="1"): "checksum wrong",
        await data.file("md5", b"abc", checksum="900150983cd24fb0d6963f7d28e17f72"): "checksum wrong",
        await data.file("missing"): "there is no data at 1/missing",
        await data.file("outside", location="../outside"): "'../outside' is no location in this storage",
    }
    assert await data.findings() == found
    assert await data.findings() == found
    assert right not in found
    unread = {"missing", "outside"}
    names = [row[0] for row in await data.site.rows("SELECT name FROM datafile") if row[0] not in unread]
    assert await data.crcs(*names) == [crc32(b"abc")] * 6


async def test_other_checksums_are_left_alone_unless_the_settings_say_what_they_are(data: Data) -> None:
    await data.file("null", b"abc", checksum=None)
    await data.file("md5", b"abc", checksum="900150983cd24fb0d6963f7d28e17f72")
    wrong = await data.file("size", b"abc", fileSize=4)
    assert await data.findings(CheckTerms()) == {wrong: "file size wrong"}


async def test_bytes_that_rot_are_found_by_their_digests_again_and_again(data: Data) -> None:
    rotten = await data.file("rotten", b"abc", checksum=None)
    await data.file("sound", b"abc", checksum=None)
    assert await data.findings(CheckTerms()) == {}
    path = data.folder / "1/rotten"
    before = path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for _ in range(2):
        assert await data.findings(CheckTerms()) == {rotten: "checksum wrong"}
    assert await data.crcs("rotten") == [crc32(b"abc")]
    path.touch()
    assert await data.findings(CheckTerms()) == {}
    assert await data.crcs("rotten") == [crc32(b"abd")]


async def test_locations_are_checked_with_the_key(data: Data) -> None:
    unsigned = await data.file("unsigned", b"abc")
    key_signed = await data.file("signed", b"abc")
    await data.site.change("Datafile", key_signed, location=signed(key_signed, "1/signed", "wombat"))
    (found,) = (await data.findings(CheckTerms(True, ("wombat",)))).items()
    assert found[0] == unsigned
    assert "is not signed" in found[1]
    assert await data.crcs("signed", "unsigned") == [crc32(b"abc"), UNKNOWN_CRC]


async def test_two_datafiles_of_one_file_are_both_found(data: Data) -> None:
    first = await data.file("one", b"abc", checksum="1")
    second = await data.file("two", location="1/one", fileSize=3, checksum="2")
    await data.file("three", location="1/one", fileSize=3, checksum=f"{crc32(b'abc'):x}")
    assert await data.findings() == {first: "checksum wrong", second: "checksum wrong"}
    assert data.storage.read_files.count("1/one") == 1


async def test_a_file_that_changes_while_it_is_read_is_told_and_not_kept(data: Data) -> None:
    changing = await data.file("changing", b"abc")
    data.storage.changing = "1/changing"
    assert await data.findings() == {changing: "the data at 1/changing changed while it was read; try again"}
    assert await data.crcs("changing") == [UNKNOWN_CRC]


async def test_datafiles_that_change_while_they_are_checked_are_not_reported(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted, corrected, wrong = [await data.file(name, b"abc", fileSize=4) for name in ("a", "b", "c")]
    table_store = data.table.store

    async def store(*arguments: Any) -> Any:
        await data.site.delete(("Datafile", deleted))
        await data.site.change("Datafile", corrected, fileSize=3)
        return await table_store(*arguments)

    monkeypatch.setattr(data.table, "store", store)
    steps = await data.check()
    assert [finding.datafile for step in steps for finding in step.findings] == [wrong]


async def test_a_check_goes_on_where_the_last_one_ended(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "PAGE", 2)
    ids = [await data.file(f"f{number}", b"abc", fileSize=4) for number in range(5)]

    def found(steps: list[Step]) -> list[int]:
        return [finding.datafile for step in steps for finding in step.findings]

    assert sorted(found(await data.check(limit=3))) == ids[:3]
    assert await data.position() == ids[2]
    assert sorted(found(await data.check())) == ids[3:]
    assert await data.position() == 0
    assert sorted(found(await data.check())) == ids
    await data.check(limit=3)
    await FileChecker(data.reader, data.table, CRC32).start_over()
    assert sorted(found(await data.check(limit=1))) == ids[:1]


async def test_what_was_not_handed_on_is_found_again(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "PAGE", 2)
    ids = [await data.file(f"f{number}", b"abc", fileSize=4) for number in range(5)]
    taken: list[int] = []
    async with contextlib.aclosing(FileChecker(data.reader, data.table, CRC32).check()) as steps:
        async for step in steps:
            if ids[2] in (finding.datafile for finding in step.findings):
                break  # killed, before the findings of this step were written
            taken += [finding.datafile for finding in step.findings]
    assert sorted(taken) == ids[:2]
    rest = [finding.datafile for step in await data.check() for finding in step.findings]
    assert sorted(rest) == ids[2:]


async def test_the_position_does_not_pass_a_file_that_is_still_read(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_SECONDS", 0.0)
    remote = RemoteStorage(data.folder)
    first, slow, *_, last = [await data.file(name, b"abc") for name in ("first", "slow", "b", "c")]
    held = remote.held["1/slow"] = asyncio.Event()
    files, positions = 0, []
    with contextlib.closing(remote), contextlib.closing(HashingReader(remote, 2)) as reader:
        async with contextlib.aclosing(FileChecker(reader, data.table, CRC32).check()) as steps:
            async for step in steps:
                files += step.files
                positions.append(step.position)
                if files == 3:
                    held.set()
    assert positions[0] == first - 1
    assert set(positions[1:-1]) <= {first - 1, slow - 1}
    assert (positions[-2], positions[-1]) == (slow - 1, last)


async def test_a_storage_that_is_away_ends_the_check_where_it_is(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [await data.file(f"f{number}", b"abc") for number in range(3)]
    await data.check(limit=1)

    async def away(*_: object) -> list[Any]:
        raise Unavailable("the storage is away")

    with monkeypatch.context() as patch:
        patch.setattr(data.storage, "stat", away)
        with pytest.raises(Unavailable):
            await data.check()
    assert await data.position() == ids[0]


def test_a_finding_does_nothing_to_a_terminal() -> None:
    finding = Finding(datetime(2026, 11, 21, tzinfo=UTC), 7, "é\x1b[2J\n", "x", "checksum wrong")
    assert finding.line == r"2026-11-21T00:00:00Z: Datafile 7 (é\x1b[2J\n) checksum wrong"


@pytest.fixture
def beamcat(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, database_url: str
) -> Command:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    monkeypatch.setenv("BEAMCAT_STORE__MAIN__PATH", str(tmp_path / "storage"))
    monkeypatch.setenv("BEAMCAT_IDS__CATALOGUE_CHECKSUMS_ARE_CRC32", "true")
    return Command(monkeypatch, capsys, tmp_path)


async def test_the_command_prints_what_is_wrong(data: Data, beamcat: Command, tmp_path: Path) -> None:
    await data.file("a", b"abc")
    wrong = await data.file("b c", b"abc", checksum="1")
    done = await asyncio.to_thread(beamcat, "check", "--limit", "1")
    assert (done.status, done.out) == (0, "")
    assert done.err == "1 datafiles checked, 3 bytes read: 0 findings.\n"
    done = await asyncio.to_thread(beamcat, "check")
    assert done.status == 1
    assert done.out.endswith(f"Z: Datafile {wrong} (b c) checksum wrong\n")
    assert done.err == "1 datafiles checked, 3 bytes read: 1 findings.\n"
    await asyncio.to_thread(beamcat, "check", "--limit", "1")
    done = await asyncio.to_thread(beamcat, "check", "--from-start", "--json")
    (finding,) = map(json.loads, done.out.splitlines())
    assert finding.pop("at")
    assert finding == {"datafileId": wrong, "name": "b c", "location": "1/b c", "finding": "checksum wrong"}
    assert "2 datafiles" in done.err


def test_the_command_says_what_it_cannot_do(beamcat: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "make it, or mount its disk" in one_line(beamcat("check"))
    (tmp_path / "storage").mkdir()
    assert beamcat("check").err == "0 datafiles checked, 0 bytes read: 0 findings.\n"
    monkeypatch.setenv("BEAMCAT_STORE__ARCHIVE", json.dumps({"kind": "posix", "path": str(tmp_path)}))
    assert "archive storage" in one_line(beamcat("check"))
