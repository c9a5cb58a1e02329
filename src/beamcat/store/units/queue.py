"""The queue of what is to be done to units, and who is doing it: the statements on the table `unit`.

Each call is one statement or one transaction. Taking is done by one worker at a time, so that limits hold over all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from beamcat.database.pool import Connection, Database
from beamcat.events.leading import lock_key
from beamcat.store.units import transitions
from beamcat.store.units.transitions import ARCHIVE, RESTORE, WRITE, WRITE_THEN_ARCHIVE, Kind, Operation

LEASE_S = 60.0
"""How long an operation belongs to a worker that is not heard of any more."""
ROWS = 10_000
"""Units of one statement."""
LONGEST_PAUSE_S = 3600.0
"""Between two tries of an operation that fails."""

_TAKING = lock_key("units")

_FIELDS = (
    "u.id, u.dataset_id, u.running, u.ticket, u.attempts, u.online, u.marked, u.copy, u.copied, u.attempt, u.leaving"
)
_FREE = """NOT EXISTS (SELECT FROM unit_lock l
                 WHERE l.dataset_id = u.dataset_id AND l.until > now() AND (l.exclusive OR {any_lock}))"""

_LOST = f"""
WITH lost AS (
    SELECT u.kind, u.id FROM unit u
     WHERE u.kind = %(kind)s AND u.running = ANY(%(running)s) AND u.until < now()
       AND {_FREE.format(any_lock="%(any_lock)s")}
     ORDER BY u.until LIMIT %(most)s FOR UPDATE SKIP LOCKED)
UPDATE unit u SET ticket = %(ticket)s, worker = %(worker)s, until = now() + %(lease)s
  FROM lost WHERE u.kind = lost.kind AND u.id = lost.id
RETURNING {_FIELDS}
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
RETURNING {_FIELDS}
"""  # noqa: S608
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
    SELECT one.* FROM free CROSS JOIN LATERAL (
        SELECT u.kind, u.id, u.priority, u.requested_at,
               row_number() OVER (ORDER BY u.priority DESC, u.requested_at) AS place
          FROM unit u
         WHERE u.kind = %(kind)s AND u.wanted = 'RESTORE' AND u.requested_by = free.name
           AND u.running IS NULL AND u.not_before <= now()
           AND {_FREE.format(any_lock="%(any_lock)s")}
         ORDER BY u.priority DESC, u.requested_at LIMIT greatest(free.units, 0)) one
     ORDER BY one.priority DESC, one.place, one.requested_at
     LIMIT greatest(least(%(most)s, %(at_once)s - (SELECT coalesce(sum(units), 0) FROM busy)), 0)
)
SELECT id FROM turn
"""  # noqa: S608
_TAKE_RESTORES = f"""
UPDATE unit u SET running = 'RESTORE', wanted = NULL, ticket = %(ticket)s, worker = %(worker)s,
       until = now() + %(lease)s, expected = NULL
 WHERE u.kind = %(kind)s AND u.id = ANY(%(ids)s::bigint[]) AND u.wanted = 'RESTORE' AND u.running IS NULL
RETURNING {_FIELDS}
"""  # noqa: S608
_RENEW = "UPDATE unit SET until = now() + %s WHERE running IS NOT NULL AND ticket = ANY(%s) RETURNING ticket"
_EXPECT = """
UPDATE unit u SET expected = now() + make_interval(secs => w.seconds)
  FROM unnest(%s::bigint[], %s::float8[]) AS w (id, seconds)
 WHERE u.kind = %s AND u.id = w.id AND u.ticket = %s
"""
_GIVE_BACK = """
UPDATE unit u
   SET wanted = coalesce(CASE WHEN u.running = 'WRITE' AND u.wanted = 'ARCHIVE' THEN 'WRITE_THEN_ARCHIVE' END,
                         u.wanted, u.running),
       running = NULL, ticket = NULL, worker = NULL, until = NULL, expected = NULL,
       not_before = now() + %(pause)s, attempts = u.attempts + %(tries)s, problem = %(problem)s
 WHERE u.kind = %(kind)s AND u.id = ANY(%(ids)s) AND u.ticket = %(ticket)s
"""
_DONE = """
UPDATE unit u
   SET running = NULL, ticket = NULL, worker = NULL, until = NULL, expected = NULL, attempts = 0, problem = w.problem,
       online = w.online,
       marked = CASE WHEN u.running = 'WRITE' THEN coalesce(u.wanted IN ('WRITE', 'WRITE_THEN_ARCHIVE'), false)
                     ELSE u.marked END,
       failure = CASE WHEN u.running = 'RESTORE' THEN w.failure ELSE u.failure END,
       restored = CASE WHEN u.running = 'RESTORE' AND w.online THEN clock_timestamp() ELSE u.restored END,
       lacking = w.lacking, attempt = w.attempt, leaving = NULL, copy = w.copy, copied = w.copied,
       size = coalesce(w.size, u.size)
  FROM unnest(%(ids)s::bigint[], %(online)s::boolean[], %(copy)s::text[], %(copied)s::bytea[], %(attempt)s::text[],
              %(size)s::bigint[], %(failure)s::text[], %(problem)s::text[], %(lacking)s::bigint[])
       AS w (id, online, copy, copied, attempt, size, failure, problem, lacking)
 WHERE u.kind = %(kind)s AND u.id = w.id AND u.ticket = %(ticket)s
RETURNING u.id
"""
_WRITE_FIRST = """
UPDATE unit SET running = NULL, ticket = NULL, worker = NULL, until = NULL, marked = true, not_before = now(),
       wanted = CASE wanted WHEN 'RESTORE' THEN 'WRITE' ELSE 'WRITE_THEN_ARCHIVE' END
 WHERE kind = %s AND id = ANY(%s) AND ticket = %s
"""
_LEAVE = """
UPDATE unit u SET online = false, leaving = w.leaving
  FROM unnest(%s::bigint[], %s::bytea[]) AS w (id, leaving)
 WHERE u.kind = %s AND u.id = w.id AND u.ticket = %s
RETURNING u.id
"""
_ATTEMPT = "UPDATE unit SET attempt = %s WHERE kind = %s AND id = %s AND ticket = %s RETURNING id"
_REMOVE = "DELETE FROM unit WHERE kind = %s AND id = ANY(%s) AND ticket = %s AND wanted IS NULL"
_CLEAR = """
UPDATE unit SET failure = NULL, attempts = 0 WHERE kind = %s AND id = ANY(%s) AND failure IS NOT NULL
"""
_GONE = """
UPDATE unit SET online = false
 WHERE kind = %s AND id = ANY(%s) AND online AND lacking = 0 AND running IS NULL
   AND coalesce(wanted, 'WRITE') = 'WRITE'
RETURNING id
"""
_SEEN = """
INSERT INTO unit (kind, id, dataset_id, online, size)
SELECT %(kind)s, w.id, w.dataset_id, w.online, w.size
  FROM unnest(%(ids)s::bigint[], %(datasets)s::bigint[], %(online)s::boolean[], %(sizes)s::bigint[])
       AS w (id, dataset_id, online, size)
 ORDER BY w.id
ON CONFLICT (kind, id) DO UPDATE SET online = excluded.online, size = excluded.size
 WHERE unit.online IS NULL AND unit.running IS NULL
"""
_ACCESSED = """
INSERT INTO unit (kind, id, dataset_id, accessed)
SELECT %s, w.id, w.dataset_id, now() FROM unnest(%s::bigint[], %s::bigint[]) AS w (id, dataset_id) ORDER BY w.id
ON CONFLICT (kind, id) DO UPDATE SET accessed = now()
 WHERE unit.accessed IS NULL OR unit.accessed < now() - interval '1 hour'
"""


@dataclass(frozen=True, slots=True)
class Units:
    """Some units: their ids and those of the datasets they are or lie in.

    Of units that are gone from the catalogue, `copies` are the names in the archive.
    """

    ids: Sequence[int]
    datasets: Sequence[int]
    copies: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, ids: Sequence[int]) -> Units:
        """Those with these ids."""
        places = dict(zip(self.ids, self.datasets, strict=True))
        return Units(ids, [places[each] for each in ids])


@dataclass(frozen=True, slots=True)
class Taken:
    """A unit that a worker has taken, and what it is to do."""

    id: int
    dataset_id: int
    operation: Operation
    ticket: UUID
    attempts: int
    online: bool | None
    marked: bool
    copy: str | None
    copied: bytes | None
    attempt: str | None
    leaving: bytes | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation has left a unit. `attempt` names a copy that is still to be removed from the archive."""

    unit: Taken
    online: bool | None
    copy: str | None = None
    copied: bytes | None = None
    attempt: str | None = None
    size: int | None = None
    failure: str | None = None
    problem: str | None = None
    lacking: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """How the queue is kept: delays before writes, and how many restores run at a time, for all and for one user."""

    kind: Kind = "dataset"
    dataset_writes: timedelta = timedelta(seconds=60)
    datafile_operations: timedelta = timedelta(seconds=60)
    restores_at_once: int = 100
    restores_per_user: int = 50
    lease: timedelta = timedelta(seconds=LEASE_S)
    retry: timedelta = timedelta(seconds=60)


@dataclass(slots=True)
class Queue:
    """Requests for units, and the operations that are under way."""

    database: Database
    terms: Terms
    worker: str = field(default_factory=lambda: str(uuid4()))

    @property
    def kind(self) -> Kind:
        """What the units are."""
        return self.terms.kind

    async def request(self, operation: Operation, units: Units, user_name: str, priority: int = 0) -> None:
        """Ask for something to be done to units. What is asked for already is asked for once.

        The delay of a WRITE of a dataset begins anew with each of them. A WRITE marks its units: until it has
        succeeded none of them leaves the main storage. `operation` is not WRITE_THEN_ARCHIVE.
        """
        statement = _request_statement(self.kind, operation)
        is_write = self.kind == "dataset" and operation is WRITE
        delay = self.terms.dataset_writes if is_write else timedelta()
        if self.kind == "datafile":
            delay = self.terms.datafile_operations
        for first in range(0, len(units), ROWS):
            part = slice(first, first + ROWS)
            none: list[str | None] = [None] * len(units.ids[part])
            params: dict[str, object] = {
                "kind": self.kind,
                "ids": list(units.ids[part]),
                "datasets": list(units.datasets[part]),
                "copies": none if units.copies is None else list(units.copies[part]),
                "delay": delay,
                "priority": priority,
                "user": user_name,
            }

            async def work(connection: Connection, params: dict[str, object] = params) -> None:
                await connection.execute(statement, params)

            await self.database.run(work)

    async def take(self, operations: Sequence[Operation], most: int) -> list[Taken]:
        """Up to so many units that one of the operations is to be done to; all the same operation, under one ticket.

        Those come first whose worker has died. Returns none while another worker is taking.
        """
        ticket = uuid4()
        async with self.database.transaction() as connection:
            row = await (await connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", _TAKING)).fetchone()
            if row == (False,):
                return []
            for operation in operations:
                alone = not (operation is WRITE or (operation is RESTORE and self.kind == "datafile"))
                params = {
                    "kind": self.kind,
                    "running": [operation],
                    "wanted": operation,
                    "any_lock": alone,
                    "most": most,
                    "ticket": ticket,
                    "worker": self.worker,
                    "lease": self.terms.lease,
                    "per_user": self.terms.restores_per_user,
                    "at_once": self.terms.restores_at_once,
                }
                rows = await _rows(connection, _LOST, params)
                if not rows and operation is RESTORE:
                    ids = [row[0] for row in await _rows(connection, _TURN, params)]
                    rows = await _rows(connection, _TAKE_RESTORES, {**params, "ids": ids}) if ids else []
                elif not rows:
                    rows = await _rows(connection, _NEXT, params)
                if not rows and operation is WRITE:
                    rows = await _rows(connection, _NEXT, {**params, "wanted": WRITE_THEN_ARCHIVE})
                if rows:
                    return [Taken(row[0], row[1], Operation(row[2]), *row[3:]) for row in rows]
        return []

    async def renew(self, tickets: Sequence[UUID]) -> set[UUID]:
        """Keep the operations for another lease; the tickets that are good for nothing any more are not returned."""
        async with self.database.connection() as connection:
            cursor = await connection.execute(_RENEW, (self.terms.lease, list(tickets)))
            return {ticket for (ticket,) in await cursor.fetchall()}

    async def expect(self, units: Sequence[Taken], seconds: Sequence[float]) -> None:
        """Write down when units are expected to be back."""
        if units:
            params = ([unit.id for unit in units], list(seconds), self.kind, units[0].ticket)
            async with self.database.connection() as connection:
                await connection.execute(_EXPECT, params)

    async def done(self, outcomes: Sequence[Outcome]) -> set[int]:
        """Write down how operations of one ticket have ended; the ids of the units that were still ours."""
        if not outcomes:
            return set()
        params = {
            "kind": self.kind,
            "ticket": outcomes[0].unit.ticket,
            "ids": [outcome.unit.id for outcome in outcomes],
            **{
                name: [getattr(outcome, name) for outcome in outcomes]
                for name in ("online", "copy", "copied", "attempt", "size", "failure", "problem", "lacking")
            },
        }
        async with self.database.connection() as connection:
            return {row[0] for row in await (await connection.execute(_DONE, params)).fetchall()}

    async def failed(self, unit: Taken, problem: str) -> None:
        """Put back an operation that failed, to be tried again later, each time later than before."""
        pause = min(self.terms.retry * 2 ** min(unit.attempts, 12), timedelta(seconds=LONGEST_PAUSE_S))
        await self._give_back([unit], pause, 1, problem)

    async def give_back(self, units: Sequence[Taken], pause: timedelta = timedelta()) -> None:
        """Put back operations that were not begun."""
        await self._give_back(units, pause, 0, None)

    async def write_first(self, units: Sequence[Taken]) -> None:
        """Have units written to the archive before they leave the main storage: it does not have these bytes."""
        if units:
            async with self.database.connection() as connection:
                await connection.execute(_WRITE_FIRST, (self.kind, [unit.id for unit in units], units[0].ticket))

    async def leave(self, units: Sequence[Taken], leaving: Sequence[bytes]) -> set[int]:
        """Write down what is about to be removed from the main storage; the ids of the units that are still ours."""
        if not units:
            return set()
        params = ([unit.id for unit in units], list(leaving), self.kind, units[0].ticket)
        async with self.database.connection() as connection:
            return {row[0] for row in await (await connection.execute(_LEAVE, params)).fetchall()}

    async def attempt(self, unit: Taken, name: str | None) -> bool:
        """Write down the name of a copy before it is made; False when the unit is not ours any more."""
        async with self.database.connection() as connection:
            cursor = await connection.execute(_ATTEMPT, (name, self.kind, unit.id, unit.ticket))
            return await cursor.fetchone() is not None

    async def remove(self, units: Sequence[Taken]) -> None:
        """Forget units that are gone from everywhere."""
        if units:
            async with self.database.connection() as connection:
                await connection.execute(_REMOVE, (self.kind, [unit.id for unit in units], units[0].ticket))

    async def clear_failures(self, units: Units) -> None:
        """Forget that restores of these units have failed."""
        async with self.database.connection() as connection:
            await connection.execute(_CLEAR, (self.kind, list(units.ids)))

    async def gone(self, ids: Sequence[int]) -> set[int]:
        """Write down that units are not in the main storage although it was thought so; those of which it was."""
        async with self.database.connection() as connection:
            return {row[0] for row in await (await connection.execute(_GONE, (self.kind, list(ids)))).fetchall()}

    async def seen(self, units: Units, online: Sequence[bool], sizes: Sequence[int]) -> None:
        """Write down what has been seen of units that nobody had looked at."""
        params = {
            "kind": self.kind,
            "ids": list(units.ids),
            "datasets": list(units.datasets),
            "online": list(online),
            "sizes": list(sizes),
        }
        if units.ids:
            async with self.database.connection() as connection:
                await connection.execute(_SEEN, params)

    async def accessed(self, units: Units) -> None:
        """Write down that units are read now; to the hour."""
        async with self.database.connection() as connection:
            await connection.execute(_ACCESSED, (self.kind, list(units.ids), list(units.datasets)))

    async def _give_back(self, units: Sequence[Taken], pause: timedelta, tries: int, problem: str | None) -> None:
        if not units:
            return
        params = {
            "kind": self.kind,
            "ids": [unit.id for unit in units],
            "ticket": units[0].ticket,
            "pause": pause,
            "tries": tries,
            "problem": problem,
        }
        async with self.database.connection() as connection:
            await connection.execute(_GIVE_BACK, params)


async def _rows(connection: Connection, statement: str, params: Mapping[str, object]) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement, params)).fetchall()


def _request_statement(kind: Kind, asked: Operation) -> str:
    """The statement that does to units what the table of transitions says."""
    queued = {known: transitions.change(kind, known, asked) for known in (None, *Operation)}
    first = queued[None]
    wanted = _cases({known: _literal(change.queued) for known, change in queued.items()}, "unit.wanted")
    if asked is RESTORE:
        wanted = f"coalesce({wanted}, CASE WHEN unit.online IS TRUE THEN NULL ELSE 'RESTORE' END)"
    marks = _cases({known: str(change.marks).lower() for known, change in queued.items()}, "false")
    delays = _cases({known: str(change.delays).lower() for known, change in queued.items()}, "false")
    begins = "now() + %(delay)s"
    if kind == "datafile":  # all wait until the first of them is due, and go together
        idle = "SELECT min(not_before) FROM unit WHERE kind = 'datafile' AND wanted IS NOT NULL AND not_before > now()"
        begins = f"coalesce(({idle}), now() + %(delay)s)"
    useless = "false"
    if asked is not WRITE:
        useless = f"(unit.running = '{asked}' AND unit.wanted IS NULL AND unit.until > now())"
    if asked in {RESTORE, ARCHIVE}:
        there = "true" if asked is RESTORE else "false"
        useless += f" OR (unit.online IS {there} AND unit.wanted IS NULL AND unit.running IS NULL)"
    return f"""
INSERT INTO unit (kind, id, dataset_id, copy, wanted, marked, not_before, priority, requested_by, requested_at)
SELECT %(kind)s, w.id, w.dataset_id, w.copy, {_literal(first.queued)}, {str(first.marks).lower()}, {begins},
       %(priority)s, %(user)s, clock_timestamp()
  FROM unnest(%(ids)s::bigint[], %(datasets)s::bigint[], %(copies)s::text[]) AS w (id, dataset_id, copy) ORDER BY w.id
ON CONFLICT (kind, id) DO UPDATE
   SET wanted = {wanted},
       marked = unit.marked OR {marks},
       copy = coalesce(unit.copy, excluded.copy),
       not_before = CASE WHEN unit.wanted IS NULL OR {delays} THEN excluded.not_before ELSE unit.not_before END,
       attempts = CASE WHEN unit.wanted IS NULL AND unit.running IS NULL THEN 0 ELSE unit.attempts END,
       priority = CASE WHEN unit.wanted IS NULL THEN excluded.priority
                       ELSE greatest(unit.priority, excluded.priority) END,
       requested_by = CASE WHEN unit.wanted IS NULL THEN excluded.requested_by ELSE unit.requested_by END,
       requested_at = CASE WHEN unit.wanted IS NULL THEN excluded.requested_at ELSE unit.requested_at END
 WHERE NOT coalesce({useless}, false)
"""  # noqa: S608


def _literal(operation: Operation | None) -> str:
    return "NULL::text" if operation is None else f"'{operation}'"


def _cases(values: dict[Operation | None, str], otherwise: str) -> str:
    cases = " ".join(f"WHEN '{known}' THEN {value}" for known, value in values.items() if known is not None)
    return f"(CASE WHEN unit.wanted IS NULL THEN {values[None]} ELSE CASE unit.wanted {cases} ELSE {otherwise} END END)"
