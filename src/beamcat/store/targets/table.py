"""The tables of targets. Who works on a request holds its lease; what they write is fenced by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from psycopg.types.json import Jsonb

from beamcat.database.pool import Connection, Database
from beamcat.store.targets import statements as sql
from beamcat.store.targets.contract import Access, Failure, Order, Person
from beamcat.store.targets.values import Lost, Ordered, Part, Planning, Replica, Settled, Taken

ROWS = 4096
"""Rows of one statement."""
FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 300.0


@dataclass(slots=True)
class TargetTable:
    """The requests, and what is known of them."""

    database: Database
    lease: timedelta
    worker: str = field(default_factory=lambda: str(uuid4()))

    async def enlist(self, connection: Connection, ids: Sequence[int], target: str, destination: str | None) -> None:
        """New downloads are for a target: in the transaction that makes them."""
        await connection.execute(sql.ENLIST, (target, destination, list(ids)))

    async def hand_over(self, connection: Connection, ids: Sequence[int], targets: dict[str, str]) -> dict[int, bool]:
        """All data of these downloads are there: the work begins. For each whether it does, or has to be asked again.

        `targets` are the transports that have one. Downloads of others are not among the answers.
        """
        params = {"ids": list(ids), "transports": list(targets), "targets": list(targets.values())}
        return dict(await (await connection.execute(sql.HAND_OVER, params)).fetchall())

    async def take(self, targets: Sequence[str], most: int) -> list[Taken]:
        """Up to so many requests that are to be worked on; they are this worker's for a lease."""
        params = {"targets": list(targets), "most": most, "worker": self.worker, "lease": self.lease}
        async with self.database.transaction() as connection:
            return [Taken(*row) for row in await (await connection.execute(sql.TAKE, params)).fetchall()]

    async def renew(self, tickets: Sequence[UUID]) -> set[UUID]:
        """Keep requests for another lease; the tickets of those that are others' are not returned."""
        async with self.database.connection() as connection:
            cursor = await connection.execute(sql.RENEW, (self.lease, list(tickets)))
            return {ticket for (ticket,) in await cursor.fetchall()}

    async def release(self, tickets: Sequence[UUID]) -> None:
        """Let others go on."""
        async with self.database.connection() as connection:
            await connection.execute(sql.RELEASE, (list(tickets),))

    async def order(self, identifier: int) -> Ordered:
        """A request, as it is now."""
        async with self.database.connection() as connection:
            row = await (await connection.execute(sql.ORDER, (identifier,))).fetchone()
        if row is None:
            raise Lost
        user, full_name, email, facility, title, size, prepared, visit, destination, files, target, *rest = row
        plan, wanted, groups = rest
        person = Person(user, full_name, email, frozenset(groups))
        order = Order(identifier, person, facility, visit, title, destination, files, size, plan or "")
        return Ordered(order, prepared, target, wanted)

    async def held_bytes(self, target: str, user_name: str, but: int = 0) -> int:
        """Bytes that a user has at a target, or is about to have by requests that came before this one."""
        async with self.database.connection() as connection:
            row = await (
                await connection.execute(sql.HELD, {"target": target, "user": user_name, "but": but})
            ).fetchone()
        return 0 if row is None else int(row[0])

    async def visit(self, datasets: Sequence[int]) -> str | None:
        """The visit of datasets; None when they are of several."""
        async with self.database.connection() as connection:
            rows = await (await connection.execute(sql.VISITS, (list(datasets),))).fetchall()
        return rows[0][0] if len(rows) == 1 else None

    async def plan(self, taken: Taken, planning: Planning) -> None:
        """Write a plan down, in place of an earlier one."""
        parts = planning.parts
        columns = (
            [part.number for part in parts],
            [part.run for part in parts],
            [part.place for part in parts],
            [part.span for part in parts],
        )
        values = {
            "id": taken.id,
            "prepared": planning.prepared,
            "visit": planning.visit,
            "files": planning.files,
            "size": planning.size,
        }
        async with self.database.transaction() as connection:
            await _fence(connection, taken)
            for statement in (sql.FORGET_BATCHES, sql.FORGET_FAILURES, sql.FORGET_REPLICAS):
                await connection.execute(statement, (taken.id,))
            await connection.execute(sql.PLANNED, values)
            await connection.execute(sql.BATCHES, (taken.id, *columns))

    async def resume(self, taken: Taken) -> None:
        """Go on with the plan there is."""
        async with self.database.transaction() as connection:
            await _fence(connection, taken)
            await connection.execute(sql.RESUMED, (taken.id,))

    async def open_parts(self, identifier: int, after: int, most: int) -> list[Part]:
        """Batches that have not ended, in order."""
        async with self.database.connection() as connection:
            rows = await (await connection.execute(sql.OPEN, (identifier, after, most))).fetchall()
        return [Part(*row) for row in rows]

    async def begun(self, taken: Taken, part: Part, ticket: str) -> None:
        """Write the ticket of a batch down."""
        async with self.database.transaction() as connection:
            await _fence(connection, taken)
            await connection.execute(sql.BEGUN, (ticket, taken.id, part.number))

    async def settle(self, taken: Taken, settled: Settled) -> None:
        """Write down how a batch has ended, and what is to be done again."""
        number = settled.part.number
        async with self.database.transaction() as connection:
            await _fence(connection, taken)
            told = (settled.state.value, settled.files_done, settled.bytes_done, taken.id, number)
            await connection.execute(sql.SETTLED, told)
            if settled.again:
                await connection.execute(sql.AGAIN, (list(settled.again), taken.id, number))
            for first in range(0, len(settled.failed), ROWS):
                columns = map(list, zip(*settled.failed[first : first + ROWS], strict=True))
                await connection.execute(sql.FAILURES, (taken.id, *columns))
            for first in range(0, len(settled.replicas), ROWS):
                some = settled.replicas[first : first + ROWS]
                await connection.execute(sql.REPLICAS, _replica_columns(taken, some))

    async def ended_total(self, identifier: int) -> tuple[int, int]:
        """Files and bytes of the batches that have ended."""
        async with self.database.connection() as connection:
            row = await (await connection.execute(sql.ENDED_TOTAL, (identifier,))).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    async def advanced(self, taken: Taken, files: int, bytes_: int, eta: timedelta | None, detail: str) -> bool:
        """Write down how far it is; whether it is still wanted. Raises `Lost`."""
        params = {
            **{"id": taken.id, "ticket": taken.ticket, "files": files, "bytes": bytes_},
            **{"eta": eta, "detail": detail or None},
        }
        async with self.database.connection() as connection:
            row = await (await connection.execute(sql.ADVANCED, params)).fetchone()
        if row is None:
            raise Lost
        return bool(row[0])

    async def tickets(self, identifier: int) -> list[str]:
        """The tickets of all batches that were begun, in order."""
        async with self.database.connection() as connection:
            return [ticket for (ticket,) in await (await connection.execute(sql.TICKETS, (identifier,))).fetchall()]

    async def first_rounds(self, identifier: int) -> AsyncIterator[Part]:
        """Batches that together hold every file once."""
        number = -1
        while True:
            async with self.database.connection() as connection:
                row = await (await connection.execute(sql.RUNS, (identifier, number))).fetchone()
            if row is None:
                return
            part = Part(*row)
            yield part
            number = part.number

    async def failures(self, identifier: int, most: int) -> tuple[int, list[Failure]]:
        """How many files have failed for good, and the first of them."""
        async with self.database.connection() as connection:
            row = await (await connection.execute(sql.COUNT_FAILED, (identifier,))).fetchone()
            rows = await (await connection.execute(sql.FAILED_FILES, (identifier, -1, most))).fetchall()
        return 0 if row is None else row[0], [Failure(file, reason, final=True) for file, _, reason in rows]

    async def failed_ids(self, identifier: int) -> set[int]:
        """The datafiles that have failed for good."""
        found: set[int] = set()
        last = -1
        while True:
            async with self.database.connection() as connection:
                rows = await (await connection.execute(sql.FAILED_FILES, (identifier, last, ROWS))).fetchall()
            if not rows:
                return found
            found.update(row[0] for row in rows)
            last = rows[-1][0]

    async def complete(self, connection: Connection, taken: Taken, access: Access, failed: int) -> bool:
        """It is complete, in the caller's transaction; False when it is not wanted any more."""
        told = Jsonb(asdict(access), dumps=lambda value: orjson.dumps(value).decode())
        params = {"id": taken.id, "ticket": taken.ticket, "access": told, "failed": failed, "expires": access.expires}
        if await (await connection.execute(sql.COMPLETE, params)).fetchone() is None:
            return False
        problem = f"{failed} files could not be brought there" if failed else None
        await connection.execute(sql.DOWNLOAD_COMPLETE, (problem, taken.id))
        await connection.execute(sql.REPLICAS_LIVE, (access.expires, taken.id))
        return True

    async def stop(self, taken: Taken, problem: str | None) -> None:
        """It is to be cleared away: not wanted any more, or with a problem, impossible."""
        async with self.database.transaction() as connection:
            await _fence(connection, taken)
            await connection.execute(sql.STOP, (problem, taken.id, taken.ticket))
            await connection.execute(sql.FORGET_REPLICAS, (taken.id,))
            if problem is not None:
                await connection.execute(sql.DOWNLOAD_EXPIRED, (problem, taken.id, "RESTORING"))

    async def stopped(self, taken: Taken, reclaimed: int) -> None:
        """It is cleared away."""
        async with self.database.connection() as connection:
            await connection.execute(sql.STOPPED, (reclaimed, taken.id, taken.ticket))

    async def forget_replicas(self, taken: Taken) -> None:
        """Nobody is to read there any more."""
        async with self.database.connection() as connection:
            await connection.execute(sql.FORGET_REPLICAS, (taken.id,))

    async def left(self, taken: Taken, reclaimed: int, reason: str) -> None:
        """Its time was over, and it is removed."""
        async with self.database.transaction() as connection:
            await _fence(connection, taken)
            await connection.execute(sql.LEFT, (reclaimed, taken.id, taken.ticket))
            await connection.execute(sql.DOWNLOAD_EXPIRED, (reason, taken.id, "COMPLETE"))

    async def wait_for_data(self, taken: Taken, *, prepare: bool = False) -> None:
        """Data are not there any more: they are brought back first, or looked up anew."""
        async with self.database.transaction() as connection:
            if await (await connection.execute(sql.WAIT, (taken.id, taken.ticket))).fetchone() is not None:
                await connection.execute(sql.PREPARE_ANEW if prepare else sql.LOOK_SOON, (taken.id,))

    async def later(self, taken: Taken, problem: str, give_up: timedelta) -> bool:
        """Something is away: it is tried again later. False when it has been for too long."""
        params = {
            **{"id": taken.id, "ticket": taken.ticket, "problem": problem, "give_up": give_up},
            **{"first": FIRST_RETRY_S, "longest": LONGEST_RETRY_S},
        }
        async with self.database.connection() as connection:
            return await (await connection.execute(sql.LATER, params)).fetchone() is not None


async def _fence(connection: Connection, taken: Taken) -> None:
    """Raise `Lost` unless the request is this worker's; it stays so until the end of the transaction."""
    if await (await connection.execute(sql.FENCED, (taken.id, taken.ticket))).fetchone() is None:
        raise Lost


def _replica_columns(taken: Taken, replicas: Sequence[Replica]) -> dict[str, Any]:
    return {
        "download": taken.id,
        "target": taken.target,
        "ids": [each.datafile for each in replicas],
        "places": [each.place for each in replicas],
        "sizes": [each.size for each in replicas],
        "versions": [each.version for each in replicas],
        "crc32": [each.crc32 for each in replicas],
        "sha256": [each.sha256 for each in replicas],
    }
