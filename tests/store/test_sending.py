"""The bytes of archives and files on their way out, from a real storage."""

from __future__ import annotations

import asyncio
import io
import random
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from beamcat.store import sending
from beamcat.store.archives.archive import Layout, measure
from beamcat.store.archives.entries import UNKNOWN_CRC, CrcNeeded, Entries, integers
from beamcat.store.archives.tar import Tar
from beamcat.store.archives.zip_framed import ZipFramed
from beamcat.store.archives.zip_stored import ZipStored
from beamcat.store.downloads import ArchiveDownload, moment
from beamcat.store.frozen import Run, unpacked
from beamcat.store.sending import DataChanged, Sender
from beamcat.store.storage.contract import Stat
from beamcat.store.storage.posix import PosixStorage

SIZES = [0, 1, 100, 65_535, 65_536, 70_000, 1_048_576, 3_000_000, 5]
LAYOUTS: list[Layout] = [ZipStored(), ZipFramed(), Tar()]


class NotLocal:
    """A storage whose bytes are read by its own means only."""

    def __init__(self, storage: PosixStorage) -> None:
        self.read = storage.read
        self.stat = storage.stat


class Download:
    """Files in a storage, and an archive of them in runs of two."""

    def __init__(self, base: Path, layout: Layout, *, crcs: bool = True) -> None:
        chance = random.Random(3)
        self.base = base
        self.storage = PosixStorage(base)
        self.contents = [chance.randbytes(size) for size in SIZES]
        self.runs = []
        for first in range(0, len(SIZES), 2):
            some = list(range(first, min(first + 2, len(SIZES))))
            stats = [self._write(number) for number in some]
            known = [zlib.crc32(self.contents[number]) if crcs else UNKNOWN_CRC for number in some]
            entries = Entries(
                [f"f/{number}".encode() for number in some],
                integers([stat.size for stat in stats]),
                integers(known),
                integers([1286600400] * len(some)),
                [stat.etag.encode() for stat in stats],
            )
            run = Run(
                entries, integers(some), integers([1] * len(some)), [str(number) for number in some], [""] * len(some)
            )
            self.runs.append(unpacked(run.packed()))
        self.measured = measure(layout, [run.entries for run in self.runs])
        self.learned: list[tuple[int, int, int]] = []

    def _write(self, number: int) -> Stat:
        (self.base / str(number)).write_bytes(self.contents[number])
        descriptor, stat = self.storage.open(str(number))
        sending.os.close(descriptor)
        return stat

    async def load(self, number: int) -> Run:
        return self.runs[number]

    def learn(self, run: int, place: int, crc: int) -> None:
        self.learned.append((run, place, crc))

    def pieces(self, sender: Sender, first: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        stop = self.measured.size if stop is None else stop
        return sender.archive(self.measured, self.load, first, stop, self.learn)

    async def bytes(self, sender: Sender, first: int = 0, stop: int | None = None) -> bytes:
        return b"".join([piece async for piece in self.pieces(sender, first, stop)])


@pytest.fixture(params=["opened here", "read by the storage"])
def sender_of(request: pytest.FixtureRequest) -> Iterator[Any]:
    senders = []

    def make(download: Download) -> Sender:
        storage: Any = download.storage if request.param == "opened here" else NotLocal(download.storage)
        senders.append(Sender(storage))
        return senders[-1]

    yield make
    for sender in senders:
        sender.close()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.version)
async def test_an_archive_leaves_as_it_was_measured(layout: Layout, tmp_path: Path, sender_of: Any) -> None:
    download = Download(tmp_path, layout)
    sender = sender_of(download)
    whole = await download.bytes(sender)
    assert len(whole) == download.measured.size
    if not isinstance(layout, Tar):
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            assert archive.testzip() is None
            assert [archive.read(name) for name in archive.namelist()] == download.contents
    chance = random.Random(1)
    for _ in range(40):
        first = chance.randrange(len(whole))
        stop = min(len(whole), first + chance.choice([1, 5000, 900_000]))
        assert await download.bytes(sender, first, stop) == whole[first:stop]


async def test_checksums_are_learned_while_files_pass(tmp_path: Path, sender_of: Any) -> None:
    download = Download(tmp_path, ZipFramed(), crcs=False)
    sender = sender_of(download)
    with pytest.raises(CrcNeeded):
        await download.bytes(sender, download.measured.directory)
    assert download.learned == []
    whole = await download.bytes(sender)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
    found = {run * 2 + place: crc for run, place, crc in download.learned}
    assert found == {number: zlib.crc32(content) for number, content in enumerate(download.contents)}
    assert await download.bytes(sender, download.measured.directory) == whole[download.measured.directory :]


async def test_any_window_can_be_had_without_checksums(tmp_path: Path, sender_of: Any) -> None:
    whole = await Download(tmp_path, ZipFramed()).bytes(Sender(PosixStorage(tmp_path)))
    chance = random.Random(4)
    for _ in range(25):
        download = Download(tmp_path, ZipFramed(), crcs=False)
        sender = sender_of(download)
        fetched = ArchiveDownload(download.measured, download.load, moment(0), download.learn)
        first = chance.choice([0, chance.randrange(len(whole)), download.measured.directory + 5])
        stop = chance.choice([len(whole), min(len(whole), first + chance.choice([1, 500, 200_000]))])
        assert b"".join([piece async for piece in fetched.pieces(sender, first, stop)]) == whole[first:stop]
        for run, place, crc in download.learned:
            assert crc == zlib.crc32(download.contents[run * 2 + place])


async def test_a_file_that_passes_in_part_teaches_nothing(tmp_path: Path, sender_of: Any) -> None:
    download = Download(tmp_path, ZipFramed(), crcs=False)
    await download.bytes(
        sender_of(download), download.measured.runs.bodies[3] + 5, download.measured.runs.bodies[3] + 500
    )
    assert download.learned == []


async def test_a_file_leaves_as_it_is(tmp_path: Path, sender_of: Any) -> None:
    download = Download(tmp_path, Tar())
    sender = sender_of(download)
    stat = (await download.storage.stat(["7"]))[0]
    assert stat is not None
    assert b"".join([piece async for piece in sender.file("7", stat, 0, 3_000_000)]) == download.contents[7]
    assert (
        b"".join([piece async for piece in sender.file("7", stat, 5, 2_000_009)]) == download.contents[7][5:2_000_009]
    )


async def test_a_file_that_is_no_longer_the_same_is_not_sent(tmp_path: Path) -> None:
    download = Download(tmp_path, ZipStored())
    sender = Sender(download.storage)
    sent = 0
    (tmp_path / "5").write_bytes(b"x" * 69_999)
    with pytest.raises(DataChanged, match="at 5 has changed"):
        async for piece in download.pieces(sender):
            sent += len(piece)
    assert sent < download.measured.size
    (tmp_path / "5").write_bytes(b"x" * 70_000)  # as long as before, written later
    with pytest.raises(DataChanged):
        await download.bytes(sender)
    (tmp_path / "5").unlink()
    with pytest.raises(Exception, match="no data at 5"):
        await download.bytes(sender)
    sender.close()


async def test_a_slow_client_is_sent_little_at_a_time_and_a_fast_one_much(tmp_path: Path) -> None:
    download = Download(tmp_path, ZipStored())
    sender = Sender(download.storage)
    stat = (await download.storage.stat(["7"]))[0]
    assert stat is not None
    slow = []
    async for piece in sender.file("7", stat, 0, 1_000_000):
        slow.append(len(piece))
        await asyncio.sleep(0.15)
        if len(slow) == 4:
            break
    assert set(slow) == {sending.SMALLEST_PIECE}
    fast = [len(piece) async for piece in sender.file("7", stat, 0, 3_000_000)]
    assert max(fast) > 8 * sending.SMALLEST_PIECE
    sent = 0
    for piece in fast:  # buffers on the way would swallow large ones of any client
        assert piece <= max(sending.SMALLEST_PIECE, sent // 2)
        sent += piece
    sender.close()


async def test_whoever_goes_away_leaves_nothing_open(tmp_path: Path) -> None:
    download = Download(tmp_path, ZipStored())
    sender = Sender(download.storage)
    await download.bytes(sender)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        pieces: Any = download.pieces(sender, download.measured.runs.bodies[3] - 100)
        for _ in range(4):
            await anext(pieces)
        await pieces.aclose()
    await asyncio.sleep(0.05)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    sender.close()
