"""What targets have in common whose bytes Beamcat moves itself: batches as tasks of this process.

A ticket says only that a batch was begun. A process that finds one it knows nothing of begins it again: what is there
already is planned as such.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import logger
from beamcat.store.targets.contract import Action, Batch, Begun, Failure, Order, Planned, Progress, State

TICKET = "here"


@dataclass(slots=True)
class Moved:
    """How far a batch is."""

    files: int = 0
    bytes: int = 0
    failed: list[Failure] = field(default_factory=list)


Told = Callable[[int], None]
"""Is told how many more bytes of a file have been moved."""


class Moving:
    """`begin`, `poll` and `cancel` of a target that moves files in this process, so many at a time."""

    def __init__(self, files_at_once: int) -> None:
        self._turns = asyncio.Semaphore(files_at_once)
        self._files_at_once = files_at_once
        self._tasks: dict[tuple[int, int], tuple[asyncio.Task[None], Moved]] = {}
        self._ready: dict[int, asyncio.Task[None]] = {}

    async def prepare(self, order: Order) -> None:
        """Make the place ready, once before this process moves anything: nobody else works on it."""
        raise NotImplementedError

    async def move(self, order: Order, planned: Planned, told: Told) -> None:
        """Put one file there, whole or not at all, and tell of its bytes on the way."""
        raise NotImplementedError

    async def end_batch(self, order: Order, files: Sequence[Planned]) -> None:
        """Make sure that what was moved outlives a power cut."""

    async def begin(self, batch: Batch) -> str:
        """Begin to move a batch."""
        self._start(batch)
        return TICKET

    async def poll(self, begun: Sequence[Begun]) -> Sequence[Progress]:
        """How far batches are."""
        told = []
        for each in begun:
            task, moved = self._start(each.batch)
            if not task.done():
                told.append(Progress(State.WORKING, moved.files, moved.bytes, detail="moving"))
                continue
            del self._tasks[each.batch.order.id, each.batch.number]
            task.result()
            told.append(Progress(State.DONE, moved.files, moved.bytes, tuple(moved.failed)))
        return told

    async def cancel(self, order: Order, tickets: Sequence[str]) -> None:
        """Stop what is under way."""
        await self.let_go(order)

    async def let_go(self, order: Order) -> None:
        """Stop working on a request here."""
        keys = [key for key in self._tasks if key[0] == order.id]
        tasks = [self._tasks.pop(key)[0] for key in keys]
        if (ready := self._ready.pop(order.id, None)) is not None:
            tasks.append(ready)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, batch: Batch) -> tuple[asyncio.Task[None], Moved]:
        key = (batch.order.id, batch.number)
        if key not in self._tasks:
            moved = Moved()
            self._tasks[key] = (asyncio.create_task(self._move_all(batch, moved)), moved)
        return self._tasks[key]

    async def _prepared(self, order: Order) -> None:
        if order.id not in self._ready:
            self._ready[order.id] = asyncio.create_task(self.prepare(order))
        await asyncio.shield(self._ready[order.id])

    async def _move_all(self, batch: Batch, moved: Moved) -> None:
        await self._prepared(batch.order)
        files = await batch.files()
        waiting = iter(files)

        async def some() -> None:
            for planned in waiting:
                async with self._turns:
                    await self._move(batch.order, planned, moved)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._files_at_once, len(files))):
                group.create_task(some())
        await self.end_batch(batch.order, files)

    async def _move(self, order: Order, planned: Planned, moved: Moved) -> None:
        passed = 0

        def told(bytes_: int) -> None:
            nonlocal passed
            passed += bytes_
            moved.bytes += bytes_

        try:
            if planned.action is not Action.SKIP:
                await self.move(order, planned, told)
        except (BeamcatError, OSError) as error:
            moved.bytes -= passed
            reason = error.message if isinstance(error, BeamcatError) else error.strerror or type(error).__name__
            final = isinstance(error, BeamcatError) and error.kind in {ErrorKind.NOT_FOUND, ErrorKind.BAD_PARAMETER}
            logger().warning("a file could not be moved", download=order.id, file=planned.file.id, error=str(error))
            moved.failed.append(Failure(planned.file.id, reason, final))
        else:
            moved.bytes += planned.file.size - passed
            moved.files += 1
