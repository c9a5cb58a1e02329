"""Who does what is in the queue: every worker of every server, so much at a time."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from beamcat.errors import BeamcatError
from beamcat.observability.logs import logger
from beamcat.store.units.operations import Moves, perform
from beamcat.store.units.queue import Queue
from beamcat.store.units.transitions import ARCHIVE, DELETE, RESTORE, WRITE, Operation
from beamcat.store.units.values import Taken

ROUND_S = 0.5
"""Pause between two looks at the queue."""
LONGEST_ROUND_S = 30.0
"""The same, while the database is away."""
OVERDUE_EVERY_S = 30.0
"""How often a worker looks for restores that are past their deadline."""
LANES: Sequence[tuple[Operation, ...]] = ((WRITE, DELETE), (ARCHIVE,), (RESTORE,))
"""Operations that do not wait for each other."""
RECALLS_AT_ONCE = 4
"""Batches of units that a worker brings back at a time; most of them wait for the archive."""
BATCH = {"dataset": {WRITE: 1, ARCHIVE: 8, RESTORE: 16}, "datafile": {WRITE: 500, ARCHIVE: 500, RESTORE: 500}}
"""Units that are taken together."""


@dataclass(slots=True)
class Worker:
    """The operations of this worker."""

    queue: Queue
    moves: Moves
    round_s: float = ROUND_S
    _tasks: dict[asyncio.Task[None], Sequence[Taken]] = field(default_factory=dict)
    _renewed: dict[UUID, float] = field(default_factory=dict)
    _looked_for_overdue: float = -OVERDUE_EVERY_S

    async def work(self) -> None:
        """Take operations and do them, until cancelled; those under way are then put back for others."""
        keeping = asyncio.create_task(self._keep())
        try:
            pause = self.round_s
            while True:
                try:
                    await self.give_up_overdue()
                    await self.take_some()
                    pause = self.round_s
                except BeamcatError as error:
                    pause = min(2 * pause, LONGEST_ROUND_S)
                    logger().warning("the queue cannot be read", error=error.message, again_in_s=pause)
                except Exception:
                    pause = min(2 * pause, LONGEST_ROUND_S)
                    logger().exception("the queue is not worked on", again_in_s=pause)
                await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - spreads, hides nothing
        finally:
            keeping.cancel()
            await self._stop()
            await asyncio.gather(keeping, return_exceptions=True)

    async def take_some(self) -> int:
        """Begin what there is to do and room for; how many units."""
        begun = 0
        for lane in LANES:
            at_once = RECALLS_AT_ONCE if RESTORE in lane else 1
            while sum(units[0].operation in lane for units in self._tasks.values()) < at_once:
                units = await self.queue.take(lane, BATCH[self.queue.kind][lane[0]])
                if not units:
                    break
                self._begin(units)
                begun += len(units)
        return begun

    async def give_up_overdue(self) -> None:
        """Flag restores that are past their deadline, if nobody has looked for a while."""
        if time.monotonic() - self._looked_for_overdue < OVERDUE_EVERY_S:
            return
        self._looked_for_overdue = time.monotonic()
        given_up = await self.queue.give_up_overdue()
        if given_up:
            logger().warning("restores are past their deadline, and given up", units=given_up)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, units: Sequence[Taken]) -> None:
        task = asyncio.create_task(perform(self.moves, self.queue, units))
        self._tasks[task] = units
        self._renewed[units[0].ticket] = time.monotonic()
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        units = self._tasks.pop(task, None)
        if units:
            self._renewed.pop(units[0].ticket, None)
        if not task.cancelled() and task.exception() is not None:
            logger().error("an operation ended without a word; it is taken up again", exc_info=task.exception())

    async def _keep(self) -> None:
        """Renew what is under way; what could not be renewed in time is not ours any more, and is stopped."""
        lease_s = self.queue.terms.lease.total_seconds()
        while True:
            await asyncio.sleep(lease_s / 4)
            tickets = list(self._renewed)
            if not tickets:
                continue
            asked = time.monotonic()
            try:
                kept = await self.queue.renew(tickets)
            except BeamcatError as error:
                kept = set()
                logger().warning("operations could not be renewed", error=error.message)
            for ticket in kept & self._renewed.keys():
                self._renewed[ticket] = asked
            for task, units in list(self._tasks.items()):
                if time.monotonic() - self._renewed.get(units[0].ticket, asked) > lease_s * 0.9:
                    task.cancel()

    async def _stop(self) -> None:
        """Stop what is under way, and put it back."""
        tasks = dict(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for units in tasks.values():
            with contextlib.suppress(BeamcatError):
                await self.queue.give_back(units)
