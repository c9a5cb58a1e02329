"""Files of a storage are hashed: large ones by chunks, many at once, by several, killed and begun again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from beamcat.database.pool import Database
from beamcat.errors import Unavailable
from beamcat.store.archives.entries import UNKNOWN_CRC
from beamcat.store.digests import reading
from beamcat.store.digests.hasher import Hasher
from beamcat.store.digests.hashing import SMALLEST_PIECE
from beamcat.store.digests.reading import CHUNK, ChangedWhileRead, HashingReader, Unread
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Also, Digests, FileVersion
from beamcat.store.storage.contract import NoSuchData
from tests.running import eventually
from tests.store.digests.files import ObservedStorage, RemoteStorage, crc32, versions, write
from tests.store.digests.test_hashing import EVERYTHING, expected


@pytest.fixture(params=[ObservedStorage, RemoteStorage])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObservedStorage]:
    folder = tmp_path / "storage"
    folder.mkdir()
    with contextlib.closing(request.param(folder)) as storage:
        yield storage


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[RemoteStorage]:
    with contextlib.closing(RemoteStorage(tmp_path)) as storage:
        yield storage


@pytest.fixture
def reader(storage: ObservedStorage) -> Iterator[HashingReader]:
    with contextlib.closing(HashingReader(storage, 2)) as reader:
        yield reader


@pytest.fixture
def table(database: Database) -> DigestTable:
    return DigestTable(database, "main")


@pytest.fixture
def hasher(reader: HashingReader, table: DigestTable) -> Hasher:
    return Hasher(reader, table)


@pytest.fixture
def folder(storage: ObservedStorage) -> Path:
    return storage.local_path("x").parent


def some_files(folder: Path, number: int) -> dict[str, bytes]:
    chance = random.Random(7)
    files = {f"1/{each}": chance.randbytes(chance.choice([0, 1, 100, 70_000])) for each in range(number)}
    for location, data in files.items():
        write(folder, location, data)
    return files


def unread(reported: list[Unread]) -> dict[str, type]:
    return {each.file.location: type(each.error) for each in reported}


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, SMALLEST_PIECE + 3 * CHUNK + 17])
@pytest.mark.parametrize("also", [Also.NOTHING, EVERYTHING])
async def test_a_file_of_any_size(
    reader: HashingReader, storage: ObservedStorage, folder: Path, size: int, also: Also
) -> None:
    data = random.Random(size).randbytes(size)
    (file,) = await versions(storage, write(folder, "large", data))
    hashed: list[int] = []
    found = await reader.hash(file, also, hashed.append)
    assert found == (expected(data, SMALLEST_PIECE) if also else Digests(crc32(data)))
    assert sum(hashed) == size


async def test_large_files_are_read_side_by_side_and_not_all_in_memory(
    remote: RemoteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 1 << 12)
    data = random.Random(1).randbytes(1 << 20)
    files = await versions(remote, *(write(remote.local_path("x").parent, f"large{n}", data) for n in range(3)))
    with contextlib.closing(HashingReader(remote, 2)) as reader:
        found = await asyncio.gather(*(reader.hash(file, Also.USUAL) for file in files))
    assert set(found) == {Digests(crc32(data), *_usual(data))}
    assert len(remote.read_files) == 3 * (1 << 8)
    assert 4 <= remote.most_at_once <= reading.CHUNKS + 2


def _usual(data: bytes) -> tuple[int | None, bytes | None]:
    whole = expected(data, SMALLEST_PIECE)
    return whole.adler32, whole.sha256


async def test_missing_digests_are_computed_and_known_ones_are_not(
    hasher: Hasher, table: DigestTable, storage: ObservedStorage, folder: Path
) -> None:
    contents = some_files(folder, 200)
    files = await versions(storage, *contents)
    hashed: list[int] = []
    assert await hasher.fill(files[:50], hashed.append) == []
    assert await hasher.fill(files, hashed.append) == []
    assert sorted(storage.read_files) == sorted(contents)
    assert sum(hashed) == sum(file.size for file in files) + sum(file.size for file in files[:50])
    assert await table.digests(files) == [Digests(crc32(data), *_usual(data)) for data in contents.values()]


async def test_several_at_once_do_no_harm(
    reader: HashingReader, table: DigestTable, storage: ObservedStorage, folder: Path
) -> None:
    contents = some_files(folder, 300)
    files = await versions(storage, *contents)
    orders = [files, files[::-1], random.Random(3).sample(files, len(files))]
    assert await asyncio.gather(*(Hasher(reader, table).fill(order) for order in orders)) == [[], [], []]
    assert (await table.crcs(files)).now.tolist() == [crc32(data) for data in contents.values()]


async def test_bytes_that_change_meanwhile_are_reported_and_nothing_is_kept_of_them(
    hasher: Hasher, table: DigestTable, storage: ObservedStorage, folder: Path
) -> None:
    some_files(folder, 10)
    for changing in ("small", "large"):
        storage.changing = write(folder, changing, b"x" * (1000 if changing == "small" else 2 * CHUNK))
        files = await versions(storage, "1/3", changing)
        assert unread(await hasher.fill(files)) == {changing: ChangedWhileRead}
        assert (await table.crcs(files)).now.tolist()[1] == UNKNOWN_CRC
    (before,) = await versions(storage, "1/4")
    write(folder, "1/4", b"y" * before.size + b"z")
    assert unread(await hasher.fill([before])) == {"1/4": ChangedWhileRead}


async def test_files_that_cannot_be_read_are_reported_and_the_others_are_done(
    hasher: Hasher, table: DigestTable, storage: ObservedStorage, folder: Path
) -> None:
    there = await versions(storage, write(folder, "there", b"abc"))
    missing = [FileVersion("missing", 3, "e"), FileVersion("../out", 3, "e"), FileVersion("there/below", 3, "e")]
    reported = await hasher.fill([*missing, *there])
    assert set(unread(reported)) == {file.location for file in missing}
    assert unread(reported)["missing"] is NoSuchData
    assert (await table.crcs(there)).now.tolist() == [crc32(b"abc")]


@pytest.mark.parametrize("storage", [ObservedStorage], indirect=True)
async def test_an_unreadable_device_is_named(
    hasher: Hasher, storage: ObservedStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = await versions(storage, write(folder, "bad", b"abc"))

    def failing(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.preadv", failing)
        (reported,) = await hasher.fill([file])
    assert isinstance(reported.error, Unavailable)
    assert reported.error.message == "the storage cannot read bad: Input/output error"


async def test_what_was_done_before_a_kill_is_not_done_again(
    hasher: Hasher, table: DigestTable, storage: ObservedStorage, folder: Path, database_url: str
) -> None:
    contents = some_files(folder, 40)
    for number in range(3):
        contents[write(folder, f"stuck{number}", b"s")] = b"s"
    command = [sys.executable, "-m", "tests.store.digests.filling", database_url, str(folder), *contents]
    process = subprocess.Popen(command)
    with psycopg.connect(database_url, autocommit=True) as conn:

        def stored() -> int:
            row = conn.execute("SELECT count(*) FROM file_digest").fetchone()
            return row[0] if row else 0

        try:
            await asyncio.to_thread(eventually, lambda: stored() == 40)
        finally:
            process.kill()
            process.wait()
    files = await versions(storage, *contents)
    assert await hasher.fill(files) == []
    assert sorted(storage.read_files) == ["stuck0", "stuck1", "stuck2"]
    assert (await table.crcs(files)).now.tolist() == [crc32(data) for data in contents.values()]


async def test_giving_up_stops_all_reading(remote: RemoteStorage) -> None:
    folder = remote.local_path("x").parent
    files = await versions(remote, *(write(folder, f"{number}", b"x" * (3 * CHUNK)) for number in range(4)))
    with contextlib.closing(HashingReader(remote, 2)) as reader:
        for _ in range(20):
            batches = reader.batches(files, Also.USUAL)
            reads = asyncio.ensure_future(anext(batches))
            while not remote.at_once:
                await asyncio.sleep(0)
            reads.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reads
            await batches.aclose()
            assert remote.at_once == 0
        assert [each.crc32 for each in await asyncio.gather(*map(reader.hash, files))] == [crc32(b"x" * 3 * CHUNK)] * 4


async def test_a_thread_that_goes_on_after_giving_up_harms_no_file_that_is_read_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ones, read, go_on, has_gone_on = b"\1" * (2 * CHUNK), os.preadv, threading.Event(), threading.Event()

    def preadv(descriptor: int, buffers: list[memoryview], first: int) -> int:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "zeros":
            go_on.wait()
            length = read(descriptor, buffers, first)
            has_gone_on.set()
            return length
        length = read(descriptor, buffers, first)
        go_on.set()
        has_gone_on.wait()
        return length

    monkeypatch.setattr("os.preadv", preadv)
    with (
        contextlib.closing(ObservedStorage(tmp_path)) as storage,
        contextlib.closing(HashingReader(storage, 4)) as reader,
    ):
        given_up, wanted = await versions(
            storage, write(tmp_path, "zeros", bytes(2 * CHUNK)), write(tmp_path, "ones", ones)
        )
        task = asyncio.create_task(reader.hash(given_up, Also.USUAL))
        while len(storage.read_files) < 2:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await reader.hash(wanted, Also.USUAL) == Digests(crc32(ones), *_usual(ones))


async def test_a_file_that_is_another_one_by_now_is_not_even_read(tmp_path: Path) -> None:
    with (
        contextlib.closing(ObservedStorage(tmp_path)) as storage,
        contextlib.closing(HashingReader(storage, 2)) as reader,
    ):
        for size in (3, 2 * CHUNK):
            (before,) = await versions(storage, write(tmp_path, f"{size}", b"x" * size))
            with pytest.raises(ChangedWhileRead):
                await reader.hash(replace(before, etag="another"))
