"""Files of a storage are hashed: large ones by chunks, many at once, by several, killed and begun again."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
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
from tests.store.digests.files import ObservedStorage, crc32, versions, write
from tests.store.digests.test_hashing import EVERYTHING, expected


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[ObservedStorage]:
    folder = tmp_path / "storage"
    folder.mkdir()
    storage = ObservedStorage(folder)
    yield storage
    storage.close()


@pytest.fixture
def reader(storage: ObservedStorage) -> Iterator[HashingReader]:
    reader = HashingReader(storage, 2)
    yield reader
    reader.close()


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
    reader: HashingReader, storage: ObservedStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 1 << 12)
    data = random.Random(1).randbytes(1 << 20)
    files = await versions(storage, *(write(folder, f"large{number}", data) for number in range(3)))
    found = await asyncio.gather(*(reader.hash(file, Also.USUAL) for file in files))
    assert set(found) == {Digests(crc32(data), *_usual(data))}
    assert len(storage.read_files) == 3 * (1 << 8)
    assert 4 <= storage.most_at_once <= reading.CHUNKS + 2


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


async def test_an_unreadable_device_is_named(
    hasher: Hasher, storage: ObservedStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = await versions(storage, write(folder, "bad", b"abc"))

    def failing(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.pread", failing)
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


async def test_giving_up_stops_all_reading(reader: HashingReader, storage: ObservedStorage, folder: Path) -> None:
    files = await versions(storage, *(write(folder, f"{number}", b"x" * (3 * CHUNK)) for number in range(4)))
    batches = reader.batches(files, Also.USUAL)
    reads = asyncio.ensure_future(anext(batches))
    while not storage.at_once:
        await asyncio.sleep(0)
    reads.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reads
    await batches.aclose()
    assert storage.at_once == 0
    assert [each.crc32 for each in await asyncio.gather(*map(reader.hash, files))] == [crc32(b"x" * 3 * CHUNK)] * 4
