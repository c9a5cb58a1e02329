"""What is in a cart, a request or a share, as people are shown it: names, sizes, where the data are.

Everything is read with the rights somebody has now. What may not be read, or is no longer there, is told apart by its
absence. A constant number of statements, however much there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from beamcat.access.caller import Caller
from beamcat.database.instants import moment
from beamcat.database.pool import Database
from beamcat.store.requests.items import Catalogued, Kind, Reference
from beamcat.store.selection import Total
from beamcat.store.units.transitions import Kind as UnitKind
from beamcat.store.units.whereabouts import ONLINE, Whereabouts, whereabouts

_COLUMNS = {
    Kind.INVESTIGATION: "{0}.name|{0}.title|{0}.visit_id|{0}.start_date|{0}.file_count|{0}.file_size|NULL|NULL",
    Kind.DATASET: "{0}.name|NULL|NULL|{0}.start_date|{0}.file_count|{0}.file_size|{0}.investigation_id|NULL",
    Kind.DATAFILE: "{0}.name|NULL|NULL|{0}.datafile_create_time|CASE WHEN {0}.location IS NULL THEN 0 ELSE 1 END|"
    "{0}.file_size|{0}.investigation_id|{0}.dataset_id",
}
"""The name, title and visit, the date, files and bytes, and in which investigation and dataset something lies."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing. `within` is the name of what it lies in, where that may be read."""

    kind: Kind
    id: int
    name: str
    title: str | None
    visit: str | None
    date: datetime | None
    files: int
    size: int
    investigation: int | None
    dataset: int | None
    within: str | None = None
    where: Whereabouts = ONLINE

    @property
    def reference(self) -> Reference:
        """What it is."""
        return Reference(self.kind, self.id)


class Contents:
    """Describes things. `units` says what comes back from tape as one; None with one level of storage."""

    def __init__(self, database: Database, catalogued: Catalogued, units: UnitKind | None) -> None:
        self._database = database
        self._catalogued = catalogued
        self._units = units

    async def lines(self, caller: Caller, references: Sequence[Reference]) -> list[Line]:
        """Those of the things that the caller may read, in their order."""
        found: dict[Reference, Line] = {}
        for kind in Kind:
            ids = [each.id for each in references if each.kind is kind]
            if ids:
                found |= {line.reference: line for line in await self._of_kind(caller, kind, ids)}
        lines = [found[each] for each in references if each in found]
        names = await self._around(caller, lines)
        where = [ONLINE] * len(lines)
        if self._units is not None and lines:
            where = await whereabouts(self._database, self._units, [(line.kind.value, line.id) for line in lines])
        return [
            replace(line, within=names.get(_parent(line)), where=place)
            for line, place in zip(lines, where, strict=True)
        ]

    async def total(self, caller: Caller, references: Sequence[Reference]) -> Total:
        """How much those of the things are that the caller may read, by the numbers the catalogue keeps of them."""
        files = size = 0
        for kind in Kind:
            ids = [each.id for each in references if each.kind is kind]
            if ids:
                question = await self._catalogued.question(caller)
                table = question.table(kind.value.capitalize())
                question.conditions.append(f"{table.id} = ANY({question.bind(ids, 'bigint[]')})")
                each = _COLUMNS[kind].format(table.alias).split("|")
                columns = [f"coalesce(sum({each[4]}), 0)::bigint", f"coalesce(sum({each[5]}), 0)::bigint"]
                ((more, bytes_),) = await self._catalogued.rows(question, columns, ordered=False)
                files, size = files + more, size + bytes_
        return Total(files, size)

    async def _of_kind(self, caller: Caller, kind: Kind, ids: Sequence[int]) -> list[Line]:
        question = await self._catalogued.question(caller)
        table = question.table(kind.value.capitalize())
        question.conditions.append(f"{table.id} = ANY({question.bind(list(ids), 'bigint[]')})")
        columns = _COLUMNS[kind].format(table.alias).split("|")
        rows = await self._catalogued.rows(question, [table.id, *columns])
        return [
            Line(kind, identifier, name, title, visit, _moment(date), files or 0, size or 0, investigation, dataset)
            for identifier, name, title, visit, date, files, size, investigation, dataset in rows
        ]

    async def _around(self, caller: Caller, lines: Sequence[Line]) -> dict[Reference | None, str]:
        wanted = list({parent for line in lines if (parent := _parent(line)) is not None})
        items = await self._catalogued.items(caller, wanted) if wanted else []
        return {Reference(item.kind, item.id): item.name for item in items}


def _parent(line: Line) -> Reference | None:
    if line.dataset is not None:
        return Reference(Kind.DATASET, line.dataset)
    return None if line.investigation is None else Reference(Kind.INVESTIGATION, line.investigation)


def _moment(value: int | datetime | None) -> datetime | None:
    return moment(value) if isinstance(value, int) else value
