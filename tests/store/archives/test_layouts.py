"""The bytes of archives: golden vectors, windows, and what every reader of such files makes of them."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from beamcat.errors import BadParameter
from beamcat.store.archives.archive import Layout
from beamcat.store.archives.entries import CrcNeeded
from beamcat.store.archives.tar import Tar
from beamcat.store.archives.zip_framed import ZipFramed, stored_length, stored_lengths
from beamcat.store.archives.zip_stored import ZipStored
from tests.store.archives.files import NOON, File, Written, entries_of

GOLDEN = [File("ids/FAC/inv/1-1/ds/a/df1.nxs", b"hello world")]
ODD_TIMES = (-(2**31) - 1, -1, 0, 315_532_799, 4_354_819_199, 2**31, 8_589_934_592)
LAYOUTS: list[Layout] = [ZipStored(), ZipFramed(), Tar()]
ZIPS: list[Layout] = [ZipStored(), ZipFramed()]
by_version = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.version)
zip_by_version = pytest.mark.parametrize("layout", ZIPS, ids=lambda layout: layout.version)

READ_ALL = """
import java.io.*; import java.util.zip.*;
public class ReadAll {
    public static void main(String[] a) throws Exception {
        long n = 0, bytes = 0; byte[] buffer = new byte[1 << 20];
        try (ZipInputStream in = new ZipInputStream(new BufferedInputStream(new FileInputStream(a[0]), 1 << 20))) {
            while (in.getNextEntry() != null) { n++; for (int r; (r = in.read(buffer)) > 0; ) bytes += r; }
        }
        try (ZipFile file = new ZipFile(a[0])) {
            if (file.size() != n) throw new Exception(file.size() + " in the directory, " + n + " in the stream");
        }
        System.out.println(n + " " + bytes);
    }
}
"""


def some_files() -> list[File]:
    chance = random.Random(5)
    sizes = [0, 1, 52, 65_534, 65_535, 65_536, 131_070, 131_071, 200_000]
    names = [f"ids/F/i/v/d/{number}.dat" for number in range(len(sizes))]
    names[3] = "ids/F/i/v/d/" + "deep/" * 30 + "x" * 60
    names[4] = "ids/F/i/v/d/" + "y" * 300
    names[5] = "ids/F/i/v/d/Röntgen/Å.dat"
    files = [File(name, chance.randbytes(size)) for name, size in zip(names, sizes, strict=True)]
    return files + [File(f"times/{time}", b"t", time=time) for time in ODD_TIMES]


@pytest.mark.parametrize(
    ("layout", "size", "digest"),
    [
        (ZipStored(), 183, "020ef16b82eaa4fa2b3c5c43f8a0f170ad010f81f68b551d1db39724604b5853"),
        (Tar(), 2048, "6b3a048e968b402743759533f0c679c4f4ac1be84c7697701663755171dc458a"),
    ],
    ids=["zip-1", "tar-1"],
)
async def test_the_golden_vectors(layout: Layout, size: int, digest: str) -> None:
    archive = Written(layout, GOLDEN)
    data = await archive.bytes()
    assert archive.measured.size == len(data) == size
    assert hashlib.sha256(data).hexdigest() == digest


async def test_the_golden_vector_of_nothing() -> None:
    assert await Written(ZipStored(), []).bytes() == b"PK\x05\x06" + bytes(18)


@by_version
async def test_an_archive_is_as_long_as_it_said(layout: Layout) -> None:
    for files in ([], GOLDEN, some_files()):
        archive = Written(layout, files)
        assert len(await archive.bytes()) == archive.measured.size


@by_version
async def test_every_byte_can_be_asked_for_alone(layout: Layout) -> None:
    archive = Written(layout, GOLDEN)
    whole = await archive.bytes()
    singly = [await archive.bytes(at, at + 1) for at in range(len(whole))]
    assert b"".join(singly) == whole


@by_version
async def test_any_window_is_that_part_of_the_whole(layout: Layout) -> None:
    chance = random.Random(7)
    files = [File(f"f{number:03}", chance.randbytes(chance.choice([0, 3, 100, 70_000]))) for number in range(300)]
    archive = Written(layout, files, run=17)
    whole = await archive.bytes()
    for _ in range(1000):
        first = chance.randrange(len(whole))
        stop = min(len(whole), first + chance.choice([1, 30, 1000, 200_000]))
        assert await archive.bytes(first, stop) == whole[first:stop]
    assert await archive.bytes(5, 5) == b""


@by_version
async def test_a_window_reads_only_the_runs_it_touches(layout: Layout) -> None:
    archive = Written(layout, [File(f"f{number}", b"x" * 1000) for number in range(100)], run=10)
    await archive.bytes(0, 500)
    assert archive.loaded == [0]
    archive.loaded.clear()
    middle = archive.measured.runs.bodies[5]
    await archive.bytes(middle, middle + 10)
    assert archive.loaded == [5]
    archive.loaded.clear()
    end = archive.measured.size
    await archive.bytes(end - 10, end)
    assert archive.loaded == []


@zip_by_version
async def test_python_and_java_and_unzip_read_it(layout: Layout, tmp_path: Path) -> None:
    files = some_files()
    path = await Written(layout, files).write(tmp_path / "archive.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert [(info.filename, info.file_size) for info in archive.infolist()] == [(f.name, f.size) for f in files]
        assert all(archive.read(file.name) == file.content for file in files)
        assert archive.infolist()[0].date_time == (2010, 10, 9, 5, 0, 0)
        years = [archive.getinfo(f"times/{time}").date_time[0] for time in ODD_TIMES]
        assert years == [1980, 1980, 1980, 1980, 2107, 2038, 2107]
    check(["unzip", "-tqq", path])
    check(["bsdtar", "-tf", path])
    check(["7zz", "t", path])
    assert java_reads(path, tmp_path) == (len(files), sum(file.size for file in files))


@zip_by_version
async def test_seventy_thousand_files_and_files_beyond_four_gibibytes(layout: Layout, tmp_path: Path) -> None:
    many = [File(f"m/{number}") for number in range(70_000)]
    path = await Written(layout, many, run=4096).write(tmp_path / "many.zip")
    with zipfile.ZipFile(path) as archive:
        assert len(archive.infolist()) == 70_000
    check(["unzip", "-tqq", path])
    check(["7zz", "t", path])
    assert java_reads(path, tmp_path) == (70_000, 0)

    large = [File("large", zeros=4 * 2**30 + 9), File("after", b"behind the large one")]
    path = await Written(layout, large).write(tmp_path / "large.zip")
    check(["7zz", "l", path])
    assert check(["bsdtar", "-xOf", path, "after"]) == b"behind the large one"
    if isinstance(layout, ZipStored):  # each reads four gibibytes: one of them for each layout
        check(["unzip", "-tqq", path])
    else:
        assert java_reads(path, tmp_path) == (2, 4 * 2**30 + 9 + 20)


async def test_python_and_gnu_tar_and_bsdtar_read_it(tmp_path: Path) -> None:
    files = [*some_files(), File("large", zeros=9 * 2**30 + 5), File("after", b"behind the large one")]
    path = await Written(Tar(), files).write(tmp_path / "archive.tar")
    with tarfile.open(path) as archive:
        found = [(member.name, member.size, int(member.mtime)) for member in archive]
        assert found == [(file.name, file.size, file.time) for file in files]
        for file in files[:9]:
            content = archive.extractfile(file.name)
            assert content is not None
            assert content.read() == file.content
    assert check(["tar", "-xOf", path, "after"]) == b"behind the large one"
    assert check(["bsdtar", "-xOf", path, "after"]) == b"behind the large one"
    for program in ("tar", "bsdtar"):
        names = check(["env", "LC_ALL=C.UTF-8", program, "--exclude=large", "-tf", path]).decode().splitlines()
        shown = {
            name.encode().decode("unicode_escape").encode("latin-1").decode() if "\\" in name else name
            for name in names
        }
        assert {file.name for file in files} - {"large"} == shown
    with path.open("rb") as whole:
        broken_off = io.BytesIO(whole.read(100_000))
    with tarfile.open(fileobj=broken_off) as archive:
        assert archive.next() is not None  # what has arrived of one that broke off can be used


@by_version
async def test_equal_entries_have_equal_tags_and_any_difference_shows(layout: Layout) -> None:
    files = some_files()
    tag = Written(layout, files).measured.etag
    assert tag == Written(layout, files, run=5).measured.etag
    assert tag.startswith(f'"{layout.tag}-')
    for changed in (
        [File(files[0].name, b"other"), *files[1:]],
        [File("other", files[0].content), *files[1:]],
        [File(files[0].name, files[0].content, time=NOON + 1), *files[1:]],
        files[1:],
        [files[1], files[0], *files[2:]],
    ):
        assert Written(layout, changed).measured.etag != tag


async def test_without_checksums_the_data_can_be_had_but_not_what_depends_on_them() -> None:
    files = [File("a", b"x" * 100_000), File("b", b"y" * 10)]
    archive = Written(ZipFramed(), files, crcs=False)
    whole = await Written(ZipFramed(), files).bytes()
    assert await archive.bytes(0, 50_000) == whole[:50_000]
    with pytest.raises(CrcNeeded):
        await archive.bytes(archive.measured.directory, archive.measured.size)
    assert await archive.bytes() == whole  # in one go each is known by the time it is needed
    assert await archive.bytes(archive.measured.directory, archive.measured.size) == whole[archive.measured.directory :]
    with pytest.raises(CrcNeeded):
        await Written(ZipStored(), files, crcs=False).bytes()


def test_blocks_never_add_up_to_the_length_that_readers_disagree_about() -> None:
    size = 2**32 - 1 - 5 * 65_533
    assert size + 5 * -(-size // 65_535) == 2**32 - 1
    assert stored_length(size) == 2**32 + 4
    assert stored_lengths(entries_of([File("z", zeros=1)]).sizes * size).tolist() == [2**32 + 4]
    assert stored_length(52) == 57


def test_a_name_that_no_archive_can_hold_is_refused() -> None:
    for name in ("", "n" * 65_536):
        with pytest.raises(BadParameter, match="65535"):
            entries_of([File(name)])


def check(command: list[str | Path]) -> bytes:
    assert shutil.which(str(command[0])), f"{command[0]} is not installed: scripts/debian-packages installs it"
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-2000:]
    return done.stdout


def java_reads(path: Path, folder: Path) -> tuple[int, int]:
    source = folder / "ReadAll.java"
    source.write_text(READ_ALL)
    entries, size = check(["java", source, path]).split()
    return int(entries), int(size)
