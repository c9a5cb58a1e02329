"""The work on requested downloads that one worker of all does, woken by those who change them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import psycopg

from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, Unavailable
from beamcat.events.leading import FOLLOW_S, leadership
from beamcat.observability.logs import logger
from beamcat.store.requests.downloads import CHANNEL
from beamcat.store.requests.opening import DownloadRequests

LOOK_EVERY_S = 1.0
"""How often there is a look without being woken: for what is due, and what a crash has left."""
FORGET_EVERY = timedelta(hours=1)
REMIND_EVERY_S = 30.0
"""How often it is looked who has to be reminded."""
PAUSE_S = 5.0
"""Pause after the database was away."""

Turn = Callable[[], Awaitable[bool]]
"""One piece of work; True when the next one is to follow at once."""


async def keep_advancing(database: Database, requests: DownloadRequests, *, follow_s: float = FOLLOW_S) -> None:
    """Bring downloads forward until cancelled."""
    advancing, forgetting, reminding = requests.advancing, _Forgetting(requests), _Reminding(requests)
    turns: Sequence[Turn] = (
        *(advancing.prepare, advancing.look, advancing.start_queued),
        *(forgetting.turn, reminding.turn),
    )
    await _keep(database, "downloads", turns, follow_s)


async def keep_posting(database: Database, requests: DownloadRequests, *, follow_s: float = FOLLOW_S) -> None:
    """Send mails until cancelled. It has a lead of its own, so that a slow mail server holds up nothing else."""
    if requests.posting is not None:
        await _keep(database, "download mails", (requests.posting.send,), follow_s)


class _Forgetting:
    """Removes old carts now and then."""

    def __init__(self, requests: DownloadRequests) -> None:
        self._carts = requests.carts
        self._next = 0.0

    async def turn(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now >= self._next:
            self._next = now + FORGET_EVERY.total_seconds()
            await self._carts.forget_anonymous()
        return False


class _Reminding:
    """Reminds of downloads that have come to a stop, now and then."""

    def __init__(self, requests: DownloadRequests) -> None:
        self._reminders = requests.reminders
        self._next = 0.0

    async def turn(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now >= self._next:
            self._next = now + REMIND_EVERY_S
            await self._reminders.write()
        return False


async def _keep(database: Database, name: str, turns: Sequence[Turn], follow_s: float) -> None:
    """Take the turns whenever woken, while nobody else does under this name."""
    while True:
        try:
            async with leadership(database, name, follow_s=follow_s) as connection:
                await connection.execute(f"LISTEN {CHANNEL}".encode())
                await _lead(connection, turns)
        except BeamcatError as error:
            logger().warning("work on downloads has to wait", work=name, error=error.message)
        except Exception:
            logger().exception("work on downloads has to wait", work=name)
        await asyncio.sleep(PAUSE_S)


async def _lead(connection: Connection, turns: Sequence[Turn]) -> None:
    """Do the work for as long as the connection lives, which holds the lead."""
    wakers = [asyncio.Event() for _ in turns]
    async with contextlib.AsyncExitStack() as stack:
        tasks = [asyncio.create_task(_take(turn, woken)) for turn, woken in zip(turns, wakers, strict=True)]
        stack.push_async_callback(_end, tasks)
        while True:
            try:
                async for _ in connection.notifies(timeout=LOOK_EVERY_S, stop_after=1):
                    pass
                if connection.closed:
                    raise Unavailable("the connection is lost")
            except psycopg.OperationalError as error:
                raise Unavailable(f"the connection is lost: {error}") from error
            for woken in wakers:
                woken.set()


async def _take(turn: Turn, woken: asyncio.Event) -> None:
    while True:
        woken.clear()
        try:
            while await turn():
                pass
        except BeamcatError as error:
            logger().warning("work on downloads failed", error=error.message)
        except Exception:
            logger().exception("work on downloads failed")
        await woken.wait()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
