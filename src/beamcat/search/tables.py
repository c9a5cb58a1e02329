"""The tables of which there are few rows, kept in memory: instruments, cycles, types, formats, techniques.

Whether one of them has changed is asked of the events once a second, and a table is read again when it is needed next.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from beamcat.database.naming import quoted, table_name
from beamcat.database.pool import Database
from beamcat.errors import BadParameter, Unavailable
from beamcat.model import icat_entity
from beamcat.observability.logs import logger
from beamcat.search.language.meaning import Exactly, NameTest, Table, Together, WordSimilar, WordsLike
from beamcat.search.language.naming import fits
from beamcat.search.ontology import Ontology, read_ontology
from beamcat.search.tokens import fold, words

CHECKED_EVERY_S = 1.0
"""How long a table is trusted."""
REST = 20
"""A table that takes long to read is trusted for so many times as long, however often it changes."""
MOST_ROWS = 200_000
"""Rows of one table that are kept; names of older ones are not found."""

MEMBERS: Mapping[Table, Mapping[str, str]] = {
    Table.FACILITY: {"name": "name", "fullName": "full_name"},
    Table.INSTRUMENT: {"name": "name", "fullName": "full_name", "pid": "pid"},
    Table.FACILITY_CYCLE: {"name": "name"},
    Table.INVESTIGATION_TYPE: {"name": "name"},
    Table.DATASET_TYPE: {"name": "name"},
    Table.DATAFILE_FORMAT: {"name": "name"},
    Table.SAMPLE_TYPE: {"name": "name", "molecularFormula": "molecular_formula"},
    Table.TECHNIQUE: {"name": "name", "pid": "pid"},
    Table.PARAMETER_TYPE: {"name": "name", "units": "units", "valueType": "value_type"},
    Table.PUBLICATION_TYPE: {"name": "name"},
}
"""Table -> the members that are kept of it, and their columns. The first one is what people are told."""
_NO_NAMES = frozenset(("units", "valueType"))

_VERSIONS = """
SELECT entity, (SELECT max(position) FROM event WHERE event.entity = wanted.entity),
       (SELECT max(id) FROM event_inbox WHERE event_inbox.entity = wanted.entity)
  FROM unnest(%s::text[]) AS wanted (entity)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: the texts of its members, and what those above it are called."""

    id: int
    texts: Mapping[str, str]
    above: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What it is called."""
        return self.texts.get("name", str(self.id))


class SmallTable:
    """The rows of one table as they were at one moment, to be found by what they are called."""

    def __init__(self, rows: Iterable[Entry]) -> None:
        self.rows = {row.id: row for row in rows}
        self._wholes: dict[str, list[int]] = defaultdict(list)
        self._words: dict[str, list[int]] = defaultdict(list)
        for row in self.rows.values():
            names = list(_names(row, None))
            for whole in {fold(text).strip() for text in names}:
                self._wholes[whole].append(row.id)
            for word in {word for text in names for word in words(text)}:
                self._words[word].append(row.id)

    def called(self, test: NameTest, member: str | None = None) -> list[Entry]:
        """The rows of which the member passes the test; no member: any by which people know them. In order of ids."""
        if member == "id":
            return [row for row in self.rows.values() if fits(test, str(row.id))]
        found = [self.rows[id_] for id_ in sorted(self._candidates(test, member))]
        return [row for row in found if any(fits(test, text) for text in _names(row, member))]

    def beginning(self, prefix: str, most: int) -> list[Entry]:
        """Rows of which a word begins so: those whose name begins so first, then by name."""
        start = fold(prefix).strip()
        last = words(start)[-1:]
        if not last:
            return []
        ids = {id_ for word, held in self._words.items() if word.startswith(last[0]) for id_ in held}
        rows = [self.rows[id_] for id_ in ids]
        found = [
            (min(places), fold(row.label), row.id, row)
            for row in rows
            if (places := [_place(fold(text), start) for text in _names(row, None)]) and min(places) < _NOWHERE
        ]
        return [row for *_, row in sorted(found, key=lambda each: each[:3])[:most]]

    def _candidates(self, test: NameTest, member: str | None) -> Iterable[int]:
        if member in _NO_NAMES:
            return self.rows
        match test:
            case Exactly(text):
                return self._wholes.get(fold(text).strip(), ())
            case Together(wanted) if wanted:
                return set.intersection(*(set(self._words.get(word, ())) for word in wanted))
            case WordsLike(patterns):
                each = [self._with_word(WordsLike((pattern,))) for pattern in patterns]
                return set.intersection(*each) if each else ()
            case WordSimilar():
                return self._with_word(test)
            case _:
                return self.rows

    def _with_word(self, test: WordsLike | WordSimilar) -> set[int]:
        return {id_ for word, held in self._words.items() if fits(test, word) for id_ in held}


class SmallTables:
    """The tables, each as committed at most a second ago. One for a process."""

    def __init__(
        self, database: Database, ontology: Path | None = None, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._ontology_file = ontology
        self._ontology: Ontology | None = None
        self._ticks = ticks
        self._checked = float("-inf")
        self._checking = asyncio.Lock()
        self._versions: Mapping[str, tuple[int | None, int | None]] = {}
        self._tables: dict[Table, tuple[tuple[int | None, int | None], SmallTable]] = {}
        self._trusted: dict[Table, float] = {}

    async def get(self, tables: Iterable[Table]) -> dict[Table, SmallTable]:
        """These tables."""
        wanted = set(tables)
        if self._ticks() - self._checked >= CHECKED_EVERY_S or not self._are_fresh(wanted):
            async with self._checking:
                if self._ticks() - self._checked >= CHECKED_EVERY_S:
                    await self._check()
                for table in wanted:
                    if not self._are_fresh((table,)):
                        started, version = self._ticks(), self._versions[table.value]
                        self._tables[table] = (version, SmallTable(await self._read(table)))
                        self._trusted[table] = self._ticks() + REST * (self._ticks() - started)
        return {table: self._tables[table][1] for table in wanted}

    async def one(self, table: Table) -> SmallTable:
        """One table."""
        return (await self.get((table,)))[table]

    def _are_fresh(self, tables: Iterable[Table]) -> bool:
        return all(
            (held := self._tables.get(table)) is not None
            and (held[0] == self._versions.get(table.value) or self._ticks() < self._trusted[table])
            for table in tables
        )

    async def _check(self) -> None:
        started = self._ticks()
        async with self._database.connection() as connection:
            cursor = await connection.execute(_VERSIONS, [[table.value for table in MEMBERS]])
            self._versions = {entity: (position, id_) for entity, position, id_ in await cursor.fetchall()}
        self._checked = started

    async def _read(self, table: Table) -> list[Entry]:
        members = MEMBERS[table]
        columns = ", ".join(("id", *(quoted(column) for column in members.values())))
        source = quoted(table_name(icat_entity(table.value)))
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                f"SELECT {columns} FROM {source} ORDER BY id DESC LIMIT %s",  # noqa: S608
                [MOST_ROWS + 1],
            )
            rows = await cursor.fetchall()
        if len(rows) > MOST_ROWS:
            logger().warning("only the newest names of a table are found by search", entity=table.value, most=MOST_ROWS)
        entries = [_entry(row, members) for row in reversed(rows[:MOST_ROWS])]
        return entries if table is not Table.TECHNIQUE else await self._with_names_above(entries)

    async def _with_names_above(self, techniques: list[Entry]) -> list[Entry]:
        if self._ontology_file is None:
            return techniques
        if self._ontology is None:
            try:
                self._ontology = await asyncio.to_thread(read_ontology, self._ontology_file)
            except (BadParameter, OSError) as error:
                problem = f"search.language.technique_ontology in the settings cannot be used: {error}"
                raise Unavailable(problem) from error
        ontology = self._ontology
        return [replace(one, above=ontology.names(one.texts.get("pid", ""))) for one in techniques]


_NOWHERE = 3


def _place(text: str, start: str) -> int:
    if text == start:
        return 0
    if text.startswith(start):
        return 1
    return 2 if f" {start}" in f" {' '.join(words(text))}" else _NOWHERE


def _entry(row: Sequence[object], members: Mapping[str, str]) -> Entry:
    id_, *values = row
    assert isinstance(id_, int)
    return Entry(id_, {name: str(value) for name, value in zip(members, values, strict=True) if value is not None})


def _names(row: Entry, member: str | None) -> Iterable[str]:
    if member is not None:
        own = (row.texts[member],) if member in row.texts else ()
        return (*own, *row.above) if member == "name" else own
    return (*(text for name, text in row.texts.items() if name not in _NO_NAMES), *row.above)
