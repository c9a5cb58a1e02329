"""What was read a moment ago, so that a busy worker need not read it again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ShortMemory(Generic[K, V]):
    """Values by key, each trusted for `seconds` from the moment before it was read.

    At most `most` are kept, those used longest ago go first. Readers of one key at the same time share one reading.
    Absence (None) is not remembered.
    """

    def __init__(
        self,
        read: Callable[[K], Awaitable[V | None]],
        seconds: float,
        most: int,
        ticks: Callable[[], float],
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._most = most
        self._ticks = ticks
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._reading: dict[K, tuple[float, asyncio.Task[V | None]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: K) -> V | None:
        """The value of the key, None when there is none. Errors of the reading reach everybody who waits for it."""
        now = self._ticks()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < self._seconds:
            self._kept.move_to_end(key)
            return kept[1]
        reading = self._reading.get(key)
        if reading is None or now - reading[0] >= self._seconds:
            reading = (now, asyncio.create_task(self._read_and_keep(key, now)))
            reading[1].add_done_callback(_retrieve)
            self._reading[key] = reading
        return await asyncio.shield(reading[1])  # one reader who gives up does not stop it for the others

    def forget(self, key: K) -> None:
        """Read the key anew next time; what is being read now is not kept."""
        self._kept.pop(key, None)
        self._reading.pop(key, None)

    def forget_all(self) -> None:
        """Read everything anew; what is being read now is not kept."""
        self._kept.clear()
        self._reading.clear()

    async def _read_and_keep(self, key: K, started: float) -> V | None:
        try:
            value = await self._read(key)
            if self._is_latest(key):
                self._keep(key, started, value)
            return value
        finally:
            if self._is_latest(key):
                del self._reading[key]

    def _is_latest(self, key: K) -> bool:
        reading = self._reading.get(key)
        return reading is not None and reading[1] is asyncio.current_task()

    def _keep(self, key: K, started: float, value: V | None) -> None:
        if value is None:
            self._kept.pop(key, None)
            return
        self._kept[key] = (started, value)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _retrieve(task: asyncio.Task[V | None]) -> None:
    """Look at the outcome, which asyncio would complain about if every reader had given up."""
    if not task.cancelled():
        task.exception()
