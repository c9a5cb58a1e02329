"""How units stand, in the words of the data service (data service specification, A.6.2, A.6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.store.units.transitions import Kind

ONLINE, RESTORING, ARCHIVED = "ONLINE", "RESTORING", "ARCHIVED"
USUAL_RETRY_S = 30
"""When to come back for data of which nobody knows when they are there."""
SHORTEST_RETRY_S, LONGEST_RETRY_S = 30, 3600
MOST_SHOWN = 1000
"""Entries of each list of the status of the service."""

_STANDING = """
SELECT count(*), count(*) FILTER (WHERE failed), count(*) FILTER (WHERE coming),
       count(*) FILTER (WHERE leaving AND NOT coming),
       array_agg(id) FILTER (WHERE online IS FALSE AND NOT empty AND NOT coming AND NOT leaving),
       array_agg(id) FILTER (WHERE online IS NULL AND NOT empty AND NOT coming AND NOT leaving),
       array_agg(id) FILTER (WHERE leaving AND NOT coming AND NOT deleted),
       max(seconds) FILTER (WHERE coming)
  FROM (SELECT w.id, u.online, u.failure IS NOT NULL AS failed,
               coalesce(coalesce(u.wanted, u.running) = 'RESTORE', false) AS coming,
               coalesce(u.wanted IN ('ARCHIVE', 'DELETE', 'WRITE_THEN_ARCHIVE'), false)
                   OR coalesce(u.running IN ('ARCHIVE', 'DELETE'), false) AS leaving,
               coalesce(coalesce(u.wanted, u.running) = 'DELETE', false) AS deleted,
               CASE WHEN u.online IS TRUE OR %(kind)s <> 'dataset' THEN false
                    ELSE NOT EXISTS (SELECT FROM datafile f WHERE f.dataset_id = w.id AND f.location IS NOT NULL)
               END AS empty,
               extract(epoch FROM greatest(u.expected, nullif(u.not_before, '-infinity')) - now())::float8 AS seconds
          FROM unnest(%(ids)s::bigint[]) AS w (id)
          LEFT JOIN unit u ON u.kind = %(kind)s AND u.id = w.id) known
"""
_OPERATIONS = """
SELECT u.id, coalesce(u.wanted, u.running), u.requested_by, u.requested_at, u.worker, u.attempts, u.problem,
       u.priority, u.size, u.expected,
       CASE u.kind WHEN 'datafile' THEN (SELECT f.location FROM datafile f WHERE f.id = u.id) END,
       i.id, i.name, i.visit_id, d.name, y.name
  FROM unit u
  LEFT JOIN dataset d ON d.id = u.dataset_id
  LEFT JOIN investigation i ON i.id = d.investigation_id
  LEFT JOIN facility y ON y.id = i.facility_id
 WHERE u.kind = %s AND (u.wanted IS NOT NULL OR u.running IS NOT NULL)
 ORDER BY u.running IS NULL, u.priority DESC, u.requested_at, u.id LIMIT %s
"""
_FAILURES = "SELECT id, failure FROM unit WHERE kind = %s AND failure IS NOT NULL ORDER BY id LIMIT %s"
_LOCKS = """
SELECT dataset_id, bool_or(exclusive), count(*)
  FROM (SELECT dataset_id, exclusive FROM unit_lock WHERE until > now()
        UNION ALL
        SELECT dataset_id, running <> 'WRITE' FROM unit
         WHERE kind = 'dataset' AND running IS NOT NULL AND until > now()) lock
 GROUP BY dataset_id ORDER BY dataset_id LIMIT %s
"""


class RestoreFailed(BeamcatError):
    """Data could not be brought back from the archive. Clients know these words."""

    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("Restore failed")


class NotOnline(BeamcatError):
    """Data are not in the main storage, or about to leave it; come back after so many seconds."""

    kind = ErrorKind.UNAVAILABLE

    def __init__(self, count: int, retry_after_s: int) -> None:
        super().__init__(f"{count} of the units asked for are not online; they may be after {retry_after_s} s")
        self.count = count
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Standing:
    """How some units stand."""

    units: int
    failed: int
    coming: int
    """Those that are being restored, or will be."""
    leaving: int
    absent: Sequence[int]
    """Those that are in the archive only."""
    unknown: Sequence[int]
    """Those that nobody has looked at."""
    going: Sequence[int]
    """Those that are about to leave the main storage for the archive, or are doing so."""
    seconds: float | None
    """Until those that are coming are expected, as far as that is known."""

    @property
    def offline(self) -> int:
        """Those that cannot be read now."""
        return self.coming + self.leaving + len(self.absent) + len(self.unknown)

    @property
    def word(self) -> str:
        """`ONLINE`, `RESTORING` or `ARCHIVED`; the units are all known."""
        if self.leaving or self.absent:
            return ARCHIVED
        return RESTORING if self.coming else ONLINE

    @property
    def retry_after_s(self) -> int:
        """When it is worth to come back."""
        seconds = USUAL_RETRY_S if self.seconds is None else round(self.seconds) + 1
        return min(max(seconds, SHORTEST_RETRY_S), LONGEST_RETRY_S)


async def standing(database: Database, kind: Kind, ids: Sequence[int]) -> Standing:
    """How units stand, by what is written down of them. Datasets without files are present."""
    async with database.connection() as connection:
        row = await (await connection.execute(_STANDING, {"kind": kind, "ids": list(ids)})).fetchone()
    assert row is not None
    units, failed, coming, leaving, absent, unknown, going, seconds = row
    return Standing(units, failed, coming, leaving, absent or (), unknown or (), going or (), seconds)


async def service_status(database: Database, kind: Kind) -> dict[str, Any]:
    """What is queued, locked and has failed, as `getServiceStatus` tells it."""
    async with database.connection() as connection:
        operations = await (await connection.execute(_OPERATIONS, (kind, MOST_SHOWN))).fetchall()
        failures = await (await connection.execute(_FAILURES, (kind, MOST_SHOWN))).fetchall()
        locks = await (await connection.execute(_LOCKS, (MOST_SHOWN,))).fetchall()
    return {
        "opsQueue": [{"data": _told(kind, row), "request": f"{row[1]}_REQUESTED"} for row in operations],
        "lockCount": len(locks),
        "locks": [
            {"id": identifier, "type": "EXCLUSIVE" if exclusive else "SHARED", "count": count}
            for identifier, exclusive, count in locks
        ],
        "failures": [identifier for identifier, _ in failures],
        "lockedIds": [identifier for identifier, _, _ in locks],
    }


async def restore_queue(database: Database, kind: Kind) -> list[dict[str, Any]]:
    """What is queued and running, with who asked for it and what was wrong, for administrators."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_OPERATIONS, (kind, MOST_SHOWN))).fetchall()
    return [
        {
            "id": row[0],
            "data": _told(kind, row),
            "request": row[1],
            "user": row[2],
            "since": row[3].isoformat() if row[3] is not None else None,
            "running": row[4] is not None,
            "tries": row[5],
            "problem": row[6],
            "priority": row[7],
            "size": row[8],
            "expected": row[9].isoformat() if row[9] is not None else None,
        }
        for row in rows
    ]


def _told(kind: Kind, row: Sequence[Any]) -> str:
    identifier, location = row[0], row[10]
    investigation_id, investigation, visit, dataset, facility = row[11:]
    if kind == "datafile":
        return location or str(identifier)
    return f"{investigation_id}/{identifier} ({facility}/{investigation}/{visit}/{dataset})"
