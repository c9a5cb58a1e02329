"""What administrators see of units, and do to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from beamcat.database.pool import Database
from beamcat.store.units.transitions import Kind
from beamcat.store.units.values import Units

PAGE = 1000
"""Units that are read together."""

_STATES = {
    "busy": "(u.wanted IS NOT NULL OR u.running IS NOT NULL)",
    "waiting": "u.wanted IS NOT NULL AND u.running IS NULL",
    "running": "u.running IS NOT NULL",
    "stuck": "(u.failure IS NOT NULL OR u.wanted IS NOT NULL AND u.running IS NULL AND u.attempts > 0)",
    "failed": "u.failure IS NOT NULL",
    "archived": "u.online IS FALSE",
}
_LISTED = """
SELECT u.id, coalesce(u.wanted, u.running), u.running IS NOT NULL, u.online, u.requested_by, u.requested_at, u.priority,
       u.size, u.attempts, u.expected, u.failure, u.problem, y.name, i.name, i.visit_id, d.name, i.id, u.dataset_id
  FROM unit u
  LEFT JOIN dataset d ON d.id = u.dataset_id
  LEFT JOIN investigation i ON i.id = d.investigation_id
  LEFT JOIN facility y ON y.id = i.facility_id
 WHERE u.kind = %(kind)s AND u.id > %(after)s AND {state}
   AND (%(user)s::text IS NULL OR u.requested_by = %(user)s)
   AND (%(ids)s::bigint[] IS NULL OR u.id = ANY(%(ids)s))
   AND (%(investigations)s::bigint[] IS NULL OR d.investigation_id = ANY(%(investigations)s))
   AND (%(datasets)s::bigint[] IS NULL OR u.dataset_id = ANY(%(datasets)s))
 ORDER BY u.id LIMIT %(most)s
"""
_CATALOGUED = {
    "dataset": """
SELECT d.id, d.id FROM dataset d
 WHERE (d.id = ANY(%(datasets)s::bigint[]) OR d.investigation_id = ANY(%(investigations)s::bigint[]))
   AND d.id > %(after)s AND EXISTS (SELECT FROM datafile f WHERE f.dataset_id = d.id AND f.location IS NOT NULL)
 ORDER BY d.id LIMIT %(most)s
""",
    "datafile": """
SELECT f.id, f.dataset_id FROM datafile f
 WHERE f.dataset_id IN (SELECT d.id FROM dataset d WHERE d.id = ANY(%(datasets)s::bigint[])
                                                      OR d.investigation_id = ANY(%(investigations)s::bigint[]))
   AND f.location IS NOT NULL AND f.id > %(after)s
 ORDER BY f.id LIMIT %(most)s
""",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which units are meant; None: all of them, whatever they are of."""

    ids: tuple[int, ...] | None = None
    investigations: tuple[int, ...] | None = None
    datasets: tuple[int, ...] | None = None
    user: str | None = None
    state: str = "busy"
    """`busy`, `waiting`, `running`, `stuck`, `failed` or `archived`."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A unit, and how it stands."""

    id: int
    operation: str | None
    """What is to be done to it, or is being done."""
    running: bool
    online: bool | None
    user: str | None
    since: datetime | None
    priority: int
    size: int | None
    tries: int
    expected: datetime | None
    failure: str | None
    problem: str | None
    facility: str | None
    investigation: str | None
    visit_id: str | None
    dataset: str | None
    investigation_id: int | None
    dataset_id: int

    @property
    def state(self) -> str:
        """In one word: `failed`, `running`, `waiting`, `online`, `archived` or `unknown`."""
        if self.failure is not None:
            return "failed"
        if self.operation is not None:
            return "running" if self.running else "waiting"
        return {True: "online", False: "archived", None: "unknown"}[self.online]


async def listed(database: Database, kind: Kind, chosen: Chosen) -> AsyncIterator[list[Listed]]:
    """Units, some at a time, by their ids."""
    statement = _LISTED.format(state=_STATES[chosen.state])
    after = -1
    while True:
        params = {
            "kind": kind,
            "after": after,
            "user": chosen.user,
            "ids": _array(chosen.ids),
            "investigations": _array(chosen.investigations),
            "datasets": _array(chosen.datasets),
            "most": PAGE,
        }
        async with database.connection() as connection:
            rows = await (await connection.execute(statement, params)).fetchall()
        if rows:
            yield [Listed(*row) for row in rows]
            after = rows[-1][0]
        if len(rows) < PAGE:
            return


async def catalogued(
    database: Database, kind: Kind, investigations: tuple[int, ...], datasets: tuple[int, ...]
) -> AsyncIterator[Units]:
    """The units of the catalogue that lie in these investigations and datasets, some at a time."""
    after = -1
    while True:
        params = {"investigations": list(investigations), "datasets": list(datasets), "after": after, "most": PAGE}
        async with database.connection() as connection:
            rows = await (await connection.execute(_CATALOGUED[kind], params)).fetchall()
        if rows:
            yield Units([row[0] for row in rows], [row[1] for row in rows])
            after = rows[-1][0]
        if len(rows) < PAGE:
            return


def _array(ids: tuple[int, ...] | None) -> list[int] | None:
    return None if ids is None else list(ids)
