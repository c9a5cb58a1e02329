"""A few at a time, and not too many in line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from beamcat.errors import Unavailable


class Turnstile:
    """Lets `at_once` in at a time and `waiting_at_most` stand in line, so that a crowd does not fill the memory."""

    def __init__(self, at_once: int, waiting_at_most: int) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._room = at_once + waiting_at_most
        self._present = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn, and have it. `Unavailable` at once when the line is full."""
        if self._present >= self._room:
            raise Unavailable("Too many logins are waiting; try again in a moment")
        self._present += 1
        try:
            async with self._slots:
                yield
        finally:
            self._present -= 1
