"""The finished values of a list: what its template loops over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

from beamcat.catalogue.summaries import Counted
from beamcat.portal.formatting import NONE
from beamcat.portal.lists.asked import Asked
from beamcat.portal.lists.declaring import Badge, Cell, Column, Kind, ListOf, Row
from beamcat.portal.lists.programs import Programs
from beamcat.portal.lists.state import HOWS, Sort, State
from beamcat.portal.page import Asking


@dataclass(frozen=True, slots=True)
class Choice:
    """A value to choose; `number` is how many rows have it, where that has been counted."""

    value: str
    text: str
    chosen: bool = False
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """The fields that filter by a column."""

    key: str
    kind: str
    label: str
    text: str = ""
    how: str = ""
    hows: tuple[Choice, ...] = ()
    low: str = ""
    high: str = ""
    choices: tuple[Choice, ...] = ()
    wrong: str = ""
    counted: bool = False

    @property
    def used(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.text or self.low or self.high or any(choice.chosen for choice in self.choices))


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column. `sort` is what its button asks for."""

    key: str
    label: str
    prio: int
    right: bool
    sort: str
    sorted: str
    place: int
    width: int | None
    filter: Filter | None


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row: its name, the other cells in the order of the heads, and what cards and narrow tables show."""

    id: int
    name: Cell
    cells: tuple[Cell, ...]
    folded: str
    badges: tuple[Badge, ...]
    size: int
    card: Cell | None
    picture: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in words, and the address without it."""

    label: str
    text: str
    without: str


@dataclass(frozen=True, slots=True)
class Place:
    """A column in the sheet of columns."""

    key: str
    label: str
    shown: bool
    width: int | None
    fixed: bool


@dataclass(frozen=True, slots=True)
class Empty:
    """Why there is nothing: words, and a way out."""

    title: str
    text: str
    way: str = ""
    href: str = ""
    icon: str = "search"


@dataclass(frozen=True, slots=True)
class Links:
    """Where a list leads."""

    itself: str
    table: str
    cards: str
    csv: str
    all: str
    first: str
    last: str
    after: str
    before: str
    more: str
    count: str
    facets: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A list as it is shown."""

    list: ListOf
    key: str
    path: str
    posts: str
    """Where its forms are posted: the page with the parameters it keeps."""
    label: str
    state: State
    links: Links
    heads: tuple[Head, ...]
    rows: tuple[ShownRow, ...]
    filters: tuple[Filter, ...]
    hidden: tuple[tuple[str, str], ...]
    """What the filter row has no field for."""
    kept: tuple[tuple[str, str], ...]
    """What no field of filters has: order, columns, view, and what the page keeps."""
    chips: tuple[Chip, ...]
    sorted: str
    counted: Counted | None
    at_most: int
    places: tuple[Place, ...]
    views: Mapping[str, str]
    programs: Programs
    empty: Empty | None
    number: int
    """Rows shown from the beginning."""

    @property
    def facets(self) -> Sequence[Filter]:
        """The filters below each other: that of the name, then choices, then the others."""
        return sorted(self.filters, key=lambda field: (field.key != self.filters[0].key, field.kind != "choice"))

    @property
    def pickable(self) -> bool:
        """Whether rows can be ticked."""
        return bool(self.list.basket)


def cell_of(asking: Asking, column: Column, row: Row) -> Cell:
    """How a column shows a row."""
    if column.cell is not None:
        return column.cell(asking, row)
    value = reduce(lambda one, step: None if one is None else getattr(one, step), column.steps, row.thing)
    return told(asking, column.kind, value)


def told(asking: Asking, kind: Kind, value: object) -> Cell:
    """A value as people read it, and as programs do."""
    if value is None or value == "":
        return Cell(NONE)
    match kind, value:
        case Kind.DATE, datetime():
            return Cell(asking.formatting.date(value), iso(value), moment=value)
        case Kind.SIZE, int():
            return Cell(asking.formatting.size(value) if value else NONE, value)
        case Kind.NUMBER, int() | float():
            return Cell(asking.formatting.number(value) if value else NONE, value)
        case _:
            return Cell(str(value), str(value))


def iso(moment: datetime) -> str:
    """For programs."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def shown_row(asking: Asking, list_: ListOf, columns: Sequence[Column], row: Row) -> ShownRow:
    """A row in columns of which the first is the name."""
    name, *others = (cell_of(asking, column, row) for column in columns)
    facts = [
        cell.text
        for column, cell in zip(columns[1:], others, strict=True)
        if column.prio == 2 and column.kind is not Kind.NUMBER and cell.text not in {"", NONE} and not cell.badges
    ]
    badges = tuple(badge for cell in others for badge in cell.badges)
    size = row.thing.fileSize if list_.sizes else 0
    return ShownRow(
        row.thing.id,
        name,
        tuple(others),
        " · ".join(facts[:3]),
        badges,
        size or 0,
        None if list_.card is None else list_.card(asking, row),
        "" if list_.picture is None else list_.picture(row),
    )


def columns_of(list_: ListOf, state: State, without: frozenset[str]) -> list[Column]:
    """The columns that are shown, in their order, the name first."""
    chosen = [column for key in state.columns if (column := list_.column(key)) is not None]
    columns = chosen or [column for column in list_.columns if column.shown]
    name = list_.columns[0]
    return [name, *(column for column in columns if column.key not in without and column is not name)]


def label_of(asking: Asking, list_: ListOf, column: Column) -> str:
    """What a column is called."""
    words = asking.visitor.words
    own = f"{list_.words}.columns.{column.key}"
    return words(own) if words.has(own) else words(f"lists.columns.{column.key}")


def heads_of(asking: Asking, asked: Asked, columns: Sequence[Column], filters: Sequence[Filter]) -> tuple[Head, ...]:
    """The heads, each with what sorting by it asks for: by it first, by what came first before second."""
    sort, widths = asked.sort, asked.looks.widths
    by_key = {field.key: field for field in filters}
    found = []
    for column in columns:
        place = next((number for number, key in enumerate(sort) if key.key == column.key), None)
        now = None if place is None else sort[place]
        down = not now.down if now is not None and place == 0 else column.kind in {Kind.DATE, Kind.SIZE, Kind.NUMBER}
        others = [key for key in sort if key.key != column.key]
        wanted = ",".join(key.text for key in [Sort(column.key, down), *others[:2]])
        found.append(
            Head(
                column.key,
                label_of(asking, asked.list, column),
                column.prio,
                column.right,
                wanted if column.sortable else "",
                "none" if now is None else "descending" if now.down else "ascending",
                0 if place is None else place + 1,
                widths.get(column.key),
                by_key.get(column.key),
            )
        )
    return tuple(found)


def sorted_by(asking: Asking, list_: ListOf, sort: Sequence[Sort]) -> str:
    """`sorted by start, newest first, then by title`."""
    words = asking.visitor.words
    told_keys = []
    for number, key in enumerate(sort[:3]):
        column = list_.column(key.key)
        if column is None:
            continue
        direction = words(f"lists.sorted.{column.kind.value}_{'down' if key.down else 'up'}")
        label = label_of(asking, list_, column)
        told_keys.append(
            words("lists.sorted.by" if number == 0 else "lists.sorted.then", column=label, direction=direction)
        )
    return ", ".join(told_keys)


def hows_of(asking: Asking, chosen: str) -> tuple[Choice, ...]:
    """The ways to compare a text."""
    return tuple(Choice(how, asking.visitor.words(f"lists.how.{how}"), how == chosen) for how in HOWS)
