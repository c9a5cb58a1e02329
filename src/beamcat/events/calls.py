"""The log of calls: who asked what, when, for how long. It is the table `call`, written by `call_recorder`.

ICAT's call log (ICAT specification H.2) can be made from it: successful calls of the groups SESSION, WRITE and READ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from beamcat.database.pool import Database

SESSION, READ, WRITE, INFO = "SESSION", "READ", "WRITE", "INFO"

GROUPS: Mapping[str, str] = {
    "login": SESSION,
    "logout": SESSION,
    "refresh": SESSION,
    "authenticate": SESSION,
    "get": READ,
    "search": READ,
    "export": READ,
    "create": WRITE,
    "createMany": WRITE,
    "update": WRITE,
    "delete": WRITE,
    "write": WRITE,
    "clone": WRITE,
    "import": WRITE,
    "isAccessAllowed": INFO,
    "isLoggedIn": INFO,
    "getUserName": INFO,
    "getRemainingMinutes": INFO,
}
"""Every operation there is, and its group. `authenticate` is another server asking whose password it is."""

WELL = "ok"
"""The outcome of a call that did what it was asked for."""
FAILED = "failed"
"""Asked for as an outcome: every one but `ok`."""
PAGE = 50
"""Calls of one page unless asked otherwise."""
ROWS_AT_ONCE = 10_000
"""Calls that are removed in one transaction."""

COLUMNS = (
    "position, started, duration_ms, door, operation, outcome, user_name, client, request_id, entity, object_id, query"
)
"""The columns of `call` from which `Call` is made."""

By = Literal["user", "operation", "query"]

_BY: Mapping[By, str] = {"user": "user_name", "operation": "operation", "query": "query"}
_PRUNE = """
DELETE FROM call
 WHERE position = ANY(ARRAY(
       SELECT position FROM call WHERE started < %s ORDER BY started LIMIT %s FOR UPDATE SKIP LOCKED))
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as it ended. `outcome` is `ok`, the name of an `ErrorKind`, or `BROKEN_OFF` when the client went away.

    `entity` and `id` are those of the first object the call was about. `user` is None where nobody was signed in.
    Positions grow in the order in which calls were written down, with gaps: by them a reader goes on where it was.
    """

    position: int
    started: datetime
    duration_ms: float
    door: str
    operation: str
    outcome: str
    user: str | None
    client: str | None
    request_id: str
    entity: str | None
    id: int | None
    query: str | None


@dataclass(frozen=True, slots=True)
class Busy:
    """What the calls of one user, operation or query cost, which `name` says: how many, and how long together.

    Half of them took at most `p50_ms`, 99 of 100 at most `p99_ms`.
    """

    name: str | None
    calls: int
    total_ms: float
    p50_ms: float
    p99_ms: float


async def calls(
    database: Database,
    *,
    user: str | None = None,
    operation: str | None = None,
    door: str | None = None,
    outcome: str | None = None,
    slower_than_ms: float | None = None,
    entity: str | None = None,
    id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before_position: int | None = None,
    limit: int = PAGE,
) -> list[Call]:
    """The calls that fit everything that is given, newest first.

    The outcome `failed` stands for all but `ok`. `since` is included, `until` is not. For the next page, give the
    position of the last call as `before_position`. The calls of the last second may be missing.
    """
    conditions: list[tuple[str, Any]] = [
        ("user_name = %s", user),
        ("operation = %s", operation),
        ("door = %s", door),
        # the words of the index of failures
        ("outcome <> 'ok' AND outcome = %s", None if outcome in {WELL, FAILED} else outcome),
        ("duration_ms > %s", slower_than_ms),
        ("entity = %s", entity),
        ("object_id = %s", id),
        ("started >= %s", since),
        ("started < %s", until),
        ("(started, position) < (SELECT started, position FROM call WHERE position = %s)", before_position),
    ]
    asked = [(text, value) for text, value in conditions if value is not None]
    texts = [text for text, _ in asked]
    if outcome in {WELL, FAILED}:
        texts.append("outcome = 'ok'" if outcome == WELL else "outcome <> 'ok'")
    statement = (
        f"SELECT {COLUMNS} FROM call WHERE {' AND '.join(texts) or 'true'} "
        "ORDER BY started DESC, position DESC LIMIT %s"
    )
    async with database.connection() as conn:
        cursor = await conn.execute(statement.encode(), [*(value for _, value in asked), limit])
        return [Call(*row) for row in await cursor.fetchall()]


async def busiest(database: Database, *, since: datetime, by: By = "user", limit: int = 20) -> list[Busy]:
    """The users, operations or queries that took most of the time since then, the one that took most first."""
    statement = f"""
    SELECT {_BY[by]}, count(*), sum(duration_ms),
           percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_ms),
           percentile_disc(0.99) WITHIN GROUP (ORDER BY duration_ms)
      FROM call
     WHERE started >= %s{" AND query IS NOT NULL" if by == "query" else ""}
     GROUP BY 1
     ORDER BY 3 DESC, 1
     LIMIT %s
    """
    async with database.connection() as conn:
        return [Busy(*row) for row in await (await conn.execute(statement.encode(), [since, limit])).fetchall()]


async def prune(database: Database, older_than: datetime, *, rows_at_once: int = ROWS_AT_ONCE) -> int:
    """Remove the calls from before a moment, oldest first, in batches; how many. Nobody who reads them is waited for.

    Any number of workers may do so at a time.
    """
    removed = 0
    while True:
        async with database.connection() as conn:
            number = (await conn.execute(_PRUNE, [older_than, rows_at_once])).rowcount
        removed += number
        if number < rows_at_once:
            return removed
