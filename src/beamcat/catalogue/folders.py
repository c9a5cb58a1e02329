"""The files of a dataset as a tree of folders, which the slashes in their names make.

One level is read at a time, entry by entry in the order of names: from an entry of a folder the reading jumps behind
all of that folder, in the index of names. So a page costs as much as it shows, whatever number of files there are.
Whoever sorts otherwise, or filters, gets the files of all folders below. The caller's rights are part of each question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.database.instants import moment
from beamcat.database.pool import Database
from beamcat.errors import BadParameter
from beamcat.model import ENTITIES, Attribute, ToOne
from beamcat.query.condition_sql import where_sql
from beamcat.query.predicates import readable_condition, readable_reference
from beamcat.query.rights import Rights
from beamcat.query.run import run_statement
from beamcat.query.scope import Scope as FromScope
from beamcat.query.scope import Table
from beamcat.query.sql import Parameters, Statement

DATAFILE = ENTITIES["Datafile"]
LAST = "\U0010ffff"
"""Sorts behind whatever a name may go on with."""
LONGEST_PATH = 255
"""Characters of a folder: those of a name."""
MOST_IDS = 10_000
"""Files of a folder that are told by their ids at most."""


class Order(Enum):
    """What a listing is sorted by."""

    NAME = "name"
    SIZE = "size"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Level:
    """What of a dataset is looked at: a folder, `""` for the outermost, else with a slash at its end.

    `text` is literal, in capitals or not; with it, and in any order but that of names, files in folders below count.
    """

    dataset: int
    folder: str = ""
    text: str = ""
    order: Order = Order.NAME
    falling: bool = False

    def __post_init__(self) -> None:
        if len(self.folder) > LONGEST_PATH or "\0" in self.folder + self.text or len(self.text) > LONGEST_PATH:
            raise BadParameter("there is no folder of that name")

    @property
    def is_flat(self) -> bool:
        """Whether files in folders below are listed too, and no folders."""
        return bool(self.text) or self.order is not Order.NAME


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind which entry a page begins: its value in the order, and its name."""

    value: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a folder: that has neither id nor anything else but its name, which ends with a slash."""

    name: str
    id: int | None = None
    size: int | None = None
    date: datetime | None = None
    format: str | None = None
    location: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.id is None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a level, and whether there is more before and after it."""

    entries: Sequence[Entry]
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class Amount:
    """How much there is; with `more` at least so much."""

    files: int
    size: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The files before and after one in its folder, by id and name; None at the ends."""

    before: tuple[int, str] | None
    after: tuple[int, str] | None


@dataclass(slots=True)
class _Question:
    """A statement in the making, about the files of a level that may be read."""

    rights: Rights
    level: Level
    parameters: Parameters = field(default_factory=Parameters)
    scope: FromScope = field(init=False)
    file: Table = field(init=False)

    def __post_init__(self) -> None:
        self.scope = FromScope(self.parameters)
        self.file = self.scope.add_table(DATAFILE)

    def columns(self) -> dict[str, str]:
        """The columns of an entry."""
        shown = _columns(self.file, "name", "fileSize")
        location = _columns(self.file, "location")[0]
        known = {"name": shown[0], "id": self.file.id, "size": shown[1]}
        return {**known, "date": self.date(), "format": self.format(), "location": location}

    def date(self) -> str:
        """When the file was changed last."""
        modified, created = _columns(self.file, "datafileModTime", "datafileCreateTime")
        return f"coalesce({modified}, {created})"

    def format(self) -> str:
        """The name of the format, where that may be read."""
        relation = _relation("datafileFormat")
        target = ENTITIES["DatafileFormat"]
        key = self.file.column(relation)
        readable = readable_reference(key, target, self.rights.readable(target), self.scope)
        condition = "" if readable is None else f" AND {readable}"
        return f"(SELECT w.name FROM datafile_format w WHERE w.id = {key}{condition})"

    def source(self, *more: str) -> str:
        """FROM and WHERE: of the dataset, below the folder, named so, and readable; and `more` conditions.

        Where the rules look at the dataset and not at its files, as they usually do, they are asked once and apart:
        joined, they might keep PostgreSQL from reading files in the order of the index.
        """
        name = _columns(self.file, "name")[0]
        dataset = self.scope.join_once(self.file, _relation("dataset"))
        identifier = self.parameters.bind(self.level.dataset, "bigint")
        held = [f"{self.file.column(_relation('dataset'))} = {identifier}"]
        folder = self.level.folder
        if folder:
            first, last = self.text(folder), self.text(folder + LAST)
            held += [f"{name} >= {first}", f"{name} < {last}"]
        if self.level.text:
            said = self.level.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            below = f"substr({name}, {len(folder) + 1})" if folder else name
            held.append(f"{below} ILIKE {self.text(f'%{said}%')}")
        around = readable_condition(dataset, self.rights.readable(dataset.entity), self.scope)
        readable = readable_condition(self.file, self.rights.readable(DATAFILE), self.scope)
        asked = [each for each in (around, readable) if each is not None]
        if any(f"{self.file.alias}." in each for each in asked):
            return f"{self.scope.from_sql}{where_sql([*held, *asked, *more])}"
        if asked:
            allowed = " AND ".join([f"{dataset.id} = {identifier}", *asked])
            held.append(f"EXISTS (SELECT 1 FROM dataset {dataset.alias} WHERE {allowed})")
        return f" FROM datafile {self.file.alias}{where_sql([*held, *more])}"

    def text(self, value: str) -> str:
        """A bound text, compared as names are."""
        return f'{self.parameters.bind(value, "text")} COLLATE "C"'


class Folders:
    """Lists the files of datasets."""

    def __init__(self, database: Database, rulebooks: Rulebooks) -> None:
        self._database = database
        self._rulebooks = rulebooks

    async def page(
        self, caller: Caller, level: Level, count: int, cursor: Cursor | None = None, *, backwards: bool = False
    ) -> Listed:
        """So many entries behind the cursor, or before it; without one the first of them, or the last."""
        make = _flat_page if level.is_flat else _level_page
        rows = await self._rows(caller, lambda rights: make(rights, level, count + 1, cursor, backwards))
        more = len(rows) > count
        entries = [_entry(row) for row in rows[:count]]
        if backwards:
            return Listed(entries[::-1], more, cursor is not None)
        return Listed(entries, cursor is not None, more)

    async def amounts(self, caller: Caller, level: Level, folders: Sequence[str]) -> Mapping[str, Amount]:
        """How much is in each of some folders of the level and below; they are named as entries are."""
        if not folders:
            return {}
        paths = [level.folder + name for name in folders]
        rows = await self._rows(caller, lambda rights: _amounts(rights, level.dataset, paths))
        found = {path: Amount(files, size) for path, files, size in rows}
        return {name: found.get(path, Amount(0, 0)) for name, path in zip(folders, paths, strict=True)}

    async def amount(self, caller: Caller, level: Level, most: int) -> Amount:
        """How many files there are in the folder and below that the text fits; counted up to `most`."""
        ((files, size),) = await self._rows(caller, lambda rights: _amount(rights, level, most + 1))
        return Amount(min(files, most), size, files > most)

    async def ids(self, caller: Caller, level: Level, most: int = MOST_IDS) -> list[int]:
        """The files in the folder and below that the text fits, one more than `most` of them at most."""
        rows = await self._rows(caller, lambda rights: _ids(rights, level, most + 1))
        return [identifier for (identifier,) in rows]

    async def neighbours(self, caller: Caller, dataset: int, name: str) -> Neighbours:
        """The files next to one, in its folder."""
        folder = name[: name.rfind("/") + 1]
        level = Level(dataset, folder)
        cursor = Cursor("", name[len(folder) :])
        found: list[tuple[int, str] | None] = []
        for backwards in (True, False):
            rows = await self._rows(
                caller,
                lambda rights, back=backwards: _level_page(rights, level, 8, cursor, back),  # type: ignore[misc]
            )
            files = [row for row in rows if row[1] is not None]
            found.append((files[0][1], files[0][0]) if files else None)
        return Neighbours(*found)

    async def by_name(self, caller: Caller, dataset: int, names: Sequence[str]) -> int | None:
        """The first of these names that a file of the dataset has which the caller may read; its id."""
        rows = await self._rows(caller, lambda rights: _named(rights, dataset, names))
        return rows[0][0] if rows else None

    async def _rows(self, caller: Caller, make: Callable[[Rights], Statement]) -> list[tuple[Any, ...]]:
        caller.require(Scope.READ)
        statement = make((await self._rulebooks.current()).rights(caller))
        async with self._database.connection() as connection:
            return await run_statement(connection, statement, caller)


def _level_page(rights: Rights, level: Level, count: int, cursor: Cursor | None, backwards: bool) -> Statement:
    """Entry after entry; `at` is where the next one is looked for."""
    question = _Question(rights, level)
    parameters, folder = question.parameters, level.folder
    columns = question.columns()
    name = columns["name"]
    rising = level.falling is backwards
    start = folder if rising else folder + LAST
    if cursor is not None:
        start = folder + cursor.name if not cursor.name.endswith("/") else _beyond(folder + cursor.name, rising=rising)
    shown = ", ".join(f"{sql} AS {label}" for label, sql in columns.items())
    source = question.source(f"{name} {'>' if rising else '<'} entry.at")
    inner = f"SELECT {shown}{source} ORDER BY {name}"
    rest = f"substr(found.name, {len(folder) + 1})"
    own = f"{parameters.bind(folder, 'text')} || split_part({rest}, '/', 1) || '/'"
    beyond = f" || {parameters.bind(LAST, 'text')}" if rising else ""
    is_folder = f"strpos({rest}, '/') > 0"
    return parameters.statement(
        f"""
WITH RECURSIVE entry (number, at, name, id, size, date, format, location) AS (
    SELECT 0, {question.text(start)}, NULL::text COLLATE "C", NULL::bigint, NULL::bigint, NULL::timestamptz,
           NULL::text COLLATE "C", NULL::text COLLATE "C"
    UNION ALL
    SELECT entry.number + 1,
           (CASE WHEN {is_folder} THEN {own}{beyond} ELSE found.name END) COLLATE "C",
           (CASE WHEN {is_folder} THEN split_part({rest}, '/', 1) || '/' ELSE {rest} END) COLLATE "C",
           CASE WHEN {is_folder} THEN NULL ELSE found.id END,
           found.size, found.date::timestamptz, found.format COLLATE "C", found.location COLLATE "C"
      FROM entry CROSS JOIN LATERAL ({inner} {"ASC" if rising else "DESC"} LIMIT 1) found
     WHERE entry.number < {parameters.bind(count, "integer")}
)
SELECT name, id, size, date, format, location FROM entry WHERE number > 0 ORDER BY number
"""
    )


def _beyond(folder: str, *, rising: bool) -> str:
    """Where to go on after a folder."""
    return folder + LAST if rising else folder


def _flat_page(rights: Rights, level: Level, count: int, cursor: Cursor | None, backwards: bool) -> Statement:
    question = _Question(rights, level)
    parameters = question.parameters
    columns = question.columns()
    name = columns["name"]
    keys = {
        Order.NAME: name,
        Order.SIZE: f"coalesce({columns['size']}, -1)",
        Order.DATE: f"coalesce({columns['date']}, '-infinity')",
    }
    key = keys[level.order]
    rising = level.falling is backwards
    conditions = []
    if cursor is not None:
        after = question.text(level.folder + cursor.name)
        sign = ">" if rising else "<"
        if level.order is Order.NAME:
            conditions.append(f"{name} {sign} {after}")
        else:
            kind = "bigint" if level.order is Order.SIZE else "timestamptz"
            bound = _bound(cursor.value, level.order)
            conditions.append(f"({key}, {name}) {sign} ({parameters.bind(bound, kind)}, {after})")
    way = "ASC" if rising else "DESC"
    shown = ", ".join([f"substr({name}, {len(level.folder) + 1})", *list(columns.values())[1:]])
    order = f"{name} {way}" if level.order is Order.NAME else f"{key} {way}, {name} {way}"
    return parameters.statement(
        f"SELECT {shown}{question.source(*conditions)} ORDER BY {order} LIMIT {parameters.bind(count, 'integer')}"
    )


def _bound(value: str, order: Order) -> int | str:
    try:
        if order is Order.SIZE:
            return int(value)
        return "-infinity" if value == "" else datetime.fromisoformat(value).isoformat()
    except ValueError:
        raise BadParameter("that page of the list does not exist") from None


def _amounts(rights: Rights, dataset: int, paths: list[str]) -> Statement:
    question = _Question(rights, Level(dataset))
    name, size = _columns(question.file, "name", "fileSize")
    source = question.source(f"{name} >= wanted.path", f"{name} < wanted.path || {question.text(LAST)}")
    return question.parameters.statement(
        f"SELECT wanted.path, found.files, found.size"
        f" FROM unnest({question.parameters.bind(paths, 'text[]')}) AS given (text)"
        f' CROSS JOIN LATERAL (SELECT given.text COLLATE "C" AS path) wanted'
        f" CROSS JOIN LATERAL (SELECT count(*) AS files, coalesce(sum({size}), 0)::bigint AS size"
        f"{source}) found"
    )


def _amount(rights: Rights, level: Level, most: int) -> Statement:
    question = _Question(rights, level, Parameters(few_rows=False))
    size = _columns(question.file, "fileSize")[0]
    inner = f"SELECT {size} AS size{question.source()}"
    limit = question.parameters.bind(most, "integer")
    return question.parameters.statement(
        f"SELECT count(*), coalesce(sum(size), 0)::bigint FROM ({inner} LIMIT {limit}) counted"
    )


def _ids(rights: Rights, level: Level, most: int) -> Statement:
    question = _Question(rights, level, Parameters(few_rows=False))
    limit = question.parameters.bind(most, "integer")
    return question.parameters.statement(f"SELECT {question.file.id}{question.source()} LIMIT {limit}")


def _named(rights: Rights, dataset: int, names: Sequence[str]) -> Statement:
    question = _Question(rights, Level(dataset))
    name = _columns(question.file, "name")[0]
    wanted = f"{question.parameters.bind(list(names), 'text[]')}"
    return question.parameters.statement(
        f"SELECT {question.file.id}{question.source(f'{name} = ANY({wanted})')}"
        f" ORDER BY array_position({wanted}, {name}) LIMIT 1"
    )


def _entry(row: tuple[Any, ...]) -> Entry:
    name, identifier, size, date, form, location = row
    if identifier is None:
        return Entry(name)
    return Entry(name, identifier, size, None if date is None else moment(date), form, location)


def _columns(table: Table, *names: str) -> list[str]:
    columns = []
    for name in names:
        member = table.entity.fields[name]
        assert isinstance(member, Attribute)
        columns.append(table.column(member))
    return columns


def _relation(name: str) -> ToOne:
    relation = DATAFILE.fields[name]
    assert isinstance(relation, ToOne)
    return relation
