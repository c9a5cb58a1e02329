"""Downloads put together: how many arrived, how many were given up and where, and how often clients came back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from beamcat.database.pool import Database
from beamcat.store.deliveries.table import STALLED_AFTER_S, Asked

By = Literal["user", "investigation", "month", "day"]

_BY = {
    "user": ("user_name", ""),
    "investigation": (
        "coalesce(i.name || ' ' || i.visit_id, g.investigation::text)",
        """LEFT JOIN LATERAL unnest(CASE WHEN investigations = '{}' THEN ARRAY[NULL]::bigint[] ELSE investigations END)
             AS g (investigation) ON true
           LEFT JOIN investigation i ON i.id = g.investigation""",
    ),
    "month": ("to_char(started, 'YYYY-MM')", ""),
    "day": ("to_char(started, 'YYYY-MM-DD')", ""),
}
_REPORT = f"""
SELECT {{name}}, count(*), count(completed),
       count(*) FILTER (WHERE completed IS NULL AND taken), count(*) FILTER (WHERE given_up),
       coalesce(avg(100.0 * delivered / greatest(size, 1)) FILTER (WHERE given_up), 0)::float8,
       count(*) FILTER (WHERE restarts > 0), sum(restarts)::bigint, sum(delivered)::bigint, sum(sent)::bigint
  FROM (SELECT *, completed IS NULL AND NOT taken
                  AND coalesce(last_byte, started) < now() - interval '{STALLED_AFTER_S} seconds' AS given_up
          FROM delivery
         WHERE started >= %(since)s AND started < %(until)s
           AND (%(user)s::text IS NULL OR user_name = %(user)s)
           AND (%(investigation)s::bigint IS NULL OR %(investigation)s = ANY(investigations))) d
       {{join}}
 GROUP BY 1 ORDER BY 1
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Summary:
    """The downloads of one user, investigation or period, which `name` says; None where no investigation is known.

    A download of several investigations counts for each of them.
    """

    name: str | None
    downloads: int
    complete: int
    taken: int
    """Taken by the client's machine in full, though some bytes may not have been read."""
    given_up: int
    """Not complete, and without a byte for an hour."""
    given_up_at_percent: float
    """How much of those had arrived, on average."""
    came_back: int
    """Downloads that were interrupted and taken up again."""
    restarts: int
    """How often that was."""
    delivered_bytes: int
    """Bytes that arrived, each once."""
    sent_bytes: int
    """Bytes that were taken, those that were sent again too."""


async def summaries(database: Database, by: By, asked: Asked) -> list[Summary]:
    """The downloads that began in a period, put together; `asked.state` does not count."""
    name, join = _BY[by]
    statement = _REPORT.replace("{name}", name).replace("{join}", join)
    async with database.connection() as connection:
        return [Summary(*row) for row in await (await connection.execute(statement, asdict(asked))).fetchall()]
