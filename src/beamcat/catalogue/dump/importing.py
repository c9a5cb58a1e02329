"""Dumps read into the catalogue (ICAT specification G.4 and G.5).

Every row is created as if alone: what came before a row that is refused stays. Rows are nevertheless written many at a
time, in one transaction; only when one of them is refused are those before it written without it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import Any, TypeVar

from beamcat.access.caller import Caller
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.drafts import Change, Draft, Reference, Stamp
from beamcat.catalogue.dump.existing import difference, find_existing, key_of
from beamcat.catalogue.dump.fields import split
from beamcat.catalogue.dump.headers import ByKey, ByLabel, Header, parse_header
from beamcat.catalogue.dump.labels import Labels
from beamcat.catalogue.dump.layout import VERSION, Attributes
from beamcat.catalogue.dump.lines import lines_of
from beamcat.catalogue.dump.references import SEVERAL, Key, KnownKeys
from beamcat.catalogue.rows import Row as StoredRow
from beamcat.catalogue.writing import ROOT_OF_RIGHTS
from beamcat.config import Settings
from beamcat.database.outbox import Origin
from beamcat.database.pool import Database
from beamcat.errors import (
    AlreadyExists,
    BadParameter,
    BeamcatError,
    ErrorKind,
    Forbidden,
    NoSuchObject,
    ValidationFailed,
)
from beamcat.model import ENTITIES, Entity

ROWS_AT_ONCE = 1000
"""Rows that are written in one transaction."""
MOST_ATTEMPTS = 3
"""Attempts of rows whose keys others take while they are looked at."""


class Duplicate(Enum):
    """What happens to a row whose unique key an object has already."""

    THROW = "throw"
    """It is an error."""
    IGNORE = "ignore"
    """The row is skipped."""
    CHECK = "check"
    """It is an error unless the object is what the row says."""
    OVERWRITE = "overwrite"
    """The object becomes what the row says; what the row does not name becomes null."""


@dataclass(slots=True)
class Imported:
    """What an import has done so far."""

    rows: int = 0
    created: int = 0
    overwritten: int = 0


T = TypeVar("T")
Told = Callable[[Imported], None]
"""Is called after every transaction."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who imports, and how. `told` hears of every transaction."""

    caller: Caller
    duplicate: Duplicate = Duplicate.THROW
    attributes: Attributes = Attributes.USER
    told: Told | None = None


@dataclass(slots=True)
class _Row:
    """One row: what it says of an object, what it refers to (keys or labels, by header), its label and its line."""

    line: int
    draft: Draft
    targets: list[Any]
    label: str | None


@dataclass(slots=True)
class _Table:
    """The table that is being read: its header and the rows that wait to be written."""

    header: Header
    rows: list[_Row] = field(default_factory=list)


class _Placed(Exception):
    """An error and the line it belongs to."""

    def __init__(self, line: int, error: BeamcatError) -> None:
        super().__init__(line, error)
        self.line = line
        self.error = error


class Import:
    """One import. Errors name the line in `offset` and at the end of their message."""

    def __init__(self, database: Database, catalogue: Catalogue, settings: Settings, order: Order) -> None:
        if order.attributes is Attributes.ALL and not order.caller.root:
            raise Forbidden("Only root users may import with Attributes.ALL")
        self.done = Imported()
        self._database = database
        self._catalogue = catalogue
        self._counts_maintained = settings.database.maintain_file_counts
        self._rows_at_once = min(ROWS_AT_ONCE, settings.catalogue.max_objects_per_write)
        self._caller = order.caller
        self._duplicate = order.duplicate
        self._attributes = order.attributes
        self._told = order.told
        self._labels = Labels()
        self._known = KnownKeys()
        self._table: _Table | None = None
        self._version_seen = False

    async def run(self, pieces: AsyncIterable[bytes]) -> Imported:
        """Read a dump that arrives in pieces, and write what it says."""
        number = 0
        try:
            try:
                async for number, line in lines_of(pieces):
                    await self._line(number, line)
            except BeamcatError:
                await self._finish()  # the file breaks off: what it said before holds
                raise
            if not self._version_seen:
                raise _Placed(number, ValidationFailed("No version of file encountered"))
            await self._finish()
        except _Placed as placed:
            error, line_number = placed.error, placed.line
            error.message = f"{error.message} at line {line_number}"
            error.args = (error.message,)
            error.offset = line_number
            raise error from placed.__cause__
        return self.done

    async def _line(self, number: int, line: str) -> None:
        if line.startswith("#"):
            return
        try:
            if not line:
                await self._finish()
            elif not self._version_seen:
                if line != VERSION:
                    raise ValidationFailed(f"Version of file must be {VERSION}")
                self._version_seen = True
            elif self._table is None:
                self._table = _Table(parse_header(line))
            else:
                await self._add(self._table, number, line)
        except BeamcatError as error:
            raise _Placed(number, error) from error

    async def _finish(self) -> None:
        """The end of a table."""
        table, self._table = self._table, None
        if table is not None:
            await self._flush(table)

    async def _add(self, table: _Table, number: int, line: str) -> None:
        try:
            row = self._read(table.header, number, line)
        except BeamcatError:
            await self._flush(table)  # what came before is written, or is itself what went wrong first
            raise
        table.rows.append(row)
        entity = table.header.entity
        # somebody's rights may depend on the row before
        alone = entity.name in ROOT_OF_RIGHTS and not self._caller.root
        if alone or len(table.rows) >= self._rows_at_once:
            await self._flush(table)

    def _read(self, header: Header, number: int, line: str) -> _Row:
        fields = split(line)
        if len(fields) < header.width:
            raise BadParameter(f"Expected {header.width} values but found {len(fields)}")
        draft = Draft(header.entity)
        for name, column, read in header.values:
            value = read(fields[column])
            if value is not None:  # absent and NULL are the same here: both mean the default
                draft.values[name] = value
        if header.stamps:
            said = {name: read(fields[column]) for name, column, read in header.stamps}
            if self._attributes is Attributes.ALL:
                draft.stamp = _stamp(said)
        targets: list[Any] = [
            each.key(fields) if isinstance(each, ByKey) else each.read(fields[each.column])
            for each in header.references
        ]
        label = None
        if header.label is not None:
            column, read_label = header.label
            label = read_label(fields[column])
        return _Row(number, draft, targets, label)

    # -- references --------------------------------------------------------------------------------

    async def _flush(self, table: _Table) -> None:
        """Write the rows that wait. When one refers to nothing, those before it are written, then it is an error."""
        rows, table.rows = table.rows, []
        fault: tuple[int, BeamcatError] | None = None
        for place, reference in enumerate(table.header.references):
            if not rows:
                break
            if isinstance(reference, ByKey):
                found = await self._find(reference, [row.targets[place] for row in rows])
            for at, row in enumerate(rows):
                target = row.targets[place]
                resolved: int | BeamcatError | None = None
                if target is not None:
                    resolved = (
                        _found(reference, found, target)
                        if isinstance(reference, ByKey)
                        else self._labelled(reference, target)
                    )
                if isinstance(resolved, BeamcatError):
                    fault, rows = (row.line, resolved), rows[:at]
                    break
                entity = ENTITIES[reference.relation.target]
                row.draft.to_one[reference.relation.name] = None if resolved is None else Reference(entity, resolved)
        await self._write(table.header.entity, rows)
        if fault is not None:
            raise _Placed(*fault)

    async def _find(self, reference: ByKey, keys: Sequence[Key | None]) -> dict[Key, int]:
        async with self._database.connection() as connection:
            return await self._known.find(connection, reference, [key for key in keys if key is not None])

    def _labelled(self, reference: ByLabel, label: str) -> int | BeamcatError:
        found = self._labels.find(ENTITIES[reference.relation.target], label)
        return BadParameter(f"? field '{label}' not defined yet") if found is None else found

    # -- writing -----------------------------------------------------------------------------------

    async def _write(self, entity: Entity, rows: Sequence[_Row]) -> None:
        if self._duplicate is Duplicate.THROW or not entity.unique:
            await self._create(rows)
        else:
            for some in _without_repetition(rows):
                await self._merge(entity, some)
        self.done.rows += len(rows)
        if self._told is not None and rows:
            self._told(self.done)

    async def _merge(self, entity: Entity, rows: Sequence[_Row]) -> None:
        """Write rows, no two with one key, some of which may be there already."""
        for attempt in range(1, MOST_ATTEMPTS + 1):
            async with self._database.connection() as connection:
                existing = await find_existing(connection, entity, [key_of(row.draft) for row in rows])
            try:
                await self._write_beside(rows, existing)
            except _Placed as placed:  # somebody else was faster, if it is there now
                if attempt == MOST_ATTEMPTS or not isinstance(placed.error, AlreadyExists):
                    raise
            else:
                return

    async def _write_beside(self, rows: Sequence[_Row], existing: dict[tuple[Any, ...], StoredRow]) -> None:
        fault: tuple[int, BeamcatError] | None = None
        if self._duplicate is Duplicate.CHECK:
            fault, rows = self._checked(rows, existing)
        for row in rows:
            stored = existing.get(key_of(row.draft))
            if stored is not None:
                self._name(row, stored[0])
        if self._duplicate is Duplicate.OVERWRITE:
            for is_there, run in groupby(rows, key=lambda row: key_of(row.draft) in existing):
                if is_there:
                    await self._overwrite([(row, existing[key_of(row.draft)][0]) for row in run])
                else:
                    await self._create(list(run))
        else:
            await self._create([row for row in rows if key_of(row.draft) not in existing])
        if fault is not None:
            raise _Placed(*fault)

    def _checked(
        self, rows: Sequence[_Row], existing: dict[tuple[Any, ...], StoredRow]
    ) -> tuple[tuple[int, BeamcatError] | None, Sequence[_Row]]:
        """The first difference with its line, and the rows before it."""
        for at, row in enumerate(rows):
            stored = existing.get(key_of(row.draft))
            if stored is not None:
                error = difference(row.draft, stored, counts_maintained=self._counts_maintained)
                if error is not None:
                    return (row.line, error), rows[:at]
        return None, rows

    async def _create(self, rows: Sequence[_Row]) -> None:
        async def create(some: Sequence[_Row]) -> None:
            ids = await self._catalogue.create_many(self._caller, [row.draft for row in some], Origin.IMPORT)
            self.done.created += len(ids)
            for row, identifier in zip(some, ids, strict=True):
                self._name(row, identifier)

        await _up_to_the_first_fault(rows, create, lambda row: row.line)

    async def _overwrite(self, rows: Sequence[tuple[_Row, int]]) -> None:
        entity = rows[0][0].draft.entity

        async def overwrite(some: Sequence[tuple[_Row, int]]) -> None:
            changes = [Change(entity, identifier, row.draft) for row, identifier in some]
            await self._catalogue.update_many(self._caller, entity, changes, Origin.IMPORT)
            self.done.overwritten += len(changes)

        await _up_to_the_first_fault(rows, overwrite, lambda pair: pair[0].line)

    def _name(self, row: _Row, identifier: int) -> None:
        if row.label is not None:
            self._labels.define(row.draft.entity, row.label, identifier)


async def _up_to_the_first_fault(
    rows: Sequence[T], work: Callable[[Sequence[T]], Awaitable[None]], line_of: Callable[[T], int]
) -> None:
    """Do the work for all rows at once; when one of them is at fault, for those before it, and raise its error."""
    if not rows:
        return
    try:
        await work(rows)
    except BeamcatError as error:
        if error.offset is None and len(rows) > 1 and error.kind in {ErrorKind.BAD_PARAMETER, ErrorKind.VALIDATION}:
            middle = len(rows) // 2  # the database does not say which row it refused
            await _up_to_the_first_fault(rows[:middle], work, line_of)
            await _up_to_the_first_fault(rows[middle:], work, line_of)
            return
        place = error.offset or 0
        await _up_to_the_first_fault(rows[:place], work, line_of)
        raise _Placed(line_of(rows[place]), error) from error


def _without_repetition(rows: Sequence[_Row]) -> list[list[_Row]]:
    """The rows, cut before a key that comes a second time."""
    runs: list[list[_Row]] = []
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        key = key_of(row.draft)
        if not runs or key in seen:
            runs.append([])
            seen = set()
        runs[-1].append(row)
        seen.add(key)
    return runs


def _found(reference: ByKey, found: dict[Key, int], key: Key) -> int | BeamcatError:
    identifier = found.get(key)
    looking = f"when looking up existing object for attribute {reference.relation.name}"
    if identifier is None:
        return NoSuchObject(f"Import failed {looking}")
    if identifier == SEVERAL:
        return BadParameter(f"Import failed with multiple results {looking}")
    return identifier


def _stamp(said: dict[str, Any]) -> Stamp:
    return Stamp(said.get("createId"), said.get("createTime"), said.get("modId"), said.get("modTime"))
