"""A catalogue of some size, settings for an index of it, and what must hold of the two."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from beamcat.config import Settings
from beamcat.database.partitions import ensure_datafile_partitions
from beamcat.database.pool import Database
from beamcat.events.sequencing import keep_sequencing, sequence_all
from beamcat.observability.metrics import Metrics
from beamcat.search.documents import DOCUMENTS
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine
from beamcat.search.feeding import keep_feeding
from beamcat.search.opening import indexed_documents, open_engine
from beamcat.search.rebuilding.checking import Checker, Finding
from beamcat.search.rebuilding.following import is_followed
from beamcat.search.rebuilding.plan import newest_position

ENTITIES = ("Investigation", "Dataset", "Datafile")
FEW = {entity: DOCUMENTS[entity] for entity in ENTITIES}
INVESTIGATIONS = 250
"""More than a hundred for each of two shards."""
FAST_S = 0.02
PATIENCE_S = 120
_MADE = "create_id, create_time, mod_id, mod_time"
_BY = "'x', now(), 'x', now()"


def settings_of(url: str, home: Path, **search: Any) -> Settings:
    """A server of this database, with a small index in this home that is built in many steps."""
    embedded = {"shards": 2, "heap_mebibytes": 16, "build_heap_mebibytes": 16}
    told = {"rebuild_step": 200, "embedded": embedded, **search}
    return Settings.model_validate({"home": home, "database": {"url": url}, "search": told})


def quick_settings(url: str, home: Path) -> Settings:
    """The same for `FEW` entities alone, in few steps."""
    return settings_of(url, home, rebuild_step=100_000, entities=ENTITIES)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Engine]:
    """The engine of these settings."""
    engine = open_engine(settings)
    try:
        yield engine
    finally:
        await engine.close()


async def fill(database: Database, files: int) -> None:
    """Investigations with a dataset each, and so many files divided among them, without events."""
    async with database.transaction() as conn:
        await ensure_datafile_partitions(conn, files)
        for statement in (
            f"INSERT INTO facility (id, {_MADE}, name) VALUES (1, {_BY}, 'OTHER')",
            f"INSERT INTO investigation_type (id, {_MADE}, name, facility_id) VALUES (1, {_BY}, 'usual', 1)",
            f"INSERT INTO dataset_type (id, {_MADE}, name, facility_id) VALUES (1, {_BY}, 'usual', 1)",
            f"INSERT INTO investigation (id, {_MADE}, name, visit_id, title, facility_id, type_id)"
            f" SELECT i, {_BY}, 'HC-' || i, '1', 'Title of ' || i, 1, 1 FROM generate_series(1, {INVESTIGATIONS}) i",
            f"INSERT INTO dataset (id, {_MADE}, name, complete, investigation_id, type_id)"
            f" SELECT i, {_BY}, 'scan', false, i, 1 FROM generate_series(1, {INVESTIGATIONS}) i",
            f"INSERT INTO datafile (id, {_MADE}, name, location, file_size, dataset_id, investigation_id)"
            f" SELECT i, {_BY}, 'f' || i || '.nxs', '/data/id' || i % 7 || '/f' || i || '.nxs', i,"
            f" i % {INVESTIGATIONS} + 1, i % {INVESTIGATIONS} + 1 FROM generate_series(1, {files}) i",
            *(
                f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"
                for table in ("facility", "investigation_type", "dataset_type", "investigation", "dataset", "datafile")
            ),
        ):
            await conn.execute(statement.encode())


async def findings(database: Database, settings: Settings, engine: Engine) -> list[Finding]:
    """All that `beamcat search check` finds."""
    documents = indexed_documents(settings)
    checker = Checker(database, engine, documents)
    found = [each for entity in documents async for some in checker.check(entity) for each in some]
    assert checker.behind is None
    return found


async def caught_up(database: Database, engine: Engine) -> None:
    """Wait until the index is where the database is."""
    await sequence_all(database)
    newest = await newest_position(database)
    async with asyncio.timeout(PATIENCE_S):
        while (await engine.position() or 0) < newest:
            await asyncio.sleep(FAST_S)


async def differences(database: Database, engine: Engine, of: Mapping[str, Documents] = DOCUMENTS) -> list[str]:
    """The same, found by reading everything at once."""
    found: list[str] = []
    for entity, documents in of.items():
        async with database.connection() as conn:
            cursor = await conn.execute(documents.digests_of_range(0, 1 << 62).encode())
            wanted = sorted(await cursor.fetchall())
        held = [each async for some in engine.amounts(entity, "digest", 0, 1 << 62) for each in some]
        if held != wanted:
            found.append(f"{entity}: {len(held)} instead of {len(wanted)}, {sorted(set(held) ^ set(wanted))[:5]}")
    return found


@asynccontextmanager
async def followed(database: Database, settings: Settings, engine: Engine) -> AsyncIterator[None]:
    """The index follows the catalogue, as when a server runs."""
    documents = indexed_documents(settings)
    following = keep_feeding(database, engine, documents, settings, Metrics(), pause_s=FAST_S, follow_s=FAST_S)
    tasks = [asyncio.create_task(following), asyncio.create_task(keep_sequencing(database, pause_s=FAST_S))]
    try:
        while not await is_followed(database):
            await asyncio.sleep(FAST_S)
        yield
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
