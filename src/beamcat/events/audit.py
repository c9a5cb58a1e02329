"""The audit trail: who did what to which objects, and when. It is the table `event`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from beamcat.database.outbox import ChangeKind
from beamcat.database.pool import Database
from beamcat.errors import NoSuchObject
from beamcat.events.event import COLUMNS, Event, event_of

PAGE = 100
"""Events of one page unless asked otherwise."""
ROWS_AT_ONCE = 10_000
"""Events that are removed in one transaction."""
LONGEST_TRANSACTION = timedelta(days=1)
"""Positions follow commits, times the beginnings of transactions: by how much the two orders may differ."""

_FROM = "(SELECT position FROM event WHERE at >= %s ORDER BY at LIMIT 1)"
_TO = "(SELECT position FROM event WHERE at < %s ORDER BY at DESC LIMIT 1)"

_PRUNE = """
DELETE FROM event
 WHERE position IN (
       SELECT position FROM event
        WHERE at < %s
          AND position <= coalesce((SELECT min(position) FROM event_reader WHERE source = 'event'), position)
        ORDER BY at LIMIT %s)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are wanted: those that fit everything that is given. `since` is included, `until` is not."""

    entity: str | None = None
    id: int | None = None
    user: str | None = None
    operation: ChangeKind | None = None
    since: datetime | None = None
    until: datetime | None = None
    before_position: int | None = None


async def history(database: Database, asked: Asked, limit: int = PAGE) -> list[Event]:
    """The events that are asked for, newest first.

    For the next page, give the position of the last event as `before_position`. What was committed within the last
    second may be missing: it has no position yet.
    """
    statement, params = history_statement(asked, limit)
    async with database.connection() as conn:
        return [event_of(row) for row in await (await conn.execute(statement.encode(), params)).fetchall()]


def history_statement(asked: Asked, limit: int) -> tuple[str, list[Any]]:
    """The SQL of `history` and its parameters. Indexes: those of ids, user and entity, or `event_pkey`."""
    conditions: dict[str, Any] = {
        "entity = %s": asked.entity,
        "user_name = %s": asked.user,
        "operation = %s": None if asked.operation is None else asked.operation.value,
        "at >= %s": asked.since,
        "at < %s": asked.until,
        "position < %s": asked.before_position,
    }
    # times become positions as well, so that what is newer than asked is not walked through
    if asked.since is not None:
        conditions[f"position >= {_FROM}"] = asked.since - LONGEST_TRANSACTION
    if asked.until is not None:
        conditions[f"position <= {_TO}"] = asked.until + LONGEST_TRANSACTION
    given = {text: value for text, value in conditions.items() if value is not None}
    where = " AND ".join(given) or "true"
    params = [*given.values(), limit]
    source = "event"
    if asked.id is not None:
        # the few events of one object are found by it alone: walking back through all events would never end
        source = f"(SELECT {COLUMNS} FROM event WHERE ids @> %s::bigint OFFSET 0) event"
        params.insert(0, asked.id)
    return f"SELECT {COLUMNS} FROM {source} WHERE {where} ORDER BY position DESC LIMIT %s", params


async def prune(
    database: Database,
    older_than: datetime,
    *,
    rows_at_once: int = ROWS_AT_ONCE,
    told: Callable[[int], None] | None = None,
) -> int:
    """Remove events from before a moment, oldest first, in batches; how many. `told` hears of each batch.

    What a reader still has to read stays.
    """
    removed = 0
    while True:
        async with database.connection() as conn:
            number = (await conn.execute(_PRUNE, [older_than, rows_at_once])).rowcount
        removed += number
        if told is not None:
            told(number)
        if number < rows_at_once:
            return removed


async def forget_reader(database: Database, name: str) -> None:
    """Give up the position of a reader that is no more, so that it holds nothing back. Raises `NoSuchObject`."""
    async with database.connection() as conn:
        cursor = await conn.execute("DELETE FROM event_reader WHERE name = %s", [name])
    if cursor.rowcount == 0:
        raise NoSuchObject(f"there is no reader {name}; `beamcat events readers` lists them")


def id_ranges(ids: Sequence[tuple[int, int]], most: int) -> str:
    """The ids for people: `7, 9-12`, and `...` after the first `most` ranges."""
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in ids[:most]]
    return ", ".join([*shown, "..."] if len(ids) > most else shown)
