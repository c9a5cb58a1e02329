"""How long after its commit a change is found, while a thousand objects a second change.

A facility of `BENCH_LAG_INVESTIGATIONS` investigations, each with ten datasets and a hundred datafiles, is written to
by a process of its own: datafiles and parameters are created, datasets changed, datafiles deleted, investigations
renamed, a few objects in each call. Some datafiles have a name of their own, and are asked for until they are found.
Another process follows the changes.

There is no peer of the same kind: words that PostgreSQL itself keeps (a `tsvector` column with a GIN index, pg_trgm)
are found at the commit. Their price is paid by whoever writes, and that is what is compared.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, time
from typing import Any

import psycopg

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.drafts import Change, Draft, Reference, Value
from beamcat.config import DatabaseSettings, Settings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.outbox import ChangeKind, Origin, Step, record
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from beamcat.errors import BeamcatError
from beamcat.events.sequencing import keep_sequencing
from beamcat.model import ENTITIES
from beamcat.observability.metrics import Metrics
from beamcat.search.documents import DOCUMENTS
from beamcat.search.engine import Engine, Writing
from beamcat.search.feeding import keep_feeding
from beamcat.search.opening import open_engine
from beamcat.search.question import OneOf, Question, Same
from bench.download_site import setting
from bench.report import line, percentile

SECONDS = setting("LAG_SECONDS", 60, 5)
RATE = setting("LAG_RATE", 1_000, 1_000)
"""Objects that change in a second."""
TOGETHER = setting("LAG_TOGETHER", 10, 10)
"""Objects that change in one call."""
INVESTIGATIONS = setting("LAG_INVESTIGATIONS", 2_000, 200)
DATASETS_EACH, DATAFILES_EACH = 10, 100
WRITERS = 4
MARK_EVERY_S, POLL_S = 0.25, 0.02
ROWS_TOGETHER = 1_000
ROOT = Caller("bench", root=True)

_FACILITY = f"""
INSERT INTO facility (name, create_id, create_time, mod_id, mod_time) VALUES ('F', 'b', now(), 'b', now());
INSERT INTO investigation_type (name, facility_id, create_id, create_time, mod_id, mod_time)
VALUES ('T', 1, 'b', now(), 'b', now());
INSERT INTO dataset_type (name, facility_id, create_id, create_time, mod_id, mod_time)
VALUES ('T', 1, 'b', now(), 'b', now());
INSERT INTO parameter_type (name, units, value_type, facility_id, applicable_to_dataset, create_id, create_time, mod_id,
                            mod_time)
SELECT 'p' || n, 'K', 'NUMERIC', 1, true, 'b', now(), 'b', now() FROM generate_series(1, 40) n;
INSERT INTO investigation (name, visit_id, title, facility_id, type_id, create_id, create_time, mod_id, mod_time)
SELECT 'HC-' || n, '1', 'Rust on steel number ' || n, 1, 1, 'b', now(), 'b', now()
  FROM generate_series(1, {INVESTIGATIONS}) n;
INSERT INTO dataset (name, investigation_id, type_id, complete, create_id, create_time, mod_id, mod_time)
SELECT 'scan_' || n, n % {INVESTIGATIONS} + 1, 1, false, 'b', now(), 'b', now()
  FROM generate_series(1, {INVESTIGATIONS * DATASETS_EACH}) n;
INSERT INTO datafile (name, location, file_size, dataset_id, investigation_id, create_id, create_time, mod_id, mod_time)
SELECT 'frame_' || n || '.h5', '/data/raw/' || n || '.h5', 4194304, d.id, d.investigation_id, 'b', now(), 'b', now()
  FROM dataset d, generate_series(1, {DATAFILES_EACH // DATASETS_EACH}) n;
ANALYZE
"""


def search_lag() -> None:
    """Seconds from commit to found, where they go, and what a change pays in its own transaction."""
    with TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as name:
        home = Path(name)
        with EmbeddedPostgres(home, DatabaseSettings()) as server:
            initialise(server.url, DatabaseSettings())
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(_FACILITY.encode())
                asyncio.run(_measure(Settings.model_validate({"home": home, "database": {"url": server.url}})))
                _compare_price(connection, server.url)


async def _measure(settings: Settings) -> None:
    assert settings.database.url is not None
    engine = open_engine(settings)
    processes = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[dict[str, float]] = processes.Queue()
    end = processes.Event()
    feeder = processes.Process(target=_feed, args=(settings, told, end), daemon=True)
    feeder.start()
    async with Database(settings.database.url.get_secret_value(), settings.database) as database:
        while await engine.position() is None:
            await asyncio.sleep(0.2)
        writer = processes.Process(target=_write, args=(settings, told), daemon=True)
        writer.start()
        lags = await _lags(engine, settings, database)
        wrote = await asyncio.to_thread(_until, told, "changes")
        await asyncio.to_thread(writer.join)
        await _caught_up(engine, database)
    end.set()
    spent = await asyncio.to_thread(_until, told, "documents")
    feeder.join()
    await engine.close()
    print(
        f"search lag: {wrote['changes'] / wrote['seconds']:,.0f} objects/s changed in calls of {TOGETHER} for"
        f" {wrote['seconds']:.0f} s: found after p50 {percentile(lags, 50):.2f} s, p95 {percentile(lags, 95):.2f} s,"
        f" at most {lags[-1]:.2f} s (aim: 5 s; {len(lags)} looked for)"
    )
    engine_s = spent["put"] + spent["remove"] + spent["commit"]
    documents, commits = spent["documents"], spent["commits"]
    print(
        f"search lag: {documents:,.0f} documents written, {commits:.0f} commits; of {spent['all']:.0f} s"
        f" the index took {engine_s:.1f} s ({spent['commit']:.1f} s of it commits); {spent['cpu']:.1f} s of CPU beside"
        " PostgreSQL",
        flush=True,
    )


def _until(told: Any, key: str) -> dict[str, float]:
    """The message that has this key."""
    while key not in (message := told.get()):
        told.put(message)
    return dict(message)


async def _lags(engine: Engine, settings: Settings, database: Database) -> Sequence[float]:
    """From the commit of a datafile with a name of its own until it is found, again and again; sorted."""
    catalogue = _catalogue(settings, database)
    looking: list[asyncio.Task[float]] = []
    until = perf_counter() + SECONDS
    while perf_counter() < until:
        name = f"mark_{len(looking)}"
        (identifier,) = await catalogue.create_many(ROOT, [_datafile(name, random.randint(1, INVESTIGATIONS))])
        looking.append(asyncio.create_task(_found(engine, name, identifier)))
        await asyncio.sleep(MARK_EVERY_S)
    return sorted(await asyncio.gather(*looking))


async def _found(engine: Engine, name: str, identifier: int) -> float:
    committed = perf_counter()
    asked = Question("Datafile", Same("name", name), allowed=OneOf("id", (identifier,)), limit=1)
    while not (await engine.ask(asked)).hits:
        await asyncio.sleep(POLL_S)
    return perf_counter() - committed


async def _caught_up(engine: Engine, database: Database) -> None:
    async with database.connection() as conn:
        while True:
            cursor = await conn.execute("SELECT max(position) FROM event HAVING NOT EXISTS (SELECT FROM event_inbox)")
            if await cursor.fetchone() == (await engine.position(),):
                return
            await asyncio.sleep(POLL_S)


def _feed(settings: Settings, told: Any, end: Any) -> None:
    asyncio.run(_keep_feeding(settings, told, end))


async def _keep_feeding(settings: Settings, told: Any, end: Any) -> None:
    assert settings.database.url is not None
    timed = _Timed()
    async with Database(settings.database.url.get_secret_value(), settings.database) as database:
        engine = open_engine(settings)
        opening = engine.writing
        engine.writing = lambda: _timed(opening, timed)  # type: ignore[method-assign]
        tasks = [
            asyncio.create_task(keep_sequencing(database)),
            asyncio.create_task(keep_feeding(database, engine, DOCUMENTS, settings, Metrics())),
        ]
        started = perf_counter()
        await asyncio.to_thread(end.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        cpu = sum(os.times()[:2])
        told.put({**timed.spent, "all": perf_counter() - started, "cpu": cpu})
        await engine.close()


class _Timed:
    """A writer that counts and times what is written."""

    def __init__(self) -> None:
        self.spent = {"put": 0.0, "remove": 0.0, "commit": 0.0, "documents": 0.0, "commits": 0.0}
        self.writing: Writing | None = None

    async def put(self, entity: str, documents: Sequence[bytes]) -> None:
        self.spent["documents"] += len(documents)
        await self._of("put", lambda writing: writing.put(entity, documents))

    async def remove(self, entity: str, ids: Sequence[int]) -> None:
        await self._of("remove", lambda writing: writing.remove(entity, ids))

    async def commit(self, position: int) -> None:
        self.spent["commits"] += 1
        await self._of("commit", lambda writing: writing.commit(position))

    async def close(self) -> None:
        assert self.writing is not None
        await self.writing.close()

    async def _of(self, what: str, work: Callable[[Writing], Awaitable[None]]) -> None:
        assert self.writing is not None
        started = perf_counter()
        await work(self.writing)
        self.spent[what] += perf_counter() - started


async def _timed(opening: Callable[[], Awaitable[Writing]], timed: _Timed) -> Writing:
    timed.writing = await opening()
    return timed


def _write(settings: Settings, told: Any) -> None:
    asyncio.run(_keep_writing(settings, told))


async def _keep_writing(settings: Settings, told: Any) -> None:
    assert settings.database.url is not None
    changed = 0
    async with Database(settings.database.url.get_secret_value(), settings.database) as database:
        catalogue, chance = _catalogue(settings, database), random.Random(1)
        started = perf_counter()

        async def keep(number: int) -> None:
            nonlocal changed
            while (passed := perf_counter() - started) < SECONDS:
                if changed > passed * RATE:
                    await asyncio.sleep(0.005)
                    continue
                changed += TOGETHER
                try:
                    await _change(catalogue, chance)
                except BeamcatError:
                    continue  # two have chosen the same

        await asyncio.gather(*(keep(number) for number in range(WRITERS)))
        told.put({"changes": changed, "seconds": perf_counter() - started})


async def _change(catalogue: Catalogue, chance: random.Random) -> None:
    """One call: six of ten create datafiles, two change datasets, one creates parameters, one renames or deletes."""
    dataset = chance.randint(1, INVESTIGATIONS * DATASETS_EACH)
    match chance.randrange(10):
        case 6 | 7:
            draft = Draft(ENTITIES["Dataset"], {"description": f"of {time()}"})
            ids = chance.sample(range(1, INVESTIGATIONS * DATASETS_EACH), TOGETHER)
            await catalogue.write(ROOT, [Change(ENTITIES["Dataset"], id_, draft) for id_ in ids])
        case 8:
            parameter = ENTITIES["DatasetParameter"]
            types = chance.sample(range(1, 41), TOGETHER)
            to = [
                {"dataset": Reference(ENTITIES["Dataset"], dataset), "type": Reference(ENTITIES["ParameterType"], each)}
                for each in types
            ]
            await catalogue.write(ROOT, [Draft(parameter, {"numericValue": chance.random()}, {**each}) for each in to])
        case 9 if chance.random() < 1 / TOGETHER:
            one = chance.randint(1, INVESTIGATIONS)
            draft = Draft(ENTITIES["Investigation"], {"title": f"Oxide number {chance.random()}"})
            await catalogue.write(ROOT, [Change(ENTITIES["Investigation"], one, draft)])
        case 9:
            first = chance.randint(1, INVESTIGATIONS * DATAFILES_EACH - TOGETHER)
            await catalogue.delete(ROOT, [Reference(ENTITIES["Datafile"], first + n) for n in range(TOGETHER)])
        case _:
            names = (f"frame_{time()}_{n}.h5" for n in range(TOGETHER))
            await catalogue.create_many(ROOT, [_datafile(name, dataset) for name in names])


def _datafile(name: str, dataset: int) -> Draft:
    values: dict[str, Value] = {
        "name": name,
        "location": f"/data/new/{name}",
        "fileSize": 4194304,
        "datafileModTime": datetime.now(UTC),
    }
    return Draft(ENTITIES["Datafile"], values, {"dataset": Reference(ENTITIES["Dataset"], dataset)})


def _catalogue(settings: Settings, database: Database) -> Catalogue:
    return Catalogue(database, Rulebooks(database, settings.catalogue), settings)


_PLAIN = "CREATE UNLOGGED TABLE {} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, location text)"
_WORDS = """
ALTER TABLE {0} ADD words tsvector
    GENERATED ALWAYS AS (to_tsvector('simple', name || ' ' || translate(location, '/_.', '   '))) STORED;
CREATE INDEX ON {0} USING gin (words);
CREATE INDEX ON {0} USING gin (name gin_trgm_ops)
"""


def _compare_price(connection: psycopg.Connection, url: str) -> None:
    """What a transaction of a thousand rows pays: the event, beside words and trigrams that PostgreSQL keeps itself."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    connection.execute(_PLAIN.format("plain").encode())
    connection.execute(_PLAIN.format("indexed").encode())
    connection.execute(_WORDS.format("indexed").encode())
    plain, indexed = (_copied(connection, table) for table in ("plain", "indexed"))
    event = asyncio.run(_event(url))
    line(
        f"search lag: what a transaction of {ROWS_TOGETHER} datafiles pays for being found",
        event,
        "ms",
        "tsvector and trigrams in the table itself, found at once",
        max(indexed - plain, 0.01),
    )


def _copied(connection: psycopg.Connection, table: str) -> float:
    """Milliseconds to add some rows, in the middle of some rounds."""
    taken = []
    for batch in range(50):
        started = perf_counter()
        with connection.cursor().copy(f"COPY {table} (name, location) FROM STDIN".encode()) as copy:
            for number in range(ROWS_TOGETHER):
                name = f"frame_{batch}_{number:06}.h5"
                copy.write_row((name, f"/data/2026/id{number % 40}/visit_{batch}/raw/{name}"))
        taken.append((perf_counter() - started) * 1000)
    return percentile(sorted(taken), 50)


async def _event(url: str) -> float:
    taken = []
    async with await psycopg.AsyncConnection.connect(url) as connection:
        for batch in range(50):
            ids = range(batch * ROWS_TOGETHER, (batch + 1) * ROWS_TOGETHER)
            started = perf_counter()
            await record(
                connection, "b", datetime.now(UTC), "-", [Step("Datafile", ChangeKind.CREATED, Origin.CALL, ids)]
            )
            taken.append((perf_counter() - started) * 1000)
    return percentile(sorted(taken), 50)
