"""What all processes know of a rebuild: that there is one, and how far it is.

Two advisory locks of PostgreSQL, which end with the connections that hold them: whoever rebuilds holds one alone;
the processes that work for it share the other one, so that nobody goes on before those of a parent that died are gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import psycopg

from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, ErrorKind, ValidationFailed
from beamcat.events.leading import lock_key
from beamcat.search.engine import Engine
from beamcat.search.rebuilding.progress import Progress

READER = "search rebuild"
"""Among the readers of events: it keeps those from being removed that are to be followed after the rebuild."""
_REBUILDING, _WORKING = lock_key("search rebuild"), lock_key("search rebuild process")
_ENDED_WITHIN_S = 30.0
_POLL_S = 0.1


class AlreadyRebuilding(BeamcatError):
    """Somebody else rebuilds the index at the moment."""

    kind = ErrorKind.UNAVAILABLE


@dataclass(frozen=True)
class UnderWay:
    """A rebuild that is not finished. `is_running`: somebody works on it; otherwise it was interrupted."""

    entities: tuple[str, ...]
    position: int
    begun: datetime
    moved: datetime
    progress: Progress
    is_running: bool


@contextlib.asynccontextmanager
async def alone(database: Database) -> AsyncIterator[Connection]:
    """Nobody else rebuilds until the end of the block, or until the connection is lost.

    Raises `AlreadyRebuilding` when somebody does.
    """
    async with database.own_connection() as conn:
        if not await _locked(conn, _REBUILDING):
            raise AlreadyRebuilding("the index is being rebuilt already; `beamcat search status` tells how far it is")
        until = monotonic() + _ENDED_WITHIN_S
        while not await _locked(conn, _WORKING):
            if monotonic() > until:
                raise AlreadyRebuilding("processes of a rebuild that was interrupted still run; try again in a minute")
            await asyncio.sleep(_POLL_S)
        await conn.execute("SELECT pg_advisory_unlock(%s, %s)", _WORKING)
        try:
            yield conn
        finally:
            await unlock(conn, _REBUILDING)


@contextlib.asynccontextmanager
async def working(database: Database) -> AsyncIterator[None]:
    """This process works for a rebuild until the end of the block."""
    async with database.own_connection() as conn:
        await conn.execute("SELECT pg_advisory_lock_shared(%s, %s)", _WORKING)
        yield


async def begin(database: Database, entities: Sequence[str], position: int, *, anew: bool) -> None:
    """Write down that a rebuild of these entities begins, or goes on."""
    async with database.transaction() as conn:
        if anew:
            await conn.execute("DELETE FROM search_rebuild")
        await conn.execute(
            "INSERT INTO search_rebuild (entities, position) VALUES (%s, %s)"
            " ON CONFLICT (id) DO UPDATE SET entities = excluded.entities, position = excluded.position, moved = now()",
            [sorted(entities), position],
        )
        await conn.execute("DELETE FROM event_reader WHERE name = %s", [READER])
        await conn.execute(
            "INSERT INTO event_reader (name, source, position, moved) VALUES (%s, 'event', %s, now())",
            [READER, position],
        )


async def tell(conn: Connection, progress: Progress) -> None:
    """Write down how far the rebuild is, on the connection that holds its lock."""
    await conn.execute(
        "UPDATE search_rebuild SET documents = %s, total = %s, rate = %s, left_s = %s, moved = now()",
        [progress.documents, progress.total, progress.rate, progress.left_s],
    )


async def end(database: Database) -> None:
    """Forget the rebuild: it is done, or given up."""
    async with database.transaction() as conn:
        await conn.execute("DELETE FROM search_rebuild")
        await conn.execute("DELETE FROM event_reader WHERE name = %s", [READER])


async def under_way(database: Database) -> UnderWay | None:
    """The rebuild that is not finished."""
    async with database.connection() as conn:
        cursor = await conn.execute(
            "SELECT entities, position, begun, moved, documents, total, rate, left_s,"
            " EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND classid = (%s::bigint & 4294967295)::oid AND objid = (%s::bigint & 4294967295)::oid)"
            " FROM search_rebuild",
            _REBUILDING,
        )
        row = await cursor.fetchone()
    if row is None:
        return None
    entities, position, begun, moved, documents, total, rate, left_s, is_running = row
    return UnderWay(
        tuple(entities), position, begun, moved, Progress(documents, total, rate, left_s), is_running=is_running
    )


async def settle(database: Database, engine: Engine) -> None:
    """Forget a rebuild of which nothing is left to do: it was killed after the new index was asked, or abandoned."""
    before = await under_way(database)
    if before is None or before.is_running or await engine.is_building():
        return
    with contextlib.suppress(AlreadyRebuilding):  # somebody has begun since
        async with alone(database):
            if not await engine.is_building():
                await end(database)


async def check_same(database: Database, entities: Sequence[str]) -> None:
    """Raise `ValidationFailed` when a rebuild of other entities was interrupted: it would be lost."""
    before = await under_way(database)
    if before is not None and set(before.entities) != set(entities):
        raise ValidationFailed(
            f"a rebuild of {', '.join(before.entities)} was interrupted; `beamcat reindex` of just these goes on with"
            " it, and --anew gives it up"
        )


async def unlock(conn: Connection, key: tuple[int, int]) -> None:
    """Let go of a lock at once: PostgreSQL notices a little later that a connection is closed."""
    with contextlib.suppress(psycopg.Error):
        await conn.execute("SELECT pg_advisory_unlock(%s, %s)", key)


async def _locked(conn: Connection, key: tuple[int, int]) -> bool:
    row = await (await conn.execute("SELECT pg_try_advisory_lock(%s, %s)", key)).fetchone()
    return row == (True,)
