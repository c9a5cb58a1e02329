"""The queue of what is to be done to units, and who is doing it: the statements on the table `unit`.

Each call is one statement or one transaction. Taking is done by one worker at a time, so that limits hold over all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

from beamcat.database.pool import Connection, Database
from beamcat.events.leading import lock_key
from beamcat.protection.refusals import OverRestoreBudget
from beamcat.protection.restores import RestoreBudgets
from beamcat.store.units.requesting import request_statement
from beamcat.store.units.taking import Budget, choose, take_any, take_restores, under_way, waiting_restores
from beamcat.store.units.transitions import RESTORE, WRITE, Kind, Operation
from beamcat.store.units.values import Outcome, Taken, Terms, Units

ROWS = 10_000
"""Units of one statement."""
LONGEST_PAUSE_S = 3600.0
"""Between two tries of an operation that fails."""

_TAKING = lock_key("units")

_RENEW = "UPDATE unit SET until = now() + %s WHERE running IS NOT NULL AND ticket = ANY(%s) RETURNING ticket"
_EXPECT = """
UPDATE unit u SET expected = now() + make_interval(secs => w.seconds)
  FROM unnest(%s::bigint[], %s::float8[]) AS w (id, seconds)
 WHERE u.kind = %s AND u.id = w.id AND u.ticket = %s
"""
_GIVE_BACK = """
UPDATE unit u
   SET wanted = CASE WHEN u.running = 'WRITE' AND u.wanted = 'ARCHIVE' THEN 'WRITE_THEN_ARCHIVE'
                     WHEN u.running = 'ARCHIVE' AND u.wanted = 'WRITE' AND u.online THEN 'WRITE_THEN_ARCHIVE'
                     WHEN u.running = 'RESTORE' AND u.wanted = 'WRITE' AND u.online IS NOT TRUE THEN 'RESTORE'
                     ELSE coalesce(u.wanted, u.running) END,
       running = NULL, ticket = NULL, worker = NULL, until = NULL, expected = NULL,
       not_before = now() + %(pause)s, attempts = u.attempts + %(tries)s, problem = %(problem)s
 WHERE u.kind = %(kind)s AND u.id = ANY(%(ids)s) AND u.ticket = %(ticket)s
"""
# What is marked and has come back is written: a RESTORE may have taken the place of its WRITE.
_DONE = """
UPDATE unit u
   SET running = NULL, ticket = NULL, worker = NULL, until = NULL, expected = NULL, attempts = 0, problem = w.problem,
       online = w.online,
       wanted = CASE WHEN u.running = 'RESTORE' AND w.online AND u.marked AND u.wanted IS NULL THEN 'WRITE'
                     ELSE u.wanted END,
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
_OURS = "SELECT id FROM unit WHERE kind = %s AND id = ANY(%s) AND ticket = %s"
_ATTEMPT_IS_GONE = "UPDATE unit SET attempt = NULL WHERE kind = %s AND id = %s AND attempt = %s AND running IS NULL"
_REMOVE = """
DELETE FROM unit WHERE kind = %s AND id = ANY(%s) AND ticket = %s AND wanted IS DISTINCT FROM 'DELETE'
"""
_ONLY_DELETE = """
UPDATE unit SET running = NULL, ticket = NULL, worker = NULL, until = NULL
 WHERE kind = %s AND id = ANY(%s) AND ticket = %s AND wanted = 'DELETE'
"""
# A WRITE and a DELETE stay: without them the archive would not follow. What a worker has begun may be there by half.
_STOP = """
UPDATE unit
   SET failure = CASE WHEN coalesce(wanted, running) = 'RESTORE' AND online IS NOT TRUE THEN %(reason)s
                      ELSE failure END,
       problem = CASE WHEN coalesce(wanted, running) = 'RESTORE' AND online IS NOT TRUE THEN %(reason)s END,
       wanted = CASE wanted WHEN 'RESTORE' THEN NULL WHEN 'ARCHIVE' THEN NULL WHEN 'WRITE_THEN_ARCHIVE' THEN 'WRITE'
                            ELSE wanted END,
       online = CASE running WHEN 'RESTORE' THEN NULL ELSE online END,
       ticket = CASE running WHEN 'RESTORE' THEN NULL ELSE ticket END,
       worker = CASE running WHEN 'RESTORE' THEN NULL ELSE worker END,
       until = CASE running WHEN 'RESTORE' THEN NULL ELSE until END,
       running = nullif(running, 'RESTORE'), expected = NULL, attempts = 0
 WHERE kind = %(kind)s AND {which}
RETURNING id
"""
_CANCEL = _STOP.format(
    which="id = ANY(%(ids)s::bigint[])"
    " AND (wanted IN ('RESTORE', 'ARCHIVE', 'WRITE_THEN_ARCHIVE') OR running = 'RESTORE')"
)
_OVERDUE = _STOP.format(
    which="requested_at < now() - %(deadline)s"
    " AND (wanted = 'RESTORE' AND running IS NULL OR running = 'RESTORE' AND coalesce(wanted, 'RESTORE') = 'RESTORE')"
)
_UNSURE = "UPDATE unit SET online = NULL WHERE kind = %s AND id = %s AND running IS NULL AND online IS FALSE"
_CLEAR = """
UPDATE unit SET failure = NULL, attempts = 0 WHERE kind = %s AND id = ANY(%s) AND failure IS NOT NULL
"""
_HASTEN = """
UPDATE unit SET not_before = now()
 WHERE kind = %s AND id = ANY(%s) AND wanted IS NOT NULL AND running IS NULL AND attempts > 0
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


@dataclass(slots=True)
class Queue:
    """Requests for units, and the operations that are under way.

    `room` tells how many bytes the main storage has left; None when it does not know. `budgets` says how much a user
    may have restored; None: as much as they like.
    """

    database: Database
    terms: Terms
    room: Callable[[], Awaitable[int | None]] | None = None
    worker: str = field(default_factory=lambda: str(uuid4()))
    budgets: RestoreBudgets | None = None

    @property
    def kind(self) -> Kind:
        """What the units are."""
        return self.terms.kind

    async def request(self, operation: Operation, units: Units, user_name: str, priority: int = 0) -> None:
        """Ask for something to be done to units. What is asked for already is asked for once.

        The delay of a WRITE of a dataset begins anew with each of them. A WRITE marks its units: until it has
        succeeded none of them leaves the main storage. `operation` is not WRITE_THEN_ARCHIVE.

        Raises `OverRestoreBudget` when the user may not have all of them restored; the others have been asked for.
        """
        over: OverRestoreBudget | None = None
        statement = request_statement(self.kind, operation)
        for params in self._requests(operation, units, user_name, priority):

            async def work(connection: Connection, params: dict[str, object] = params) -> OverRestoreBudget | None:
                over = None
                if operation is RESTORE and self.budgets is not None:
                    params, over = await self.budgets.granted(connection, params)
                await connection.execute(statement, params)
                return over

            over = await self.database.run(work) or over
        if over is not None:
            raise over

    async def request_write(self, connection: Connection, units: Units, user_name: str) -> None:
        """Ask for a WRITE in the transaction that makes it necessary: both are there, or neither."""
        for params in self._requests(WRITE, units, user_name, 0):
            await connection.execute(request_statement(self.kind, WRITE), params)

    def _requests(
        self, operation: Operation, units: Units, user_name: str, priority: int
    ) -> Iterator[dict[str, object]]:
        """What the statement is given, for some units at a time."""
        is_write = self.kind == "dataset" and operation is WRITE
        delay = self.terms.dataset_writes if is_write else timedelta()
        if self.kind == "datafile":
            delay = self.terms.datafile_operations
        for first in range(0, len(units), ROWS):
            part = slice(first, first + ROWS)
            none: list[str | None] = [None] * len(units.ids[part])
            yield {
                "kind": self.kind,
                "ids": list(units.ids[part]),
                "datasets": list(units.datasets[part]),
                "copies": none if units.copies is None else list(units.copies[part]),
                "delay": delay,
                "priority": priority,
                "user": user_name,
            }

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
                params = {
                    "kind": self.kind,
                    "any_lock": not (operation is WRITE or (operation is RESTORE and self.kind == "datafile")),
                    "most": most,
                    "ticket": ticket,
                    "worker": self.worker,
                    "lease": self.terms.lease,
                    "per_user": self.terms.restores_per_user,
                }
                rows = await take_any(connection, operation, params)
                if not rows and operation is RESTORE:
                    waiting = await waiting_restores(connection, params)
                    if waiting:
                        units, size = await under_way(connection, params)
                        budget = await self._budget(units, size)
                        chosen = choose(waiting, most, budget, nothing_runs=units == 0)
                        rows = await take_restores(connection, chosen, params)
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

    async def attempt_is_gone(self, unit: Taken, name: str) -> None:
        """The copy of that name, which was still to be removed from the archive, has been."""
        async with self.database.connection() as connection:
            await connection.execute(_ATTEMPT_IS_GONE, (self.kind, unit.id, name))

    async def remove(self, units: Sequence[Taken]) -> None:
        """Forget units that are gone from the catalogue; not those that are still to go from the archive."""
        if units:
            params = (self.kind, [unit.id for unit in units], units[0].ticket)
            async with self.database.transaction() as connection:
                await connection.execute(_REMOVE, params)
                await connection.execute(_ONLY_DELETE, params)

    async def ours(self, units: Sequence[Taken]) -> set[int]:
        """The ids of those of the units, of one ticket, that nobody has cancelled or taken over."""
        if not units:
            return set()
        params = (self.kind, [unit.id for unit in units], units[0].ticket)
        async with self.database.connection() as connection:
            return {row[0] for row in await (await connection.execute(_OURS, params)).fetchall()}

    async def cancel(self, ids: Sequence[int], reason: str) -> set[int]:
        """Stop restores, and take back what was to be archived; those of which there was anything to stop.

        A unit that does not come back is flagged with the reason, so that clients who wait for it are told.
        """
        async with self.database.connection() as connection:
            params = {"kind": self.kind, "ids": list(ids), "reason": reason}
            return {row[0] for row in await (await connection.execute(_CANCEL, params)).fetchall()}

    async def give_up_overdue(self) -> int:
        """Flag the restores that were asked for longer ago than the deadline; how many."""
        deadline = self.terms.deadline
        if deadline is None:
            return 0
        reason = f"it has not come back within {deadline.total_seconds() / 3600:g} hours"
        async with self.database.connection() as connection:
            cursor = await connection.execute(_OVERDUE, {"kind": self.kind, "deadline": deadline, "reason": reason})
            return cursor.rowcount

    async def unsure(self, unit: Taken) -> None:
        """Have somebody look whether a unit is in the main storage: bytes of it have come after it was cancelled."""
        async with self.database.connection() as connection:
            await connection.execute(_UNSURE, (self.kind, unit.id))

    async def clear_failures(self, units: Units) -> None:
        """Forget that restores of these units have failed."""
        async with self.database.connection() as connection:
            await connection.execute(_CLEAR, (self.kind, list(units.ids)))

    async def hasten(self, ids: Sequence[int]) -> None:
        """Try now what would be tried again later."""
        async with self.database.connection() as connection:
            await connection.execute(_HASTEN, (self.kind, list(ids)))

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

    async def _budget(self, units: int, size: int) -> Budget:
        """What may be taken besides so many units and bytes that are on their way."""
        terms = self.terms
        left = None if terms.restore_bytes_at_once is None else terms.restore_bytes_at_once - size
        room = None if self.room is None else await self.room()
        if room is not None:  # the bytes on their way may have arrived, or not
            room -= size + terms.keep_free
        return Budget(max(terms.restores_at_once - units, 0), left, room)

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
