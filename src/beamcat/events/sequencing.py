"""Committed events get their positions: from `event_inbox` to `event`.

Ids of `event_inbox` are given out before the commit, so a transaction may commit with a lower id than one that others
have read already. Here one transaction at a time, under an advisory lock, takes what is committed by then and gives it
the next positions: whoever has read up to a position has seen all that comes before it.
"""

from __future__ import annotations

import asyncio

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError
from beamcat.events.leading import lock_key
from beamcat.observability.logs import logger

PAUSE_S = 0.5
"""How often each worker looks for events that have no position yet."""
ROWS_AT_ONCE = 1000
"""Events that get their positions in one transaction."""
LONGEST_PAUSE_S = 30.0

_LOCK = lock_key("event sequencing")

_MOVE = """
WITH moved AS (
    DELETE FROM event_inbox
     WHERE id IN (SELECT id FROM event_inbox ORDER BY id LIMIT %s)
    RETURNING id, at, user_name, request_id, entity, operation, origin, ids, former
)
INSERT INTO event (at, user_name, request_id, entity, operation, origin, ids, former)
SELECT at, user_name, request_id, entity, operation, origin, ids, former FROM moved ORDER BY id
"""


async def keep_sequencing(database: Database, *, pause_s: float = PAUSE_S) -> None:
    """Give positions to events as they come, until cancelled. Every worker does so, for all of them."""
    pause = pause_s
    while True:
        try:
            await sequence_all(database)
            pause = pause_s
        except BeamcatError as error:
            pause = min(2 * pause, LONGEST_PAUSE_S)
            logger().warning("events wait for their positions", error=error.message, again_in_s=pause)
        except Exception:
            pause = min(2 * pause, LONGEST_PAUSE_S)
            logger().exception("events get no positions", again_in_s=pause)
        await asyncio.sleep(pause)


async def sequence_all(database: Database) -> None:
    """Give positions to all committed events, unless another is at it."""
    while await sequence(database) == ROWS_AT_ONCE:
        pass


async def sequence(database: Database, rows_at_once: int = ROWS_AT_ONCE) -> int:
    """Give positions to the oldest of the committed events; how many. 0 when there are none, or another is at it."""
    async with database.connection() as conn:
        waiting = await (await conn.execute("SELECT EXISTS (SELECT FROM event_inbox)")).fetchone()
        if waiting == (False,):
            return 0
    async with database.transaction() as conn:
        # a statement of its own: the next one sees all that whoever had the lock before has done
        alone = await (await conn.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", _LOCK)).fetchone()
        if alone == (False,):
            return 0
        return (await conn.execute(_MOVE, [rows_at_once])).rowcount
