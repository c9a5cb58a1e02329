"""What a list is declared as: its rows, its columns, and how each is read, sorted, filtered and shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from beamcat.access.caller import Caller
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing


class Kind(Enum):
    """What the values of a column are: how they are filtered and told."""

    TEXT = "text"
    NUMBER = "number"
    SIZE = "size"
    DATE = "date"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Badge:
    """A state: which colour, which word, which icon."""

    state: str
    text: str
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as it is shown; `plain` is what a file of the list holds in its place."""

    text: str = ""
    plain: str | int | float = ""
    href: str = ""
    sub: str = ""
    moment: datetime | None = None
    badges: tuple[Badge, ...] = ()
    mono: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """An object and what was found for it beside, by the names of the list's `extras`."""

    thing: Thing
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Option:
    """One value that a column of choices may have.

    `condition` stands for itself where there is no path to compare. `word` names its text; without, it is called
    `value`.
    """

    value: str
    condition: str = ""
    word: str = ""


CellOf = Callable[[Asking, Row], Cell]
Extra = Callable[[Asking, Caller, Sequence[Thing]], Awaitable[Mapping[int, Any]]]
"""Finds something for all rows of a page at once, by id of the row's object."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    `path` is where the value stands, from the variable `it` or from one that `joins` adds to FROM. Without a path there
    is no sorting. `within` wraps the condition of its filter where the path leads through a to-many relation:
    `EXISTS (SELECT ii FROM it.investigationInstruments ii WHERE {})`; such a column is not sorted by either.
    """

    key: str
    kind: Kind = Kind.TEXT
    path: str = ""
    cell: CellOf | None = None
    joins: str = ""
    within: str = ""
    filtered: bool = True
    options: tuple[Option, ...] = ()
    asked_options: str = ""
    """Query of one column that gives the values to choose from."""
    facet: str = ""
    """What FROM needs so that `path` can be counted by value, such as ` JOIN it.investigationInstruments ii`."""
    years: str = ""
    """Path of a date, for choices that are its years."""
    nullable: bool = True
    prio: int = 2
    shown: bool = True
    numeric: bool = False
    """Set flush right, though it is neither a number nor a size."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The way from an object to the value, where `path` leads through to-one relations only."""
        variable, *rest = self.path.split(".")
        if variable == "it":
            return tuple(rest)
        return (*self.joins.split("it.")[-1].split()[0].split("."), *rest)

    @property
    def sortable(self) -> bool:
        """Whether a list can be sorted by it."""
        return bool(self.path) and not self.within

    @property
    def filterable(self) -> bool:
        """Whether a list can be filtered by it."""
        return self.filtered and bool(self.path or self.options or self.years)

    @property
    def right(self) -> bool:
        """Whether it is set flush right."""
        return self.numeric or self.kind in {Kind.NUMBER, Kind.SIZE}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of objects of an entity. The first column is the name of a row.

    `order` are keys of columns, with `-` before those that descend. `basket`: what a row is called there, if it can be
    put into it. `sizes`: path of what is added up for all rows. `seen_as`: the key of the words, where two lists share
    them.
    """

    key: str
    entity: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    include: tuple[str, ...] = ()
    extras: Mapping[str, Extra] = field(default_factory=dict)
    basket: str = ""
    sizes: str = ""
    card: CellOf | None = None
    """What cards show below their title; None: there are no cards."""
    picture: Callable[[Row], str] | None = None
    """The address of the picture of a card."""
    seen_as: str = ""

    @property
    def words(self) -> str:
        """Where its words stand."""
        return f"lists.{self.seen_as or self.key}"

    def column(self, key: str) -> Column | None:
        """The column of that key."""
        return next((column for column in self.columns if column.key == key), None)


@dataclass(frozen=True, slots=True)
class Within:
    """Which rows there are: a condition on `it`, read by `reader` in place of the visitor.

    `keep` are parameters of the page that its links keep. `without` are columns that say nothing here. `empty` names
    words for when there is nothing at all.
    """

    condition: str = ""
    reader: Caller | None = None
    keep: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    empty: str = ""
