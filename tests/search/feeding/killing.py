"""A feeder in a process of its own, which is killed again and again while the catalogue changes.

`python -m tests.search.feeding.killing [KILLS [SEED]]` does so for long.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from random import Random

from beamcat.config import DatabaseSettings, Settings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from beamcat.events.sequencing import keep_sequencing
from beamcat.observability.metrics import Metrics
from beamcat.search.documents import DOCUMENTS
from beamcat.search.engine import Engine
from beamcat.search.feeding import feeder, keep_feeding, tasks
from beamcat.search.opening import open_engine
from tests.catalogue.site import Site
from tests.search.feeding.changes import Facility

PATIENCE_S = 120
AT_ONCE = 20
"""Documents between two commits, so that there are many of them to be killed between."""


def settings_of(url: str, home: Path) -> Settings:
    """A server of this database with its index in this home."""
    return Settings.model_validate({"home": home, "database": {"url": url}})


def feed(url: str, home: str, begun: Event, small_steps: bool) -> None:
    """Follow the catalogue until killed."""
    if small_steps:
        for name in ("EVENTS_AT_ONCE", "OBJECTS_AT_ONCE", "DOCUMENTS_AT_ONCE"):
            setattr(feeder, name, AT_ONCE)
        tasks.SOURCES_AT_ONCE = AT_ONCE
    begun.set()
    asyncio.run(_feed(settings_of(url, Path(home))))


async def _feed(settings: Settings) -> None:
    assert settings.database.url is not None
    async with Database(settings.database.url.get_secret_value(), settings.database) as database:
        engine = open_engine(settings)
        following = keep_feeding(database, engine, DOCUMENTS, settings, Metrics(), pause_s=0.01, follow_s=0.02)
        await asyncio.gather(keep_sequencing(database, pause_s=0.01), following)


class Killings:
    """Kills feeders of one index at random moments while something changes."""

    def __init__(self, database: Database, url: str, home: Path, seed: int) -> None:
        self._database, self._url, self._home, self._random = database, url, home, Random(seed)
        self._facility = Facility(Site(database), seed)
        self.killed = 0
        self.changes = 0
        self.positions: set[int | None] = set()
        """Those that the killed ones have left."""

    async def run(self, kills: int, longest_s: float) -> None:
        """Kill so many, each after `longest_s` at most, then let one come to an end."""
        await self._facility.found()
        await self._facility.furnish()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        await self._finish(context)
        ending = asyncio.Event()
        changing = asyncio.create_task(self._change(ending))
        try:
            while self.killed < kills:
                await self._kill_after(context, self._random.uniform(0.02, longest_s))
        finally:
            ending.set()
            await changing
        await self._finish(context)

    async def differences(self) -> Sequence[str]:
        """What the index holds otherwise than the database makes it now."""
        engine = open_engine(settings_of(self._url, self._home))
        try:
            return [told for entity in DOCUMENTS async for told in self._differing(engine, entity)]
        finally:
            await engine.close()

    async def _differing(self, engine: Engine, entity: str) -> AsyncIterator[str]:
        async with self._database.connection() as connection:
            cursor = await connection.execute(DOCUMENTS[entity].digests_of_range(0, 1 << 62).encode())
            wanted = dict(await cursor.fetchall())
        listed = [each async for some in engine.amounts(entity, "digest", 0, 1 << 62) for each in some]
        held = dict(listed)
        if len(held) != len(listed):
            yield f"{entity} is doubled"
        for id_ in sorted(wanted.keys() | held.keys()):
            if wanted.get(id_) != held.get(id_):
                yield f"{entity} {id_} is {held.get(id_)} instead of {wanted.get(id_)}"

    async def _change(self, ending: asyncio.Event) -> None:
        while not ending.is_set():
            await self._facility.change()
            self.changes += 1
            await asyncio.sleep(0.01)

    async def _kill_after(self, context: ForkServerContext, seconds: float) -> None:
        before = await self._position()
        process = await self._started(context, small_steps=True)
        if self.killed % 3:  # two of three get to work before
            async with asyncio.timeout(PATIENCE_S):
                while await self._position() == before:
                    await asyncio.sleep(0.01)
        await asyncio.sleep(seconds)
        process.kill()
        await asyncio.to_thread(process.join)
        self.killed += 1
        self.positions.add(await self._position())

    async def _finish(self, context: ForkServerContext) -> None:
        """Let one do all that there is to do."""
        process = await self._started(context, small_steps=False)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await self._is_through():
                    assert process.is_alive()
                    await asyncio.sleep(0.05)
        finally:
            process.kill()
            process.join()

    async def _started(self, context: ForkServerContext, *, small_steps: bool) -> ForkServerProcess:
        begun = context.Event()
        process = context.Process(target=feed, args=(self._url, str(self._home), begun, small_steps), daemon=True)
        process.start()
        assert await asyncio.to_thread(begun.wait, PATIENCE_S)
        return process

    async def _position(self) -> int | None:
        engine = open_engine(settings_of(self._url, self._home))
        try:
            return await engine.position()
        finally:
            await engine.close()

    async def _is_through(self) -> bool:
        async with self._database.connection() as conn:
            cursor = await conn.execute("SELECT max(position) FROM event HAVING NOT EXISTS (SELECT FROM event_inbox)")
            return await cursor.fetchone() == (await self._position(),)


async def main(kills: int, seed: int) -> None:
    """Kill for long, and tell what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        home, settings = Path(folder), DatabaseSettings()
        with EmbeddedPostgres(home, settings) as server:
            initialise(server.url, settings)
            async with Database(server.url, settings) as database:
                killings = Killings(database, server.url, home, seed)
                await killings.run(kills, longest_s=1.0)
                differences = await killings.differences()
    print(f"{killings.killed} kills, {killings.changes} changes, {len(differences)} differences")
    for told in differences[:20]:
        print(told)
    sys.exit(bool(differences))


if __name__ == "__main__":
    asyncio.run(main(*(int(each) for each in (*sys.argv[1:], *("100", "1")[len(sys.argv) - 1 :]))))
