from __future__ import annotations

import asyncio

import pytest

from beamcat.access.short_memory import ShortMemory
from beamcat.errors import Unavailable

from .clock import Clock


class Source:
    """Something slow to read, that counts how often it is."""

    def __init__(self) -> None:
        self.values: dict[str, int | None] = {"a": 1, "b": 2, "c": 3}
        self.readings = 0
        self.open = asyncio.Event()
        self.open.set()
        self.broken = False

    async def read(self, key: str) -> int | None:
        self.readings += 1
        value = self.values.get(key)
        await self.open.wait()
        if self.broken:
            raise Unavailable("away")
        return value


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def memory(source: Source, clock: Clock) -> ShortMemory[str, int]:
    return ShortMemory(source.read, 1.0, 2, clock.ticks)


async def test_a_value_is_read_once_a_second(memory: ShortMemory[str, int], source: Source, clock: Clock) -> None:
    assert [await memory.get("a"), await memory.get("a")] == [1, 1]
    source.values["a"] = 7
    clock.advance(seconds=0.999)
    assert await memory.get("a") == 1
    clock.advance(seconds=0.001)
    assert await memory.get("a") == 7
    assert source.readings == 2


async def test_absence_is_not_remembered(memory: ShortMemory[str, int], source: Source) -> None:
    assert await memory.get("z") is None
    source.values["z"] = 26
    assert await memory.get("z") == 26


async def test_a_value_that_vanished_is_dropped(memory: ShortMemory[str, int], source: Source, clock: Clock) -> None:
    await memory.get("a")
    source.values["a"] = None
    clock.advance(seconds=1)
    assert await memory.get("a") is None
    assert len(memory) == 0


async def test_only_the_latest_used_are_kept(memory: ShortMemory[str, int], source: Source) -> None:
    for key in ("a", "b", "a", "c"):
        await memory.get(key)
    assert len(memory) == 2
    before = source.readings
    await memory.get("a")
    assert source.readings == before
    await memory.get("b")
    assert source.readings == before + 1


async def test_readers_at_the_same_time_share_one_reading(memory: ShortMemory[str, int], source: Source) -> None:
    assert await asyncio.gather(*(memory.get("a") for _ in range(50))) == [1] * 50
    assert source.readings == 1


async def test_age_counts_from_before_the_reading(memory: ShortMemory[str, int], source: Source, clock: Clock) -> None:
    source.open.clear()
    reader = asyncio.create_task(memory.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance(seconds=0.6)
    source.open.set()
    await reader
    clock.advance(seconds=0.5)
    await memory.get("a")
    assert source.readings == 2


async def test_a_reading_that_hangs_is_not_joined_after_its_time(
    memory: ShortMemory[str, int], source: Source, clock: Clock
) -> None:
    source.open.clear()
    early = asyncio.create_task(memory.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.values["a"] = 7
    clock.advance(seconds=1)
    late = asyncio.create_task(memory.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.open.set()
    assert [await early, await late] == [1, 7]
    assert await memory.get("a") == 7


async def test_what_was_being_read_when_it_changed_is_not_kept(memory: ShortMemory[str, int], source: Source) -> None:
    source.open.clear()
    reader = asyncio.create_task(memory.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.values["a"] = 7
    memory.forget("a")
    source.open.set()
    assert await reader == 1
    assert await memory.get("a") == 7


async def test_an_error_reaches_every_reader_and_is_not_kept(memory: ShortMemory[str, int], source: Source) -> None:
    source.broken = True
    results = await asyncio.gather(memory.get("a"), memory.get("a"), return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable, Unavailable]
    source.broken = False
    assert await memory.get("a") == 1


async def test_a_reader_who_gives_up_does_not_disturb_the_others(memory: ShortMemory[str, int], source: Source) -> None:
    source.open.clear()
    readers = [asyncio.create_task(memory.get("a")) for _ in range(2)]
    await asyncio.sleep(0)
    readers[0].cancel()
    await asyncio.sleep(0)
    source.open.set()
    assert await readers[1] == 1
    assert readers[0].cancelled()
