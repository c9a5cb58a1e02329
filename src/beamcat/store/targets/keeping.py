"""Who works on requests to targets: every worker of every server, each on requests of its own, by lease."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from uuid import UUID

from beamcat.errors import BeamcatError
from beamcat.observability.logs import logger
from beamcat.store.targets.table import TargetTable
from beamcat.store.targets.values import Taken
from beamcat.store.targets.working import Work

AT_ONCE = 8
"""Requests that a worker works on at a time."""
ROUND_S = 0.5
"""Pause between two looks for requests."""
LONGEST_ROUND_S = 30.0
"""The same, while the database is away."""


@dataclass(slots=True)
class Keeper:
    """The requests of this worker. `targets` are the names of those that the settings hold."""

    table: TargetTable
    work: Work
    targets: tuple[str, ...]
    round_s: float = ROUND_S
    _tasks: dict[asyncio.Task[None], Taken] = field(default_factory=dict)
    _renewed: dict[UUID, float] = field(default_factory=dict)

    async def keep(self) -> None:
        """Work on requests until cancelled; those under way are then let go for others."""
        keeping = asyncio.create_task(self._renew())
        try:
            pause = self.round_s
            while True:
                try:
                    await self.take_some()
                    pause = self.round_s
                except BeamcatError as error:
                    pause = min(2 * pause, LONGEST_ROUND_S)
                    logger().warning("requests to targets cannot be read", error=error.message, again_in_s=pause)
                except Exception:
                    pause = min(2 * pause, LONGEST_ROUND_S)
                    logger().exception("requests to targets are not worked on", again_in_s=pause)
                await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - spreads, hides nothing
        finally:
            keeping.cancel()
            await self._stop()
            await asyncio.gather(keeping, return_exceptions=True)

    async def take_some(self) -> int:
        """Begin with requests that nobody works on; how many."""
        room = AT_ONCE - len(self._tasks)
        taken = await self.table.take(self.targets, room) if room > 0 else []
        for each in taken:
            task = asyncio.create_task(self.work.work_on(each))
            self._tasks[task] = each
            self._renewed[each.ticket] = time.monotonic()
            task.add_done_callback(self._ended)
        return len(taken)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        taken = self._tasks.pop(task, None)
        if taken is not None:
            self._renewed.pop(taken.ticket, None)
        if not task.cancelled() and task.exception() is not None:
            logger().error("work on a request ended without a word; it is taken up again", exc_info=task.exception())

    async def _renew(self) -> None:
        """Renew the leases; what could not be renewed in time is not ours any more, and is stopped."""
        lease_s = self.table.lease.total_seconds()
        while True:
            await asyncio.sleep(lease_s / 4)
            tickets = list(self._renewed)
            if not tickets:
                continue
            asked = time.monotonic()
            try:
                kept = await self.table.renew(tickets)
            except BeamcatError as error:
                kept = set()
                logger().warning("requests to targets could not be renewed", error=error.message)
            for ticket in kept & self._renewed.keys():
                self._renewed[ticket] = asked
            for task, taken in list(self._tasks.items()):
                if time.monotonic() - self._renewed.get(taken.ticket, asked) > lease_s * 0.9:
                    task.cancel()

    async def _stop(self) -> None:
        tasks = dict(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            with contextlib.suppress(BeamcatError):
                await self.table.release([taken.ticket for taken in tasks.values()])
