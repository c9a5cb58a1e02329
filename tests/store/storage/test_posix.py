"""The main storage in a directory."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from beamcat.errors import BadParameter, Unavailable
from beamcat.store.storage.contract import MainStorage, NoSuchData, StorageFull
from beamcat.store.storage.posix import PosixStorage
from beamcat.testing.storage import DATASET, DIGITS, KeepsUploadsContract, MainStorageContract, content, pieces


class TestPosixStorage(MainStorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[MainStorage]:
        storage = PosixStorage(tmp_path)
        yield storage
        storage.close()


class TestPosixStorageByName(MainStorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[MainStorage]:
        storage = PosixStorage(tmp_path, layout="name")
        yield storage
        storage.close()


class TestPosixUploads(KeepsUploadsContract):
    @pytest.fixture(params=["uuid", "name"])
    def storage(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[PosixStorage]:
        storage = PosixStorage(tmp_path, layout=request.param)
        yield storage
        storage.close()


def test_nobody_reads_or_names_an_upload_as_a_file(tmp_path: Path) -> None:
    storage = PosixStorage(tmp_path)
    for location in (".uploads/x", ".incoming/x"):
        with pytest.raises(BadParameter):
            storage.local_path(location)
    storage.close()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    base = tmp_path / "base"
    base.mkdir()
    return base


async def test_files_lie_where_their_location_says(base: Path) -> None:
    storage = PosixStorage(base)
    location = await storage.put(DATASET, "a/scan.h5", pieces(DIGITS))
    assert location.startswith("1/2/")
    assert (base / location).read_bytes() == DIGITS
    assert storage.local_path(location) == base / location
    named = PosixStorage(base, layout="name")
    assert await named.put(DATASET, "a/scan.h5", pieces(DIGITS)) == "FAC/inv/1-1/ds/a/scan.h5"
    for name in ("../x", "a//b", "", "x" * 256):
        with pytest.raises(BadParameter):
            await named.put(DATASET, name, pieces(DIGITS))


async def test_folders_that_become_empty_are_removed(base: Path) -> None:
    storage = PosixStorage(base)
    await storage.put_at("a/b/c/one", pieces(b"1"))
    await storage.put_at("a/two", pieces(b"2"))
    await storage.delete(["a/b/c/one"])
    assert [path.name for path in (base / "a").iterdir()] == ["two"]
    await storage.delete(["a/two"])
    assert not (base / "a").exists()
    assert base.exists()


async def test_links_do_not_lead_out(base: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (base / "link").symlink_to(tmp_path / "secret")
    (base / "folder").symlink_to(tmp_path)
    storage = PosixStorage(base)
    for location in ("link", "folder/secret"):
        with pytest.raises(NoSuchData):
            await content(storage, location)
    with pytest.raises(BadParameter, match="leads out"):
        await storage.put_at("folder/new", pieces(b"x"))
    assert not (tmp_path / "new").exists()
    permitted = PosixStorage(base, also_below=[tmp_path])
    assert await content(permitted, "link") == b"secret"


async def test_only_files_are_read(base: Path) -> None:
    os.mkfifo(base / "pipe")
    (base / "folder").mkdir()
    storage = PosixStorage(base)
    for location in ("pipe", "folder"):
        assert await storage.stat([location]) == [None]
        with pytest.raises(NoSuchData):
            await content(storage, location)


def test_a_storage_that_is_not_mounted_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is not there"):
        PosixStorage(tmp_path / "missing")


async def test_a_full_disk_is_told_and_leaves_nothing(base: Path) -> None:
    script = (
        "import asyncio, errno, os, sys; from pathlib import Path; real = os.write\n"
        "def full(descriptor, data):\n"
        "    if os.fstat(descriptor).st_size > 1000000: raise OSError(errno.ENOSPC, 'full')\n"
        "    return real(descriptor, data)\n"
        "os.write = full\n"
        "from beamcat.store.storage.posix import PosixStorage; from beamcat.store.storage.contract import StorageFull\n"
        "async def pieces():\n"
        "    for _ in range(5): yield bytes(1000000)\n"
        "async def main():\n"
        "    try: await PosixStorage(Path(sys.argv[1])).put_at('a/b', pieces())\n"
        "    except StorageFull as error: print(error.message)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(base)], capture_output=True, text=True, check=True)
    assert "no room left" in done.stdout
    assert [path for path in base.rglob("*") if path.is_file()] == []
    assert issubclass(StorageFull, Exception)


async def test_a_cancelled_write_takes_no_descriptor_away_from_its_thread(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    written_to: list[str] = []

    def slow(descriptor: int, data: bytes) -> None:
        writing.set()
        go_on.wait(20)
        written_to.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr("beamcat.store.storage.folder._write_all", slow)
    upload = asyncio.create_task(PosixStorage(base).put_at("a", pieces(DIGITS)))
    await asyncio.to_thread(writing.wait)
    upload.cancel()
    await asyncio.sleep(0.05)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert [Path(path).parent.name for path in written_to] == [".incoming"]
    assert [path for path in base.rglob("*") if path.is_file()] == []


async def test_a_killed_writer_leaves_nothing_but_what_can_be_forgotten(base: Path) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path; from beamcat.store.storage.posix import PosixStorage\n"
        "async def pieces():\n"
        "    yield bytes(1000000)\n"
        "    print('writing', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(PosixStorage(Path(sys.argv[1])).put_at('a/b', pieces()))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(base)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    storage = PosixStorage(base)
    assert await storage.stat(["a/b"]) == [None]
    assert await storage.forget_unfinished(time.time() - 3600) == 0
    assert await storage.forget_unfinished(time.time() + 1) == 1
    assert [path for path in base.rglob("*") if path.is_file()] == []


async def test_a_reader_that_goes_away_leaves_no_file_open(base: Path) -> None:
    storage = PosixStorage(base)
    await storage.put_at("a", pieces(bytes(5_000_000)))
    before = open_files()
    for _ in range(20):
        reading: AsyncIterator[bytes] = storage.read("a", 0, 5_000_000)
        await anext(reading)
        await reading.aclose()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    assert open_files() <= before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
