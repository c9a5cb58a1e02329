"""How much was measured, where and when, and how much of it is open: for people who answer for a facility.

Everything is counted from investigations, which carry the sizes and numbers of their files, so a facility with
billions of files is counted in moments. An investigation counts for the month in which it began, and for each of its
instruments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from beamcat.database.pool import Database

By = Literal["month", "instrument", "type"]

_BY = {
    "month": ("to_char(i.start_date, 'YYYY-MM')", ""),
    "instrument": (
        "n.name",
        """LEFT JOIN investigation_instrument ii ON ii.investigation_id = i.id
           LEFT JOIN instrument n ON n.id = ii.instrument_id""",
    ),
    "type": ("t.name", "LEFT JOIN investigation_type t ON t.id = i.type_id"),
}
_VOLUMES = """
SELECT {name} AS name, count(*), coalesce(sum(i.file_count), 0)::bigint, coalesce(sum(i.file_size), 0)::bigint,
       coalesce(sum(i.file_size) FILTER (WHERE i.release_date <= now()), 0)::bigint
  FROM investigation i {join}
 WHERE i.start_date >= %(since)s AND i.start_date < %(until)s
 GROUP BY 1 ORDER BY 1
"""
_ACTIVE = """
SELECT to_char(started, 'YYYY-MM') AS month, count(DISTINCT user_name), count(*)
  FROM call WHERE started >= %(since)s AND started < %(until)s AND user_name IS NOT NULL
 GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Volume:
    """What was measured in a month, at an instrument or in investigations of a type, which `name` says."""

    name: str | None
    investigations: int
    files: int
    size_bytes: int
    open_bytes: int
    """Of investigations whose release date has passed."""


@dataclass(frozen=True, slots=True)
class Active:
    """How many people called in a month, and how often; as far back as calls are kept."""

    month: str
    users: int
    calls: int


async def volumes(database: Database, by: By, since: datetime, until: datetime) -> list[Volume]:
    """The investigations that began in a period, put together."""
    name, join = _BY[by]
    statement = _VOLUMES.format(name=name, join=join)
    async with database.connection() as connection:
        cursor = await connection.execute(statement.encode(), {"since": since, "until": until})
        return [Volume(*row) for row in await cursor.fetchall()]


async def active_users(database: Database, since: datetime, until: datetime) -> list[Active]:
    """Who used the facility's catalogue, by month."""
    async with database.connection() as connection:
        cursor = await connection.execute(_ACTIVE, {"since": since, "until": until})
        return [Active(*row) for row in await cursor.fetchall()]
