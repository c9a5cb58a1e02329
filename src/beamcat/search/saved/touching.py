"""Whether anything has happened that could change what a search finds, by the events of the catalogue.

A look is spared when nothing has. Every event counts but for those of entities that surely have no say: so
memberships and rules count, too. What no event tells of, such as a rule that compares a date with the present one, is
noticed by the look that each search gets once a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache

from beamcat.database.pool import Connection
from beamcat.model import ENTITIES

LOOK_ANYWAY = timedelta(hours=23)
"""After so long it is looked whatever has happened: less than a day, so that every daily look counts."""

_NEVER = frozenset({"Account", "Job", "Shift", "RelatedDatafile", "RelatedItem", "PermissibleStringValue"})
_NOT_BUT_FOR_FILES = frozenset({"DatafileParameter", "DataCollectionDatafile"})
_BELOW_VISITS = frozenset({"Datafile", "Dataset", "DatasetParameter", "DatasetTechnique", "DatasetInstrument"})
_UNTOUCHED_BY: Mapping[str, frozenset[str]] = {
    "Investigation": _NOT_BUT_FOR_FILES,
    "Dataset": _NOT_BUT_FOR_FILES,
    "Datafile": frozenset(),
    "Sample": _NOT_BUT_FOR_FILES | {"Datafile"},
    "Instrument": _NOT_BUT_FOR_FILES | _BELOW_VISITS,
    "DataPublication": _NOT_BUT_FOR_FILES | _BELOW_VISITS,
}
"""Entity -> those whose events do not change what a search for it finds. Files change sizes and counts of visits."""

_NEWEST = """
SELECT asked.entity, (SELECT max(position) FROM event WHERE event.entity = asked.entity)
  FROM unnest(%s::text[]) AS asked(entity)
"""


async def newest_changes(connection: Connection) -> Mapping[str, int]:
    """The position of the newest event of each entity, where there is one."""
    rows = await (await connection.execute(_NEWEST, (list(ENTITIES),))).fetchall()
    return {entity: position for entity, position in rows if position is not None}


def touched_at(entity: str, newest: Mapping[str, int]) -> int:
    """The position of the newest event that may change what a search for objects of the entity finds."""
    return max((newest[each] for each in _relevant(entity) if each in newest), default=0)


@cache
def _relevant(entity: str) -> tuple[str, ...]:
    return tuple(each for each in ENTITIES if each not in _NEVER and each not in _UNTOUCHED_BY.get(entity, frozenset()))
