"""The table of deliveries: one row for each entity tag of a prepared download, or of what a user fetched otherwise."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from beamcat.database.pool import Connection, Database
from beamcat.store.deliveries.counting import Account, Doubt, Note
from beamcat.store.deliveries.merging import Standing, intervals

STALLED_AFTER_S = 3600
"""Seconds without a byte after which a download that is not complete counts as given up."""
MOST_INVESTIGATIONS = 1000
"""Investigations that are remembered of a delivery."""
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
ROWS = 1000
"""Deliveries of one statement, and of one page."""

State = Literal["all", "complete", "incomplete", "stalled"]

# The user is whoever prepared the download: its id needs no session. Investigations are those of now, kept as they are.
_BEGIN = f"""
INSERT INTO delivery (id, prepared_id, user_name, etag, size, started, investigations)
SELECT w.id, w.prepared_id, coalesce(p.user_name, w.user_name), w.etag, w.size, to_timestamp(w.started),
       ARRAY(SELECT investigation_id FROM dataset
              WHERE id = ANY(p.datasets) OR id = ANY(w.datasets::bigint[])
              UNION SELECT investigation_id FROM datafile WHERE id = ANY(w.datafiles::bigint[])
              UNION SELECT unnest(w.investigations::bigint[])
              ORDER BY 1 LIMIT {MOST_INVESTIGATIONS})
  FROM unnest(%(id)s::uuid[], %(prepared_id)s::uuid[], %(user_name)s::text[], %(etag)s::text[], %(size)s::bigint[],
              %(started)s::float8[], %(investigations)s::text[], %(datasets)s::text[], %(datafiles)s::text[])
       AS w (id, prepared_id, user_name, etag, size, started, investigations, datasets, datafiles)
  LEFT JOIN prepared p ON p.id = w.prepared_id
 ORDER BY w.id
    ON CONFLICT (id) DO NOTHING
RETURNING id
"""  # noqa: S608
_LOCK = """
SELECT id, user_name, size, (SELECT array_agg(ARRAY[lower(r), upper(r)] ORDER BY r) FROM unnest(arrived) r), exact,
       doubts, resumes, clients, completed IS NOT NULL, broken, restarts
  FROM delivery WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE
"""
_CHANGE = """
UPDATE delivery d
   SET arrived = w.arrived::int8multirange,
       delivered = w.delivered,
       exact = w.exact,
       taken = w.taken,
       doubts = w.doubts,
       resumes = w.resumes,
       clients = ARRAY(SELECT jsonb_array_elements_text(w.clients)),
       requests = d.requests + w.requests,
       broken = d.broken + w.broken,
       restarts = d.restarts + w.restarts,
       sent = d.sent + w.sent,
       first_byte = coalesce(d.first_byte, to_timestamp(w.last)),
       last_byte = greatest(d.last_byte, to_timestamp(w.last)),
       completed = coalesce(d.completed, CASE WHEN w.complete THEN now() END)
  FROM unnest(%(id)s::uuid[], %(arrived)s::text[], %(delivered)s::bigint[], %(exact)s::boolean[], %(taken)s::boolean[],
              %(doubts)s::jsonb[], %(resumes)s::jsonb[], %(clients)s::jsonb[], %(requests)s::bigint[],
              %(broken)s::bigint[], %(restarts)s::bigint[], %(sent)s::bigint[], %(last)s::float8[],
              %(complete)s::boolean[])
       AS w (id, arrived, delivered, exact, taken, doubts, resumes, clients, requests, broken, restarts,
             sent, last, complete)
 WHERE d.id = w.id
"""
_STATE = {
    "all": "true",
    "complete": "completed IS NOT NULL",
    "incomplete": "completed IS NULL",
    "stalled": "completed IS NULL AND NOT taken"
    f" AND coalesce(last_byte, started) < now() - interval '{STALLED_AFTER_S} seconds'",
}
_COLUMNS = """
id, prepared_id, user_name, etag, size, investigations, delivered, exact, taken, requests, broken, restarts, sent,
clients, started, first_byte, last_byte, completed, confirmed
"""
_FIND = f"""
SELECT {_COLUMNS}, (SELECT array_agg(ARRAY[lower(r), upper(r)] ORDER BY r) FROM unnest(arrived) r), sha256
  FROM delivery WHERE prepared_id = %s ORDER BY started DESC LIMIT 1
"""  # noqa: S608
_PAGE = f"""
SELECT {_COLUMNS} FROM delivery
 WHERE {{state}} AND started >= %(since)s AND started < %(until)s
   AND (%(user)s::text IS NULL OR user_name = %(user)s)
   AND (%(investigation)s::bigint IS NULL OR %(investigation)s = ANY(investigations))
   AND (started, id) > (%(after)s, %(after_id)s)
 ORDER BY started, id LIMIT %(limit)s
"""  # noqa: S608
_CONFIRM = """
UPDATE delivery
   SET confirmed = coalesce(confirmed, now()), completed = coalesce(completed, now()), delivered = size, exact = true,
       taken = true, arrived = CASE WHEN size > 0 THEN int8multirange(int8range(0, size)) ELSE '{}' END, doubts = '[]'
 WHERE id = %s
"""
_STALLED = f"SELECT count(*) FROM delivery WHERE {_STATE['stalled']}"  # noqa: S608
_PRUNE = """
DELETE FROM delivery WHERE id = ANY(ARRAY(
       SELECT id FROM delivery WHERE started < %s AND coalesce(last_byte, started) < %s ORDER BY started LIMIT %s))
"""
_LEAST_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery. `completed` is when the last missing byte arrived, `confirmed` when the client said it is right."""

    id: UUID
    prepared_id: UUID | None
    user: str
    etag: str
    size: int
    investigations: list[int]
    delivered: int
    exact: bool
    taken: bool
    """Whether the client's machine took all of it, though some bytes may not have been read."""
    requests: int
    broken: int
    """Responses that ended early."""
    restarts: int
    """How often the client came back after that."""
    sent: int
    """Bytes, those that were sent more than once as often."""
    clients: list[str]
    """Addresses, some of them where there were many."""
    started: datetime
    first_byte: datetime | None
    last_byte: datetime | None
    completed: datetime | None
    confirmed: datetime | None

    @property
    def percent(self) -> float:
        """How much has arrived, never rounded up to 100."""
        return 100.0 if self.completed else int(1000 * self.delivered / max(self.size, 1)) / 10

    def state(self, now: datetime) -> str:
        """`complete`, `taken`, `stalled` or `running`."""
        if self.completed or self.taken:
            return "complete" if self.completed else "taken"
        return "stalled" if (now - (self.last_byte or self.started)).total_seconds() > STALLED_AFTER_S else "running"


@dataclass(frozen=True, slots=True)
class Found:
    """A delivery of a prepared download with its bytes. `sha256` is that of all of them, once computed."""

    delivered: Delivered
    arrived: list[tuple[int, int]]
    sha256: bytes | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a write has brought about: deliveries begun and completed, and how often clients came back."""

    begun: list[UUID]
    completed: list[tuple[Account, str]]
    """Each with the user whose download it is."""
    restarts: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Which deliveries."""

    state: State = "all"
    since: datetime = EARLIEST
    until: datetime = LATEST
    user: str | None = None
    investigation: int | None = None


class DeliveryTable:
    """Keeps deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, notes: Sequence[Note]) -> Change:
        """Write down what was seen, all of it or nothing; at most one note for each delivery."""
        by_id = {note.account.id: note for note in notes}

        async def work(connection: Connection) -> Change:
            begun = await (await connection.execute(_BEGIN, _beginnings(by_id))).fetchall()
            rows = await (await connection.execute(_LOCK, (list(by_id),))).fetchall()
            changes, change = [], Change([each for (each,) in begun], [], 0)
            restarts = 0
            for id, user, size, arrived, exact, doubts, resumes, clients, was_complete, broken, restarted in rows:
                note = by_id[id]
                standing = Standing(
                    size,
                    intervals(arrived or (), exact=exact),
                    [Doubt(*each) for each in doubts],
                    [(at, when) for at, when in resumes],
                    clients,
                )
                standing.add(note)
                came_back = 0 if was_complete else max(0, min(note.requests, broken - restarted))
                restarts += came_back
                if standing.is_complete and not was_complete:
                    change.completed.append((note.account, user))
                changes.append(_row(id, standing, note, came_back))
            columns = {name: [row[name] for row in changes] for name in changes[0]} if changes else {}
            if columns:
                await connection.execute(_CHANGE, columns)
            return Change(change.begun, change.completed, restarts)

        return await self._database.run(work)

    async def find(self, prepared_id: UUID) -> Found | None:
        """The delivery of a prepared download; where its data changed, that of the newest version."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_FIND, (prepared_id,))).fetchone()
        if row is None:
            return None
        *columns, arrived, sha256 = row
        return Found(Delivered(*columns), [(first, stop) for first, stop in arrived or ()], sha256)

    async def listed(self, asked: Asked) -> AsyncIterator[list[Delivered]]:
        """Deliveries by the time they began, a page at a time."""
        after, after_id = asked.since, _LEAST_ID
        statement = _PAGE.replace("{state}", _STATE[asked.state])
        while True:
            values = {**asdict(asked), "after": after, "after_id": after_id, "limit": ROWS}
            async with self._database.connection() as connection:
                rows = await (await connection.execute(statement, values)).fetchall()
            page = [Delivered(*row) for row in rows]
            if page:
                yield page
            if len(page) < ROWS:
                return
            after, after_id = page[-1].started, page[-1].id

    async def keep_sha256(self, id: UUID, sha256: bytes) -> None:
        """Keep the SHA-256 of all bytes of a delivery."""
        async with self._database.connection() as connection:
            await connection.execute("UPDATE delivery SET sha256 = %s WHERE id = %s", (sha256, id))

    async def confirm(self, id: UUID) -> None:
        """The client has shown that it has all bytes."""
        async with self._database.connection() as connection:
            await connection.execute(_CONFIRM, (id,))

    async def stalled(self) -> int:
        """How many downloads seem to have been given up."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_STALLED)).fetchone()
        return 0 if row is None else int(row[0])

    async def prune(self, before: datetime) -> int:
        """Remove deliveries of which nothing was heard since; how many, at most a page."""
        async with self._database.connection() as connection:
            return (await connection.execute(_PRUNE, (before, before, ROWS))).rowcount


def _beginnings(notes: dict[UUID, Note]) -> dict[str, list[Any]]:
    accounts = [note.account for note in notes.values()]
    columns: dict[str, list[Any]] = {
        name: [getattr(account, name) for account in accounts] for name in ("prepared_id", "user_name", "etag", "size")
    }
    for name in ("investigations", "datasets", "datafiles"):
        columns[name] = [_array(getattr(account, name)) for account in accounts]
    return {"id": list(notes), "started": [note.first_at for note in notes.values()], **columns}


def _array(ids: Sequence[int]) -> str:
    return f"{{{','.join(map(str, ids[:MOST_INVESTIGATIONS]))}}}"


def _row(id: UUID, standing: Standing, note: Note, restarts: int) -> dict[str, Any]:
    return {
        "id": id,
        "arrived": f"{{{','.join(f'[{first},{stop})' for first, stop in standing.arrived)}}}",
        "delivered": standing.arrived.total,
        "exact": standing.arrived.exact,
        "taken": standing.is_taken,
        "doubts": json.dumps([astuple(doubt) for doubt in standing.doubts]),
        "resumes": json.dumps(standing.resumes),
        "clients": json.dumps(standing.clients),
        "requests": note.requests,
        "broken": note.broken,
        "restarts": restarts,
        "sent": note.sent,
        "last": note.last_at,
        "complete": standing.is_complete,
    }
