"""Bytes that go from files to a connection, over real ones."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from beamcat.store import direct
from beamcat.store.archives.archive import Layout
from beamcat.store.archives.tar import Tar
from beamcat.store.archives.zip_framed import ZipFramed
from beamcat.store.archives.zip_stored import ZipStored
from beamcat.store.deliveries.sockets import ClientGone, Connection
from beamcat.store.direct import beginning, send_directly
from beamcat.store.sending import READERS, DataChanged, Sender, Source
from tests.store.test_sending import Download

ROOM = 16 << 10
"""What a slow client has room for, and what the kernel keeps for it."""


class Ways:
    """A connection to a client, and what is told of the bytes that go there."""

    def __init__(self, *, narrow: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.socket()
            if narrow:
                self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
            self.client.connect(listener.getsockname())
            self.server, _ = listener.accept()
        self.server.setblocking(False)
        self.connection = Connection(self.server.dup(), self.server.fileno())
        self.told = 0
        self.told_before_last: int | None = None

    async def send(self, sender: Sender, sources: AsyncIterator[Source], length: int) -> None:
        """Send to the client, then let go as the server does."""
        try:
            await send_directly(
                sender, sources, length, self.connection, told=self._tell, before_last=self._note_the_last
            )
        finally:
            self.server.close()

    async def received(self, pause_s: float = 0.0) -> bytes:
        """What the client gets, to the end."""
        content = bytearray()
        reader, writer = await asyncio.open_connection(sock=self.client, limit=ROOM)
        while piece := await reader.read(ROOM if pause_s else 1 << 20):
            content += piece
            await asyncio.sleep(pause_s)
        writer.close()
        return bytes(content)

    def _tell(self, length: int) -> None:
        self.told += length

    async def _note_the_last(self) -> None:
        self.told_before_last = self.told


@contextlib.contextmanager
def ways(*, narrow: bool = False) -> Iterator[Ways]:
    opened = Ways(narrow=narrow)
    try:
        yield opened
    finally:
        opened.connection.close()
        opened.server.close()
        opened.client.close()


async def sources(download: Download, sender: Sender, first: int, stop: int) -> AsyncIterator[Source]:
    async for source in sender.archive_sources(download.measured, download.load, first, stop, download.learn):
        yield source


async def delivered(download: Download, sender: Sender, first: int, stop: int) -> bytes:
    with ways() as way:
        sending = way.send(sender, sources(download, sender, first, stop), stop - first)
        _, content = await asyncio.gather(sending, way.received())
        assert way.told == stop - first
        assert way.told_before_last is not None
        assert way.told_before_last < way.told
    return content


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    sender = Sender(Download(tmp_path, Tar()).storage)
    yield sender
    sender.close()


@pytest.mark.parametrize("crcs", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("layout", [ZipStored(), ZipFramed(), Tar()], ids=lambda layout: layout.version)
async def test_what_arrives_is_what_the_server_would_have_sent(
    layout: Layout, crcs: bool, tmp_path: Path, sender: Sender
) -> None:
    if isinstance(layout, ZipStored) and not crcs:
        return  # there is no such archive
    download = Download(tmp_path, layout)
    whole = await download.bytes(sender)
    if not crcs:
        download = Download(tmp_path, layout, crcs=False)
    assert await delivered(download, sender, 0, len(whole)) == whole
    for first, stop in [(0, 1), (5, 70_000), (len(whole) - 1, len(whole)), (1_200_000, 4_100_000)]:
        assert await delivered(download, sender, first, stop) == whole[first:stop]


async def test_a_slow_client_gets_every_byte_and_holds_no_thread(tmp_path: Path, sender: Sender) -> None:
    download = Download(tmp_path, ZipStored())
    whole = await download.bytes(sender)
    size = len(whole)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(ways(narrow=True)) for _ in range(READERS + 4)]
        waiting = [asyncio.create_task(way.send(sender, sources(download, sender, 0, size), size)) for way in slow]
        while not all(way.told for way in slow):
            await asyncio.sleep(0.001)
        async with asyncio.timeout(20):
            assert await delivered(download, sender, 0, size) == whole  # though more wait than there are threads
        assert not any(task.done() for task in waiting)
        assert all(way.told < size for way in slow)
        assert await slow[0].received(0.0001) == whole
        await waiting[0]
        for way in slow[1:]:
            way.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            way.client.close()
        ended = await asyncio.gather(*waiting[1:], return_exceptions=True)
        assert {type(each) for each in ended} == {ClientGone}


async def test_a_client_that_ends_the_connection_is_noticed(
    tmp_path: Path, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "LOOK_S", 0.05)
    download = Download(tmp_path, ZipStored())
    size = download.measured.size
    with ways(narrow=True) as way:
        sending = asyncio.create_task(way.send(sender, sources(download, sender, 0, size), size))
        while not way.told:
            await asyncio.sleep(0.001)
        way.server.close()  # which the server does when the client has said that there is no more to come
        with pytest.raises(ClientGone):
            await sending
        assert way.told < size
        assert way.told_before_last is None


async def test_a_file_that_changes_while_it_is_sent_ends_the_response(tmp_path: Path, sender: Sender) -> None:
    for change in (b"x" * 200_000, b"y" * 3_000_000):  # shorter; as long as before
        download = Download(tmp_path, Tar())
        size = download.measured.size
        first = download.measured.runs.bodies[3] + len(download.contents[6]) + 4096  # within file 7
        whole = await download.bytes(sender)
        with ways(narrow=True) as way:
            sending = asyncio.create_task(way.send(sender, sources(download, sender, first, size), size - first))
            while not way.told:
                await asyncio.sleep(0.001)
            (tmp_path / "7").write_bytes(change)
            receiving = asyncio.create_task(way.received())
            with pytest.raises(DataChanged, match="at 7 has changed"):
                await sending
            way.connection.close()
            received = await receiving
            assert len(received) < size - first
            assert whole[first:].startswith(received)
            assert way.told_before_last is None


async def test_what_cannot_be_read_is_an_error_before_anything_is_sent(tmp_path: Path, sender: Sender) -> None:
    download = Download(tmp_path, ZipStored())
    begun = await beginning(sender, sources(download, sender, 0, download.measured.size))
    assert len(begun) == 3  # an empty file, the header of the next, and that
    (tmp_path / "1").write_bytes(b"xx")
    with pytest.raises(DataChanged):
        await beginning(sender, sources(download, sender, 0, download.measured.size))


async def test_files_that_the_kernel_cannot_send_are_read(
    tmp_path: Path, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(errno.EINVAL, "not in this way")

    monkeypatch.setattr(os, "sendfile", refused)
    download = Download(tmp_path, ZipStored())
    whole = await download.bytes(sender)
    assert await delivered(download, sender, 0, len(whole)) == whole


async def test_parts_of_one_file_may_be_small_and_large(tmp_path: Path, sender: Sender) -> None:
    download = Download(tmp_path, Tar())
    (stat,) = await download.storage.stat(["7"])
    assert stat is not None
    parts = [(5, 7), (100_000, 2_000_000), (2_500_000, 2_500_001), (0, 40_000)]

    async def each() -> AsyncIterator[Source]:
        for first, stop in parts:
            async for source in sender.file_sources("7", stat, first, stop):
                yield source

    length = sum(stop - first for first, stop in parts)
    with ways() as way:
        _, content = await asyncio.gather(way.send(sender, each(), length), way.received())
    assert content == b"".join(download.contents[7][first:stop] for first, stop in parts)


async def test_nothing_stays_open(tmp_path: Path, sender: Sender) -> None:
    download = Download(tmp_path, ZipStored())
    size = download.measured.size
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with ways(narrow=True) as way:
            sending = asyncio.create_task(way.send(sender, sources(download, sender, 0, size), size))
            while not way.told:
                await asyncio.sleep(0.001)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
