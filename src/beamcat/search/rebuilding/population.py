"""Documents written again, a range of ids of an entity at a time: ICAT's population, and what a check mends.

What is to be done is in the database, for all workers; the one that follows changes does it, with its writer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import orjson
import psycopg

from beamcat.database.pool import Connection, Database
from beamcat.errors import AlreadyExists, BadParameter, BeamcatError, TimedOut, Unavailable
from beamcat.events.sequencing import sequence_all
from beamcat.model import ENTITIES
from beamcat.observability.logs import logger
from beamcat.search.documents.making import made
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine, Writing
from beamcat.search.rebuilding.plan import newest_position

AT_ONCE = 5_000
"""Objects whose documents are written between two commits."""
IDS_AT_ONCE = 1_000
"""Of one row of what is to be mended."""
COMMIT_WITHIN_S = 30.0
_POLL_S = 0.1
_LAST = 2**63 - 1


class Population:
    """ICAT's `lucene/db` calls (specification B.9). Who may call them is for the door to know."""

    def __init__(self, database: Database, engine: Engine | None = None) -> None:
        self._database, self._engine = database, engine

    async def request(self, entity: str, min_id: int = 0, max_id: int | None = None, *, delete: bool = False) -> None:
        """Have documents made of `entity` for `min_id` < id <= `max_id`; with `delete`, old ones there go first.

        Entities without documents of their own are in those of others, and need nothing.

        `POST lucene/db/{entity}`; `POST lucene/db/{entity}/{minid}` is with `delete`. Raises `AlreadyExists` while the
        entity is requested already, `BadParameter` for an unknown one.
        """
        if entity not in ENTITIES:
            raise BadParameter(f"{entity} is not an entity")
        async with self._database.connection() as conn:
            cursor = await conn.execute(
                "INSERT INTO search_population (entity, after_id, last_id, remove) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (entity) DO NOTHING",
                [entity, min_id, max_id, delete],
            )
        if cursor.rowcount == 0:
            raise AlreadyExists(f"population of {entity} already requested")

    async def under_way(self) -> list[str]:
        """`GET lucene/db`: what is being populated, such as `Dataset >4000`, in the order of requests."""
        async with self._database.connection() as conn:
            cursor = await conn.execute("SELECT entity, after_id, last_id FROM search_population ORDER BY id")
            rows = await cursor.fetchall()
        return [f"{entity} >{after}" + ("" if last is None else f" <={last}") for entity, after, last in rows]

    async def stop(self) -> None:
        """`DELETE lucene/db`: forget what was requested. Documents that were made stay."""
        async with self._database.connection() as conn:
            await conn.execute("DELETE FROM search_population")

    async def commit(self) -> None:
        """`POST lucene/db`: wait until all that is committed in the catalogue is found.

        Raises `TimedOut` after half a minute. Without an index there is nothing to wait for.
        """
        if self._engine is None:
            return
        await sequence_all(self._database)
        newest, until = await newest_position(self._database), monotonic() + COMMIT_WITHIN_S
        while (position := await self._engine.position()) is not None and position < newest:
            if monotonic() > until:
                raise TimedOut("the index is still behind the catalogue; try again later")
            await asyncio.sleep(_POLL_S)


async def mend(database: Database, entity: str, ids: Sequence[int]) -> None:
    """Have the documents of these ids written again, or removed where there is no such object any more."""
    some = [list(ids[start : start + IDS_AT_ONCE]) for start in range(0, len(ids), IDS_AT_ONCE)]
    async with database.transaction() as conn, conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO search_mending (entity, ids) VALUES (%s, %s)", [(entity, each) for each in some]
        )


async def is_populated(database: Database) -> bool:
    """Whether nothing is left to be populated or mended."""
    async with database.connection() as conn:
        cursor = await conn.execute(
            "SELECT NOT EXISTS (SELECT FROM search_mending) AND NOT EXISTS (SELECT FROM search_population)"
        )
        return await cursor.fetchone() == (True,)


async def populate(
    database: Database, engine: Engine, documents: Mapping[str, Documents], writing: Writing, position: int
) -> bool:
    """Do the next piece of what was requested, if any: put its documents and commit at `position`; whether one was.

    For the one who has the writer, between two batches of events, with nothing uncommitted of its own; `position` is
    the one of its last commit. A piece is some thousand documents and takes about a second: call it again while it
    returns true, but look at events in between.
    """
    async with database.connection() as conn:
        if (mending := await _mending(conn)) is not None:
            async with _given_up_if_impossible(mending.entity):
                if mending.entity in documents:
                    await _write(conn, documents[mending.entity], writing, mending.ids)
                    await writing.commit(position)
            await conn.execute("DELETE FROM search_mending WHERE id = %s", [mending.number])
            return True
        populating = await _populating(conn)
        if populating is None:
            return False
        last = None
        async with _given_up_if_impossible(populating.entity):
            if populating.entity in documents:
                ids = await _next(conn, documents[populating.entity], populating)
                await _write(conn, documents[populating.entity], writing, ids)
                reached = ids[-1] if len(ids) == AT_ONCE else None
                if populating.remove:
                    stop = populating.last if reached is None else reached
                    await _remove_others(engine, writing, populating, ids, stop)
                await writing.commit(position)
                last = reached
        if last is None:
            await conn.execute("DELETE FROM search_population WHERE id = %s", [populating.number])
        else:
            await conn.execute("UPDATE search_population SET after_id = %s WHERE id = %s", [last, populating.number])
    return True


@contextlib.asynccontextmanager
async def _given_up_if_impossible(entity: str) -> AsyncIterator[None]:
    """What can never be written must not stand in the way of events: it is told in the log."""
    try:
        yield
    except (Unavailable, TimedOut):
        raise
    except (BeamcatError, psycopg.DataError) as error:
        logger().error("documents cannot be written again", entity=entity, error=str(error))


@dataclass(frozen=True)
class _Mending:
    number: int
    entity: str
    ids: Sequence[int]


@dataclass(frozen=True)
class _Populating:
    """What is left of a request: ids after `after`, up to and with `last`."""

    number: int
    entity: str
    after: int
    last: int
    remove: bool


async def _mending(conn: Connection) -> _Mending | None:
    row = await (await conn.execute("SELECT id, entity, ids FROM search_mending ORDER BY id LIMIT 1")).fetchone()
    return None if row is None else _Mending(*row)


async def _populating(conn: Connection) -> _Populating | None:
    cursor = await conn.execute(
        "SELECT id, entity, after_id, coalesce(last_id, %s), remove FROM search_population ORDER BY id LIMIT 1", [_LAST]
    )
    row = await cursor.fetchone()
    return None if row is None else _Populating(*row)


async def _next(conn: Connection, documents: Documents, populating: _Populating) -> list[int]:
    cursor = await conn.execute(
        f"SELECT id FROM {documents.table} WHERE id > %s AND id <= %s ORDER BY id LIMIT {AT_ONCE}".encode(),  # noqa: S608
        [populating.after, populating.last],
    )
    return [id_ for (id_,) in await cursor.fetchall()]


async def _write(conn: Connection, documents: Documents, writing: Writing, ids: Sequence[int]) -> None:
    """Write the documents of these ids; those that cannot be made any more are removed."""
    left = set(ids)
    if not left:
        return
    entity = documents.type.entity
    async for some in made(conn, documents.of_ids(ids)):
        await writing.put(entity, some)
        left -= {orjson.loads(document)["id"] for document in some}
    if left:
        await writing.remove(entity, sorted(left))


async def _remove_others(
    engine: Engine, writing: Writing, populating: _Populating, ids: Sequence[int], last: int
) -> None:
    """Remove documents up to `last` of which there is no object."""
    kept = set(ids)
    async for some in engine.ids(populating.entity, populating.after + 1, min(last, _LAST - 1) + 1):
        gone = [id_ for id_ in some if id_ not in kept]
        if gone:
            await writing.remove(populating.entity, gone)
