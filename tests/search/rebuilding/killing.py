"""A rebuild with two processes, of which any is killed, again and again, while the catalogue changes.

`python -m tests.search.rebuilding.killing [KILLS [SEED]]` does so for long.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from random import Random

from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from beamcat.search.opening import open_engine
from beamcat.search.rebuilding import Manner, building, rebuild
from tests.catalogue.site import Site
from tests.search.feeding.changes import Facility
from tests.search.rebuilding.facility import (
    PATIENCE_S,
    caught_up,
    differences,
    fill,
    findings,
    followed,
    opened,
    settings_of,
)

FILES = 600


def reindex(url: str, home: str) -> None:
    """Rebuild the index until it is done."""
    building.FEW, building.PAUSE_S = 0, 0.05
    asyncio.run(_reindex(url, Path(home)))


async def _reindex(url: str, home: Path) -> None:
    settings = settings_of(url, home)
    async with Database(url, settings.database) as database:
        await rebuild(settings, database, open_engine(settings), Manner(processes=2))


class Killings:
    """Kills the process that rebuilds, or one that works for it, at random moments; what ended is started again."""

    def __init__(self, database: Database, url: str, home: Path, seed: int) -> None:
        self._database, self._url, self._home, self._random = database, url, home, Random(seed)
        self._settings = settings_of(url, home)
        self._facility = Facility(Site(database), seed)
        self.killed = {"parent": 0, "worker": 0}
        self.completed = 0

    async def run(self, kills: int, longest_s: float) -> None:
        """Kill so many, each after `longest_s` at most, then let it come to an end."""
        await fill(self._database, FILES)
        await self._facility.found()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        ending = asyncio.Event()
        changing = asyncio.create_task(self._change(ending))
        process = self._started(context)
        try:
            while sum(self.killed.values()) < kills:
                process = await self._kill_one(context, process, longest_s)
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.to_thread(process.join)
            assert process.exitcode == 0
        finally:
            ending.set()
            process.kill()
            await changing

    async def wrong(self) -> Sequence[object]:
        """What the index holds otherwise than the database says, when it has followed what changed meanwhile."""
        async with opened(self._settings) as engine, followed(self._database, self._settings, engine):
            await caught_up(self._database, engine)
            return [
                *await findings(self._database, self._settings, engine),
                *await differences(self._database, engine),
            ]

    async def _kill_one(
        self, context: ForkServerContext, process: ForkServerProcess, longest_s: float
    ) -> ForkServerProcess:
        """Kill the one or the other after a while; the process that goes on."""
        assert process.pid is not None
        wants_worker = self._random.random() < 0.6
        while wants_worker and process.is_alive() and not _children(process.pid):
            await asyncio.sleep(0.01)
        await asyncio.sleep(self._random.uniform(0.05, longest_s))
        if not process.is_alive():
            assert process.exitcode == 0
            self.completed += 1
            return self._started(context)
        workers = _children(process.pid)
        if wants_worker and workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._random.choice(workers), signal.SIGKILL)
            self.killed["worker"] += 1
            return process
        process.kill()
        await asyncio.to_thread(process.join)
        self.killed["parent"] += 1
        return self._started(context)

    async def _change(self, ending: asyncio.Event) -> None:
        while not ending.is_set():
            await self._facility.change()
            await asyncio.sleep(0.02)

    def _started(self, context: ForkServerContext) -> ForkServerProcess:
        process = context.Process(target=reindex, args=(self._url, str(self._home)))
        process.start()
        return process


def _children(parent: int) -> list[int]:
    found: list[int] = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError):
                told = (path / "stat").read_text().rpartition(")")[2].split()
                if int(told[1]) == parent and told[0] != "Z":
                    found.append(int(path.name))
    return found


async def main(kills: int, seed: int) -> int:
    """The long form; 1 if something is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        home, settings = Path(folder), DatabaseSettings()
        with EmbeddedPostgres(home, settings, options={"fsync": "off"}) as server:
            initialise(server.url, settings)
            async with Database(server.url, settings) as database:
                killings = Killings(database, server.url, home / "index", seed)
                await killings.run(kills, longest_s=3.0)
                wrong = await killings.wrong()
    print(
        f"killed {killings.killed}, completed {killings.completed} times before: {len(wrong)} wrong", *wrong, sep="\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(asyncio.run(main(*(numbers + [100, 1][len(numbers) :]))))
