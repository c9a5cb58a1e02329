"""What every storage has to keep, as tests: subclass a contract, give a fixture `storage`, and run pytest.

They are asynchronous: pytest-asyncio runs them, in whichever mode it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from beamcat.errors import BadParameter, Unavailable
from beamcat.store.storage.contract import ArchiveStorage, DatasetPlace, MainStorage, NoSuchData, Recall

DATASET = DatasetPlace(2, "ds", None, 1, "inv", "1-1", 3, "FAC")
DIGITS = b"0123456789"
LARGE = bytes(range(256)) * 20_000
OUTSIDE = ["", "/etc/passwd", "../out", "a/../../out", "a//b", "a/./b", "nul\0", "a/"]
"""Locations that no storage may follow."""
PATIENCE_S = 60.0


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """Bytes as they come from a client."""
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def broken(size: int) -> AsyncIterator[bytes]:
    """Bytes of a client that goes away."""
    for _ in range(0, size, 500_000):
        yield b"x" * 500_000
    raise ConnectionResetError


async def content(storage: MainStorage, location: str, first: int = 0, stop: int = 1 << 40) -> bytes:
    """What the storage says is there."""
    return b"".join([piece async for piece in storage.read(location, first, stop)])


def same(given: bytes, wanted: bytes) -> bool:
    """Whether bytes are as they should be; a test that fails tells their sizes, not all that differs in megabytes."""
    where = next((at for at, pair in enumerate(zip(given, wanted, strict=False)) if pair[0] != pair[1]), None)
    if where is not None:
        pytest.fail(f"byte {where} of {len(given)} is {given[where]}, and should be {wanted[where]}")
    if len(given) != len(wanted):
        pytest.fail(f"there are {len(given)} bytes, and should be {len(wanted)}")
    return True


class MainStorageContract:
    """Subclasses give a `storage` that is empty."""

    pytestmark = pytest.mark.asyncio
    breaks_off_after = 2_000_000
    """Bytes after which an upload breaks off: more than the storage holds in memory."""

    @pytest.fixture
    def storage(self) -> Any:
        """The storage."""
        raise NotImplementedError

    async def test_what_is_put_can_be_read(self, storage: MainStorage) -> None:
        location = await storage.put(DATASET, "scan.h5", pieces(b"01234", b"", b"56789"))
        assert await content(storage, location) == DIGITS
        assert await content(storage, location, 3, 7) == b"3456"
        assert await content(storage, location, 8, 100) == b"89"
        assert await content(storage, location, 10, 20) == b""

    async def test_large_files_come_in_pieces(self, storage: MainStorage) -> None:
        location = await storage.put(DATASET, "large", pieces(LARGE[:3_000_000], LARGE[3_000_000:]))
        read = [piece async for piece in storage.read(location, 0, len(LARGE))]
        assert same(b"".join(read), LARGE)
        assert len(read) > 2
        assert await content(storage, location, 1_048_570, 1_048_590) == LARGE[1_048_570:1_048_590]

    async def test_a_location_can_be_given(self, storage: MainStorage) -> None:
        await storage.put_at("a/b c/é.dat", pieces(DIGITS))
        assert await content(storage, "a/b c/é.dat") == DIGITS
        await storage.put_at("a/b c/é.dat", pieces(b"new"))
        assert await content(storage, "a/b c/é.dat") == b"new"

    async def test_an_empty_file_is_a_file(self, storage: MainStorage) -> None:
        location = await storage.put(DATASET, "empty", pieces())
        assert await content(storage, location) == b""
        assert [stat.size for stat in await storage.stat([location]) if stat] == [0]

    async def test_what_is_known_of_it(self, storage: MainStorage) -> None:
        location = await storage.put(DATASET, "scan.h5", pieces(DIGITS))
        first, nothing = await storage.stat([location, "not/there"])
        assert nothing is None
        assert first is not None
        assert first.size == 10
        assert first == (await storage.stat([location]))[0]
        await asyncio.sleep(0.02)
        await storage.put_at(location, pieces(b"9876543210"))
        changed = (await storage.stat([location]))[0]
        assert changed is not None
        assert changed.etag != first.etag

    async def test_what_is_not_there(self, storage: MainStorage) -> None:
        with pytest.raises(NoSuchData):
            await content(storage, "not/there")
        await storage.delete(["not/there"])

    async def test_what_is_deleted_is_gone(self, storage: MainStorage) -> None:
        await storage.put_at("a/one", pieces(b"1"))
        await storage.put_at("a/two", pieces(b"2"))
        await storage.delete(["a/one", "a/other"])
        assert [stat is None for stat in await storage.stat(["a/one", "a/two"])] == [True, False]
        assert await content(storage, "a/two") == b"2"

    async def test_an_upload_that_breaks_off_leaves_nothing(self, storage: MainStorage) -> None:
        for size in (500_000, self.breaks_off_after):
            with pytest.raises(ConnectionResetError):
                await storage.put_at("a/broken", broken(size))
            assert await storage.stat(["a/broken"]) == [None]
            await storage.put_at("a/kept", pieces(DIGITS))
            with pytest.raises(ConnectionResetError):
                await storage.put_at("a/kept", broken(size))
            assert await content(storage, "a/kept") == DIGITS

    async def test_an_upload_that_is_cancelled_leaves_nothing(self, storage: MainStorage) -> None:
        begun = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(0, self.breaks_off_after, 500_000):
                yield b"x" * 500_000
            begun.set()
            await asyncio.Event().wait()

        upload = asyncio.create_task(storage.put_at("a/cancelled", endless()))
        await asyncio.wait({upload, asyncio.ensure_future(begun.wait())}, return_when=asyncio.FIRST_COMPLETED)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        assert await storage.stat(["a/cancelled"]) == [None]

    async def test_a_reader_may_stop_anywhere(self, storage: MainStorage) -> None:
        await storage.put_at("a/large", pieces(LARGE))
        reading = storage.read("a/large", 0, len(LARGE))
        first = await anext(reading)
        assert same(first, LARGE[: len(first)])
        await reading.aclose()  # type: ignore[attr-defined]
        assert same(await content(storage, "a/large", 5_000_000), LARGE[5_000_000:])

    async def test_a_reader_sees_one_version_alone(self, storage: MainStorage) -> None:
        await storage.put_at("a/large", pieces(LARGE))
        reading = storage.read("a/large", 0, len(LARGE))
        read = await anext(reading)
        await storage.put_at("a/large", pieces(bytes(len(LARGE))))
        try:
            read += b"".join([piece async for piece in reading])
        except Unavailable:
            assert same(read, LARGE[: len(read)])
        else:
            assert same(read, LARGE)

    async def test_a_size_may_be_told_beforehand(self, storage: MainStorage) -> None:
        location = await storage.put(DATASET, "known", pieces(DIGITS), len(DIGITS))
        assert await content(storage, location) == DIGITS
        await storage.put_at(location, pieces(LARGE), len(LARGE))
        assert same(await content(storage, location), LARGE)

    async def test_many_are_known_in_their_order(self, storage: MainStorage) -> None:
        for number in range(5):
            await storage.put_at(f"n/{number}", pieces(b"x" * number))
        asked = [f"n/{number}" for number in (4, 9, 0, 3, 3, 1)] * 50
        sizes = [stat.size if stat else None for stat in await storage.stat(asked)]
        assert sizes == [4, None, 0, 3, 3, 1] * 50
        assert await storage.stat([]) == []
        await storage.delete([])

    async def test_nothing_is_seen_before_it_is_whole(self, storage: MainStorage) -> None:
        seen: list[Sequence[object]] = []

        async def watched() -> AsyncIterator[bytes]:
            yield b"x" * 100
            seen.append(await storage.stat(["a/watched"]))

        await storage.put_at("a/watched", watched())
        assert seen == [[None]]
        assert await storage.stat(["a/watched"]) != [None]

    async def test_equal_names_do_not_overwrite_each_other(self, storage: MainStorage) -> None:
        first = await storage.put(DATASET, "same", pieces(b"1"))
        try:
            second = await storage.put(DATASET, "same", pieces(b"2"))
        except BadParameter:
            second = first
        else:
            assert await content(storage, second) == b"2"
        assert await content(storage, first) == b"1"

    @pytest.mark.parametrize("location", OUTSIDE)
    async def test_no_location_leads_out_of_it(self, storage: MainStorage, location: str) -> None:
        with pytest.raises(BadParameter):
            await content(storage, location)
        with pytest.raises(BadParameter):
            await storage.put_at(location, pieces(b"x"))
        with pytest.raises(BadParameter):
            await storage.stat([location])
        with pytest.raises(BadParameter):
            await storage.delete([location])

    async def test_many_at_once(self, storage: MainStorage) -> None:
        async def one(number: int) -> None:
            await storage.put_at(f"many/{number % 3}/{number}", pieces(b"%d" % number))
            assert await content(storage, f"many/{number % 3}/{number}") == b"%d" % number
            await storage.delete([f"many/{number % 3}/{number}"])

        await asyncio.gather(*map(one, range(100)))


class KeepsUploadsContract:
    """Subclasses give a `storage` in which uploads can wait, and which is empty."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def storage(self) -> Any:
        """The storage."""
        raise NotImplementedError

    async def test_an_upload_waits_until_it_is_a_file(self, storage: Any) -> None:
        upload, location = str(uuid4()), storage.new_location(DATASET, "scan.h5")
        assert await storage.stat_upload(upload) is None
        for first in (0, 4):
            opened = await storage.open_upload(upload)
            await opened.write(first, DIGITS[first : first + 6])
            await opened.sync()
            await opened.close()
        known = await storage.stat_upload(upload)
        assert known is not None
        assert known.size == len(DIGITS)
        assert await storage.stat([location]) == [None]
        assert b"".join([piece async for piece in storage.read_upload(upload)]) == DIGITS
        for _ in range(2):  # whoever was interrupted does it again
            await storage.place_upload(upload, location)
        assert await content(storage, location) == DIGITS
        assert [stat and stat.etag for stat in await storage.stat([location])] == [known.etag]
        await storage.forget_uploads([upload, str(uuid4())])
        assert await storage.stat_upload(upload) is None
        assert await content(storage, location) == DIGITS

    async def test_an_upload_takes_the_place_of_no_file(self, storage: Any) -> None:
        upload = str(uuid4())
        opened = await storage.open_upload(upload)
        await opened.write(0, b"new")
        await opened.close()
        await storage.put_at("a/there", pieces(DIGITS))
        with pytest.raises(BadParameter):
            await storage.place_upload(upload, "a/there")
        assert await content(storage, "a/there") == DIGITS

    async def test_an_upload_that_is_not_there_cannot_be_read(self, storage: Any) -> None:
        with pytest.raises(NoSuchData):
            [piece async for piece in storage.read_upload(str(uuid4()))]
        with pytest.raises(NoSuchData):
            await storage.place_upload(str(uuid4()), "a/b")


class ArchiveStorageContract:
    """Subclasses give a `storage` that is empty."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def storage(self) -> Any:
        """The storage."""
        raise NotImplementedError

    async def test_what_is_put_can_be_read_once_it_is_ready(self, storage: ArchiveStorage) -> None:
        await storage.put("1/2", pieces(LARGE[:3_000_000], b"", LARGE[3_000_000:]))
        await storage.put("1/3", pieces(), 0)
        await storage.request(["1/2", "1/3"])
        assert await settled(storage, ["1/2", "1/3"]) == Recall({}, {})
        assert same(await unit(storage, "1/2"), LARGE)
        assert await unit(storage, "1/3") == b""

    async def test_it_may_be_asked_for_again_and_again(self, storage: ArchiveStorage) -> None:
        await storage.put("1/2", pieces(DIGITS))
        for _ in range(2):
            await storage.request(["1/2"])
            await storage.request(["1/2"])
            await settled(storage, ["1/2"])
            assert await unit(storage, "1/2") == DIGITS
            assert await unit(storage, "1/2") == DIGITS
            await storage.release(["1/2"])
            await storage.release(["1/2", "1/9"])

    async def test_what_was_there_is_replaced(self, storage: ArchiveStorage) -> None:
        await storage.put("1/2", pieces(b"old"))
        await storage.request(["1/2"])
        await settled(storage, ["1/2"])
        await storage.put("1/2", pieces(b"new"))
        await storage.request(["1/2"])
        await settled(storage, ["1/2"])
        assert await unit(storage, "1/2") == b"new"

    async def test_a_unit_that_breaks_off_changes_nothing(self, storage: ArchiveStorage) -> None:
        with pytest.raises(ConnectionResetError):
            await storage.put("1/9", broken(2_000_000))
        await storage.put("1/2", pieces(DIGITS))
        with pytest.raises(ConnectionResetError):
            await storage.put("1/2", broken(2_000_000))
        await storage.request(["1/2", "1/9"])
        recall = await settled(storage, ["1/2", "1/9"])
        assert list(recall.lost) == ["1/9"]
        assert await unit(storage, "1/2") == DIGITS

    async def test_a_unit_that_never_comes_is_told_and_stops_no_other(self, storage: ArchiveStorage) -> None:
        await storage.put("1/2", pieces(DIGITS))
        await storage.request(["1/2", "not/there"])
        recall = await settled(storage, ["1/2", "not/there"])
        assert list(recall.lost) == ["not/there"]
        assert recall.lost["not/there"]
        assert await unit(storage, "1/2") == DIGITS
        with pytest.raises((NoSuchData, Unavailable)):
            await unit(storage, "not/there")

    async def test_what_is_deleted_is_gone(self, storage: ArchiveStorage) -> None:
        await storage.put("1/2", pieces(DIGITS))
        await storage.put("1/3", pieces(DIGITS))
        await storage.delete(["1/2", "1/9"])
        await storage.request(["1/2", "1/3"])
        assert list((await settled(storage, ["1/2", "1/3"])).lost) == ["1/2"]
        assert await unit(storage, "1/3") == DIGITS
        await storage.delete([])

    async def test_many_units_at_once(self, storage: ArchiveStorage) -> None:
        units = [f"{number % 3}/{number}" for number in range(20)]
        await asyncio.gather(*(storage.put(name, pieces(name.encode())) for name in units))
        await storage.request(units)
        await settled(storage, units)
        assert await asyncio.gather(*(unit(storage, name) for name in units)) == [name.encode() for name in units]

    @pytest.mark.parametrize("name", OUTSIDE)
    async def test_no_unit_leads_out_of_it(self, storage: ArchiveStorage, name: str) -> None:
        with pytest.raises(BadParameter):
            await storage.put(name, pieces(DIGITS))
        with pytest.raises(BadParameter):
            await unit(storage, name)
        for call in (storage.request, storage.ready, storage.delete):
            with pytest.raises(BadParameter):
                await call([name])


async def unit(storage: ArchiveStorage, name: str) -> bytes:
    """The bytes of a unit."""
    return b"".join([piece async for piece in storage.read(name)])


async def settled(storage: ArchiveStorage, units: Sequence[str]) -> Recall:
    """How far units are when none of them is waiting any longer."""
    async with asyncio.timeout(PATIENCE_S):
        while (recall := await storage.ready(units)).waiting:
            assert set(recall.waiting) <= set(units)
            await asyncio.sleep(0.05)
    assert set(recall.lost) <= set(units)
    return recall
