"""Whose turn it is: what a worker takes from the queue next.

Operations whose worker has died come first. Restores are taken in turn of the users who wait for some, by priority and
age, for as long as the units and bytes that are on their way already, and the room that is left, allow it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beamcat.database.pool import Connection
from beamcat.store.units.transitions import RESTORE, WRITE, WRITE_THEN_ARCHIVE, Operation

FIELDS = (
    "u.id, u.dataset_id, u.running, u.ticket, u.attempts, u.online, u.marked, u.copy, u.copied, u.attempt, u.leaving,"
    " u.size"
)
"""What a worker is told of a unit it has taken."""
MOST_LOOKED_AT = 1000
"""Waiting restores that are looked at to find some that fit."""
NO_ROOM = "it waits for room in the main storage"
"""What is said of a restore that does not fit."""

_FREE = """NOT EXISTS (SELECT FROM unit_lock l
                 WHERE l.dataset_id = u.dataset_id AND l.until > now() AND (l.exclusive OR {any_lock}))"""

_LOST = f"""
WITH lost AS (
    SELECT u.kind, u.id FROM unit u
     WHERE u.kind = %(kind)s AND u.running = %(wanted)s AND u.until < now()
       AND {_FREE.format(any_lock="%(any_lock)s")}
     ORDER BY u.until LIMIT %(most)s FOR UPDATE SKIP LOCKED)
UPDATE unit u SET ticket = %(ticket)s, worker = %(worker)s, until = now() + %(lease)s
  FROM lost WHERE u.kind = lost.kind AND u.id = lost.id
RETURNING {FIELDS}
"""  # noqa: S608
_NEXT = f"""
WITH next AS (
    SELECT u.kind, u.id FROM unit u
     WHERE u.kind = %(kind)s AND u.wanted = %(wanted)s AND u.running IS NULL AND u.not_before <= now()
       AND {_FREE.format(any_lock="%(any_lock)s")}
     ORDER BY u.priority DESC, u.requested_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
UPDATE unit u
   SET running = CASE u.wanted WHEN 'WRITE_THEN_ARCHIVE' THEN 'WRITE' ELSE u.wanted END,
       wanted = CASE u.wanted WHEN 'WRITE_THEN_ARCHIVE' THEN 'ARCHIVE' END,
       ticket = %(ticket)s, worker = %(worker)s, until = now() + %(lease)s, expected = NULL
  FROM next WHERE u.kind = next.kind AND u.id = next.id
RETURNING {FIELDS}
"""  # noqa: S608
_UNDER_WAY = """
SELECT count(*), coalesce(sum(size), 0)::bigint FROM unit WHERE kind = %(kind)s AND running = 'RESTORE'
"""
_TURN = f"""
WITH RECURSIVE asker (name) AS (
    (SELECT requested_by FROM unit WHERE kind = %(kind)s AND wanted = 'RESTORE' ORDER BY requested_by LIMIT 1)
    UNION ALL
    SELECT (SELECT requested_by FROM unit WHERE kind = %(kind)s AND wanted = 'RESTORE' AND requested_by > asker.name
             ORDER BY requested_by LIMIT 1)
      FROM asker WHERE asker.name IS NOT NULL
), busy AS (
    SELECT requested_by AS name, count(*) AS units FROM unit
     WHERE kind = %(kind)s AND running = 'RESTORE' GROUP BY requested_by
), free AS (
    SELECT asker.name, least(%(most)s, %(per_user)s - coalesce(busy.units, 0)) AS units
      FROM asker LEFT JOIN busy USING (name) WHERE asker.name IS NOT NULL
), turn AS (
    SELECT free.name, one.* FROM free CROSS JOIN LATERAL (
        SELECT u.kind, u.id, u.priority, u.requested_at, u.size, u.problem,
               row_number() OVER (ORDER BY u.priority DESC, u.requested_at) AS place
          FROM unit u
         WHERE u.kind = %(kind)s AND u.wanted = 'RESTORE' AND u.requested_by = free.name
           AND u.running IS NULL AND u.not_before <= now()
           AND {_FREE.format(any_lock="%(any_lock)s")}
         ORDER BY u.priority DESC, u.requested_at LIMIT greatest(free.units, 0)) one
     ORDER BY one.priority DESC, one.place, one.requested_at LIMIT %(looked_at)s
)
SELECT turn.id, turn.name,
       coalesce(nullif(turn.size, 0),
                CASE turn.kind WHEN 'dataset' THEN (SELECT d.file_size FROM dataset d WHERE d.id = turn.id)
                               ELSE (SELECT f.file_size FROM datafile f WHERE f.id = turn.id) END, 0)::bigint,
       coalesce(turn.problem = %(no_room)s, false)
  FROM turn ORDER BY turn.priority DESC, turn.place, turn.requested_at
"""  # noqa: S608
_TAKE_RESTORES = f"""
UPDATE unit u SET running = 'RESTORE', wanted = NULL, ticket = %(ticket)s, worker = %(worker)s,
       until = now() + %(lease)s, expected = NULL, problem = NULL, size = w.size
  FROM unnest(%(ids)s::bigint[], %(sizes)s::bigint[]) AS w (id, size)
 WHERE u.kind = %(kind)s AND u.id = w.id AND u.wanted = 'RESTORE' AND u.running IS NULL
RETURNING {FIELDS}
"""  # noqa: S608
_HELD_UP = """
UPDATE unit SET problem = %(no_room)s WHERE kind = %(kind)s AND id = ANY(%(ids)s::bigint[]) AND wanted = 'RESTORE'
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A restore that waits: of which unit, for whom, and how many bytes that is."""

    id: int
    user: str
    size: int
    is_held_up: bool = False
    """Whether it is written down that there is no room for it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be taken at a time: so many units, bytes on their way, and bytes of room; None: any number."""

    units: int
    size: int | None = None
    room: int | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What may begin, and what does not for want of room."""

    fitting: Sequence[Waiting]
    held_up: Sequence[Waiting]


def choose(waiting: Sequence[Waiting], most: int, budget: Budget, *, nothing_runs: bool) -> Chosen:
    """Those whose turn it is and that fit, `most` of them.

    What does not fit holds up what the same user has asked for after it, so that large units come to their turn, and
    nobody else. A unit that is larger than all bytes that may be on their way goes alone.
    """
    fitting: list[Waiting] = []
    held_up: list[Waiting] = []
    blocked: set[str] = set()
    size, room = budget.size, budget.room
    for unit in waiting:
        if len(fitting) == min(most, budget.units):
            break
        if unit.user in blocked:
            continue
        alone = nothing_runs and not fitting
        if room is not None and unit.size > room:
            held_up.append(unit)
            blocked.add(unit.user)
        elif size is not None and unit.size > size and not alone:
            blocked.add(unit.user)
        else:
            fitting.append(unit)
            size = None if size is None else size - unit.size
            room = None if room is None else room - unit.size
    return Chosen(fitting, held_up)


async def take_any(connection: Connection, operation: Operation, params: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """Units that the operation is to be done to: of dead workers, else those that wait; restores only of the former."""
    params = {**params, "wanted": operation}
    rows = await _rows(connection, _LOST, params)
    if not rows and operation is not RESTORE:
        rows = await _rows(connection, _NEXT, params)
    if not rows and operation is WRITE:
        rows = await _rows(connection, _NEXT, {**params, "wanted": WRITE_THEN_ARCHIVE})
    return rows


async def waiting_restores(connection: Connection, params: Mapping[str, object]) -> list[Waiting]:
    """The restores whose turn it is next, in that order."""
    more = {**params, "looked_at": MOST_LOOKED_AT, "no_room": NO_ROOM}
    return [Waiting(*row) for row in await _rows(connection, _TURN, more)]


async def under_way(connection: Connection, params: Mapping[str, object]) -> tuple[int, int]:
    """How many units, and bytes, are being restored."""
    [(units, size)] = await _rows(connection, _UNDER_WAY, params)
    return units, size


async def take_restores(connection: Connection, chosen: Chosen, params: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """Take what has been chosen; write down what there is no room for."""
    new = [unit.id for unit in chosen.held_up if not unit.is_held_up]
    if new:
        await connection.execute(_HELD_UP, {**params, "ids": new, "no_room": NO_ROOM})
    if not chosen.fitting:
        return []
    ids, sizes = [unit.id for unit in chosen.fitting], [unit.size for unit in chosen.fitting]
    return await _rows(connection, _TAKE_RESTORES, {**params, "ids": ids, "sizes": sizes})


async def _rows(connection: Connection, statement: str, params: Mapping[str, object]) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement, params)).fetchall()
