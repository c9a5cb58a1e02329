"""The parent process: it starts what a server needs, replaces what dies, and stops everything when asked to.

Neither a killed worker nor a killed PostgreSQL ends the service; a killed parent takes its workers with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx

from beamcat.config import Settings
from beamcat.database.file_counts import maintain_file_counts
from beamcat.database.pool import Database
from beamcat.database.schema import assert_current, current_version, initialise
from beamcat.observability.logs import logger
from beamcat.observability.metrics import DIRECTORY_VARIABLE, prepare_directory
from beamcat.serve.databases import database_url, running_database
from beamcat.serve.handover import written_settings
from beamcat.serve.listening import CannotServe, listen, lock_home, url_of

READY_WITHIN_S = 120.0
"""How long the workers may take to answer after the database does."""
STOP_WITHIN_S = 30.0
"""How long requests in progress may take to finish before their worker is killed."""
CRASHES_AT_START = 3
"""Workers that may die before the first answer until the start is given up."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
"""Before a dead worker is replaced; doubled when it lived for less than `STEADY_AFTER_S`."""
STEADY_AFTER_S = 10.0

WhenReady = Callable[[str], Coroutine[Any, Any, None]]
"""Told the address of the server once it answers."""


async def serve(settings: Settings, when_ready: WhenReady) -> None:
    """Run a server until SIGTERM or SIGINT (Ctrl-C). Raises `BeamcatError`s when it cannot start."""
    _allow_all_files()
    with (
        _stop_signals() as stop,
        contextlib.closing(listen(settings.server.host, settings.server.port)) as listener,
        locked_home(settings.home),
    ):
        async with database(settings) as opened:
            workers = Workers(opened, listener)
            async with _running(workers):
                await _until(stop, workers.until_ready(), workers.failed)
                if not stop.is_set():
                    await _until(stop, when_ready(url_of(listener)), workers.failed)
                await _until(stop, asyncio.Event().wait(), workers.failed)


def _allow_all_files() -> None:
    """Raise the limit of open files to what the system allows: each download takes up to three of its worker."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))


@contextlib.contextmanager
def locked_home(home: Path) -> Iterator[None]:
    """The home, for this process alone."""
    held = lock_home(home)
    try:
        yield
    finally:
        os.close(held)


@contextlib.asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with the URL of a database that runs and has the current tables.

    Without `database.url` it is the one in the home: made, brought up to date, and looked after until the end. A
    database of the site's own is filled when it is empty, and otherwise left as it is; raises `SchemaOutdated` when
    its tables are not the current ones.
    """
    async with running_database(settings) as (opened, embedded):
        url = database_url(opened)
        if embedded is None:
            await asyncio.to_thread(_fill_if_empty, url, settings)
            await _keep_file_counts(url, settings)
            yield opened
            return
        await asyncio.to_thread(initialise, url, settings.database)
        await _keep_file_counts(url, settings)
        watch = asyncio.create_task(embedded.watch())
        try:
            yield opened
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch


def _fill_if_empty(url: str, settings: Settings) -> None:
    if current_version(url) is None:
        initialise(url, settings.database)
    assert_current(url)


async def _keep_file_counts(url: str, settings: Settings) -> None:
    async with Database(url, settings.database) as database:
        await maintain_file_counts(database, settings.database.maintain_file_counts)


class Workers:
    """The worker processes, each replaced when it dies."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._metrics = settings.home / "run" / "metrics"
        self._processes: dict[int, Process] = {}
        self._stopping = False
        self._ready = False
        self._early_deaths = 0
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Becomes a `CannotServe` when the workers do not even start."""

    async def keep(self) -> None:
        """Keep as many workers as the settings ask for, until `stop`."""
        prepare_directory(self._metrics)
        await asyncio.gather(*(self._keep(slot) for slot in range(self._settings.server.workers)))

    async def until_ready(self) -> None:
        """Return when a worker says that it is ready. Raises `CannotServe` when none does."""
        host, port = self._listener.getsockname()[:2]
        reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
        deadline = time.monotonic() + READY_WITHIN_S
        answer = "no worker answers"
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    response = await client.get(f"http://{reachable}:{port}/readyz")
                    if response.status_code == 200:
                        self._ready = True
                        return
                    answer = response.text.strip()
                await asyncio.sleep(0.05)
        raise CannotServe(f"the server did not become ready: {answer}")

    async def stop(self) -> None:
        """Let the workers finish what they are doing and end; kill those that do not."""
        self._stopping = True
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        waits = [asyncio.create_task(process.wait()) for process in self._processes.values()]
        if waits:
            _, late = await asyncio.wait(waits, timeout=STOP_WITHIN_S)
            if late:
                logger().warning("killing workers that do not stop", workers=len(late))
            for process in self._processes.values():
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await asyncio.gather(*waits)

    async def _keep(self, slot: int) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping:
            started = time.monotonic()
            process = self._processes[slot] = await self._start()
            status = await process.wait()
            if self._stopping:
                return
            self._note_death(process.pid, status)
            pause = FIRST_PAUSE_S if time.monotonic() - started > STEADY_AFTER_S else min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _start(self) -> Process:
        descriptor = self._listener.fileno()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "beamcat.serve.worker", str(descriptor), str(os.getpid())),
            stdin=PIPE,
            stdout=DEVNULL,
            pass_fds=(descriptor,),
            env={**os.environ, DIRECTORY_VARIABLE: str(self._metrics.resolve())},
            start_new_session=True,  # Ctrl-C reaches the parent only
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its death is noticed by `wait`
            process.stdin.write(written_settings(self._settings))
            await process.stdin.drain()
            process.stdin.close()
        return process

    def _note_death(self, pid: int, status: int) -> None:
        reason = f"signal {-status}" if status < 0 else f"status {status}"
        logger().error("a worker died and is replaced", pid=pid, reason=reason)
        if self._ready:
            return
        self._early_deaths += 1
        if self._early_deaths >= CRASHES_AT_START and not self.failed.done():
            self.failed.set_exception(CannotServe("the workers do not start; their messages are above"))


@contextlib.asynccontextmanager
async def _running(workers: Workers) -> AsyncIterator[None]:
    keeping = asyncio.create_task(workers.keep())
    try:
        yield
    finally:
        await workers.stop()
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, Any], failure: asyncio.Future[None]) -> None:
    """Wait for `work`, but no longer than until `stop` or `failure`. What `work` raises is raised."""
    task = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    try:
        waited: set[asyncio.Future[Any]] = {task, stopped, failure}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        elif failure.done():
            await failure
    finally:
        for waiting in (task, stopped):
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting


@contextlib.contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
