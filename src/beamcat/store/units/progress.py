"""How far requests for data are: what is there, where the rest stands in the queue, and how long that may take."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from beamcat.database.pool import Connection, Database
from beamcat.store.units.status import ARCHIVED, ONLINE, RESTORING, Standing
from beamcat.store.units.transitions import Kind

MOST_AHEAD = 10_000
"""Restores ahead of a request that are counted."""
PACE_OF = 1000
"""Restores, the latest of the last hour, from which follows how many there are in a second."""

_FIRST = """
SELECT count(*) OVER (), priority, requested_at FROM unit
 WHERE kind = %s AND id = ANY(%s::bigint[]) AND wanted = 'RESTORE' ORDER BY priority DESC, requested_at LIMIT 1
"""
_AHEAD = """
SELECT count(*) FROM (SELECT FROM unit
                       WHERE kind = %(kind)s AND wanted = 'RESTORE'
                         AND (priority > %(priority)s OR priority = %(priority)s AND requested_at < %(at)s)
                       LIMIT %(most)s) ahead
"""
_PACE = """
SELECT count(*), extract(epoch FROM now() - min(restored))::float8
  FROM (SELECT restored FROM unit WHERE kind = %s AND restored > now() - interval '1 hour'
         ORDER BY restored DESC LIMIT %s) latest
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request is, in units."""

    units: int = 0
    online: int = 0
    restoring: int = 0
    """Those that are being brought back, or wait for it."""
    failed: int = 0
    position: int | None = None
    """How many others are ahead of the first of its units that wait; None when none waits."""
    seconds: float | None = None
    """How long it may take until all are there; None when nobody can tell."""

    @property
    def status(self) -> str:
        """`ONLINE`, `RESTORING` or `ARCHIVED`."""
        if self.online == self.units:
            return ONLINE
        return RESTORING if self.online + self.restoring == self.units else ARCHIVED


async def progress(database: Database, kind: Kind, chunks: AsyncIterator[tuple[Sequence[int], Standing]]) -> Progress:
    """How far the units are that come some thousand at a time, with how they stand."""
    units = online = restoring = failed = waiting = 0
    seconds: float | None = None
    first: tuple[int, datetime] | None = None
    async for ids, known in chunks:
        units += known.units
        online += known.units - known.offline
        restoring += known.coming
        failed += known.failed
        if known.seconds is not None:
            seconds = max(known.seconds, seconds or 0.0)
        async with database.connection() as connection:
            row = await (await connection.execute(_FIRST, (kind, list(ids)))).fetchone()
        if row is not None:
            waiting += row[0]
            first = row[1:] if first is None else min(first, row[1:], key=_order)
    if first is None:
        return Progress(units, online, restoring, failed, None, seconds)
    async with database.connection() as connection:
        ahead = await _ahead(connection, kind, first)
        pace = await _pace(connection, kind)
    queued = None if pace is None else (ahead + waiting) / pace
    return Progress(units, online, restoring, failed, ahead, queued if seconds is None else max(seconds, queued or 0.0))


async def waiting_s(database: Database, kind: Kind, ids: Sequence[int]) -> float | None:
    """How long it may take until the restores of these units that wait have had their turn; None: nobody can tell."""
    async with database.connection() as connection:
        row = await (await connection.execute(_FIRST, (kind, list(ids)))).fetchone()
        pace = None if row is None else await _pace(connection, kind)
        if row is None or pace is None:
            return None
        return (await _ahead(connection, kind, row[1:]) + int(row[0])) / pace


def _order(place: tuple[int, datetime]) -> tuple[int, datetime]:
    return -place[0], place[1]


async def _ahead(connection: Connection, kind: Kind, first: tuple[int, datetime]) -> int:
    params = {"kind": kind, "priority": first[0], "at": first[1], "most": MOST_AHEAD}
    row = await (await connection.execute(_AHEAD, params)).fetchone()
    return 0 if row is None else int(row[0])


async def _pace(connection: Connection, kind: Kind) -> float | None:
    """Units that come back in a second."""
    row = await (await connection.execute(_PACE, (kind, PACE_OF))).fetchone()
    return None if row is None or not row[0] else float(row[0]) / max(float(row[1]), 1.0)
