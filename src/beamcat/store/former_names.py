"""Names that are no longer right: where the thing is now, and what is gone for good (data service specification, E.8).

Triggers write a row for each thing that is renamed or moved, at its own level (`database/triggers/5_names.sql`). So the
names of a URL are followed one by one: each is a name of now or, where nothing is called so now, a former one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from beamcat.database.pool import Connection, Database
from beamcat.store.selection import Wanted

_FOLLOW = {
    "facility": "SELECT id FROM facility WHERE name = %(name)s",
    "investigation": "SELECT id FROM investigation"
    " WHERE facility_id = %(around)s AND name = %(name)s AND visit_id = %(visit_id)s",
    "dataset": "SELECT id FROM dataset WHERE investigation_id = %(around)s AND name = %(name)s",
    "datafile": "SELECT id FROM datafile WHERE dataset_id = %(around)s AND name = %(name)s",
}
_THERE = {kind: f"SELECT id FROM {kind} WHERE id = %s" for kind in _FOLLOW}  # noqa: S608 - kinds of ours
_FORMER = """
SELECT entity_id FROM former_name
 WHERE kind = %(kind)s AND around_id = %(around)s AND name = %(name)s AND visit_id = %(visit_id)s
"""
_AROUND = """
SELECT facility.name, i.name, i.visit_id, NULL, NULL
  FROM investigation i JOIN facility ON facility.id = i.facility_id
 WHERE %(kind)s = 'investigation' AND i.id = %(id)s
UNION ALL
SELECT facility.name, i.name, i.visit_id, d.name, NULL
  FROM dataset d JOIN investigation i ON i.id = d.investigation_id JOIN facility ON facility.id = i.facility_id
 WHERE %(kind)s = 'dataset' AND d.id = %(id)s
UNION ALL
SELECT facility.name, i.name, i.visit_id, d.name, f.name
  FROM datafile f JOIN dataset d ON d.id = f.dataset_id JOIN investigation i ON i.id = d.investigation_id
  JOIN facility ON facility.id = i.facility_id
 WHERE %(kind)s = 'datafile' AND f.id = %(id)s
"""
# What a thing lay in may have been renamed since, so it is looked for by its own names, and by where the names led.
# What is above the first name that leads nowhere is there, whatever was once deleted of the same name.
_GONE = """
SELECT doi, title, deleted, kind FROM tombstone
 WHERE kind = ANY(%(kinds)s) AND (
       (kind = %(kind)s AND entity_id = %(id)s)
    OR (facility = %(facility)s AND investigation = %(investigation)s AND visit_id = %(visit_id)s
        AND (dataset IS NULL OR dataset = %(dataset)s) AND (datafile IS NULL OR datafile = %(datafile)s))
    OR (kind = %(kind)s AND around_id = %(around)s
        AND CASE kind WHEN 'investigation' THEN investigation = %(name)s AND visit_id = %(visit_id)s
                      WHEN 'dataset' THEN dataset = %(name)s ELSE datafile = %(name)s END))
 ORDER BY array_position(ARRAY['datafile', 'dataset', 'investigation'], kind), deleted DESC
 LIMIT 1
"""


Parts = tuple[str, str, str, str | None, str | None]
"""Facility, investigation, visit, dataset and datafile: what names a thing."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What had a DOI and was deleted. `title` is that of the investigation, `kind` what had the DOI."""

    doi: str
    title: str | None
    deleted: datetime
    kind: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What former names lead to, and what names it now."""

    parts: Parts
    wanted: Wanted


class FormerNames:
    """Follows names that nothing has now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def follow(self, parts: Parts) -> Moved | Tombstone | None:
        """Where the thing is now, or what is known of it if it is gone; None when nothing is."""
        facility, investigation, visit_id, dataset, datafile = parts
        names = {"facility": facility, "investigation": investigation, "dataset": dataset, "datafile": datafile}
        wanted = {**names, "visit_id": visit_id}
        last, identifier = "facility", 0
        async with self._database.connection() as connection:
            for kind, name in names.items():
                if name is None:
                    break
                asked = {"kind": kind, "around": identifier, "name": name}
                asked["visit_id"] = visit_id if kind == "investigation" else ""
                found = await _one(connection, _FOLLOW[kind], asked)
                if found is None:
                    former = await _one(connection, _FORMER, asked) or (0,)
                    found = await _one(connection, _THERE[kind], former)
                    if found is None:
                        last_known = {**asked, "visit_id": visit_id, "id": former[0], "kinds": _from(kind)}
                        return await _gone(connection, {**wanted, **last_known})
                last, (identifier,) = kind, found
            row = await _one(connection, _AROUND, {"kind": last, "id": identifier})
        if row is None:  # it went while we looked
            return None
        return Moved((row[0], row[1], row[2], row[3], row[4]), Wanted(**{f"{last}s": (identifier,)}))


async def _gone(connection: Connection, asked: dict[str, Any]) -> Tombstone | None:
    row = await _one(connection, _GONE, asked)
    return None if row is None else Tombstone(*row)


def _from(kind: str) -> list[str]:
    kinds = list(_FOLLOW)
    return kinds[kinds.index(kind) :]


async def _one(
    connection: Connection, statement: str, values: dict[str, Any] | tuple[Any, ...]
) -> tuple[Any, ...] | None:
    return await (await connection.execute(statement.encode(), values)).fetchone()
