"""Where the data of things are, thing by thing: what is on tape, and what is on its way back.

It is read from what is written down of units; nothing is looked at and nothing is restored for it. A unit of which
nothing is written down counts as online.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beamcat.database.pool import Database
from beamcat.store.units.transitions import Kind

_UNITS = {
    "dataset": """
        SELECT u.* FROM dataset d JOIN unit u ON u.kind = 'dataset' AND u.id = d.id
         WHERE w.type = 'investigation' AND d.investigation_id = w.id
         UNION ALL
        SELECT u.* FROM unit u WHERE w.type = 'dataset' AND u.kind = 'dataset' AND u.id = w.id
         UNION ALL
        SELECT u.* FROM datafile f JOIN unit u ON u.kind = 'dataset' AND u.id = f.dataset_id
         WHERE w.type = 'datafile' AND f.id = w.id
    """,
    "datafile": """
        SELECT u.* FROM dataset d JOIN unit u ON u.kind = 'datafile' AND u.dataset_id = d.id
         WHERE w.type = 'investigation' AND d.investigation_id = w.id
         UNION ALL
        SELECT u.* FROM unit u WHERE w.type = 'dataset' AND u.kind = 'datafile' AND u.dataset_id = w.id
         UNION ALL
        SELECT u.* FROM unit u WHERE w.type = 'datafile' AND u.kind = 'datafile' AND u.id = w.id
    """,
}
"""The units of a thing, by what units are."""
_WHERE = """
SELECT w.place, count(*) FILTER (WHERE coming), count(*) FILTER (WHERE away AND NOT coming),
       count(*) FILTER (WHERE failed)
  FROM unnest(%(places)s::integer[], %(types)s::text[], %(ids)s::bigint[]) AS w (place, type, id)
 CROSS JOIN LATERAL (
       SELECT coalesce(coalesce(u.wanted, u.running) = 'RESTORE', false) AS coming,
              u.online IS FALSE
                  OR coalesce(u.wanted IN ('ARCHIVE', 'DELETE', 'WRITE_THEN_ARCHIVE'), false)
                  OR coalesce(u.running IN ('ARCHIVE', 'DELETE'), false) AS away,
              u.failure IS NOT NULL AS failed
         FROM ({units}) u) s
 GROUP BY w.place
"""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """How many units of something are not online, of those that are known: `away` on tape, `coming` back, `failed`."""

    coming: int = 0
    away: int = 0
    failed: int = 0

    @property
    def word(self) -> str:
        """`failed`, `restoring`, `tape` or `online`."""
        if self.failed:
            return "failed"
        if self.away:
            return "tape"
        return "restoring" if self.coming else "online"


ONLINE = Whereabouts()


async def whereabouts(database: Database, kind: Kind, things: Sequence[tuple[str, int]]) -> list[Whereabouts]:
    """Of investigations, datasets and datafiles, each with its id, in their order."""
    values = {
        "places": list(range(len(things))),
        "types": [type_ for type_, _ in things],
        "ids": [identifier for _, identifier in things],
    }
    statement = _WHERE.replace("{units}", _UNITS[kind])
    async with database.connection() as connection:
        rows = await (await connection.execute(statement.encode(), values)).fetchall()
    known = {place: Whereabouts(*rest) for place, *rest in rows}
    return [known.get(place, ONLINE) for place in range(len(things))]
