"""What every main storage has to keep: subclass it and give a `storage`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from beamcat.errors import BadParameter
from beamcat.store.storage.contract import DatasetPlace, MainStorage, NoSuchData

DATASET = DatasetPlace(2, "ds", None, 1, "inv", "1-1", 3, "FAC")
DIGITS = b"0123456789"


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def content(storage: MainStorage, location: str, first: int = 0, stop: int = 1 << 40) -> bytes:
    return b"".join([piece async for piece in storage.read(location, first, stop)])


class MainStorageContract:
    """Subclasses give a `storage` that is empty."""

    @pytest.fixture
    def storage(self) -> Any:
        raise NotImplementedError

    async def test_what_is_put_can_be_read(self, storage: MainStorage) -> None:
        location = await storage.put(DATASET, "scan.h5", pieces(b"01234", b"", b"56789"))
        assert await content(storage, location) == DIGITS
        assert await content(storage, location, 3, 7) == b"3456"
        assert await content(storage, location, 8, 100) == b"89"
        assert await content(storage, location, 10, 20) == b""

    async def test_large_files_come_in_pieces(self, storage: MainStorage) -> None:
        large = bytes(range(256)) * 20_000
        location = await storage.put(DATASET, "large", pieces(large[:3_000_000], large[3_000_000:]))
        read = [piece async for piece in storage.read(location, 0, len(large))]
        assert b"".join(read) == large
        assert len(read) > 2
        assert await content(storage, location, 1_048_570, 1_048_590) == large[1_048_570:1_048_590]

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
        async def broken() -> AsyncIterator[bytes]:
            yield b"x" * 2_000_000
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await storage.put_at("a/broken", broken())
        assert await storage.stat(["a/broken"]) == [None]
        await storage.put_at("a/kept", pieces(DIGITS))
        with pytest.raises(ConnectionResetError):
            await storage.put_at("a/kept", broken())
        assert await content(storage, "a/kept") == DIGITS

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

    @pytest.mark.parametrize("location", ["", "/etc/passwd", "../out", "a/../../out", "a//b", "a/./b", "nul\0", "a/"])
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
