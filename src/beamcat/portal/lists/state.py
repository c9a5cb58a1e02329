"""The state of a list, as its address has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from beamcat.portal.lists.declaring import Kind, ListOf, Within

HOWS = ("has", "not", "is")
"""How a text is compared."""
MOST_ROWS = 500
MOST_KEYS = 4
"""Columns that a list is sorted by."""
NARROWEST, WIDEST = 4, 60
"""Widths of columns, in rem."""
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Sort:
    """A column and a direction."""

    key: str
    down: bool

    @property
    def text(self) -> str:
        """As the address has it."""
        return f"-{self.key}" if self.down else self.key


@dataclass(frozen=True, slots=True)
class Place:
    """Which page: the first, the one after or before a row, or the last."""

    after: str = ""
    before: str = ""
    last: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What is asked of a list. What made no sense in the address is left out of it."""

    texts: Mapping[str, str]
    hows: Mapping[str, str]
    chosen: Mapping[str, tuple[str, ...]]
    lows: Mapping[str, str]
    highs: Mapping[str, str]
    sort: tuple[Sort, ...]
    columns: tuple[str, ...]
    """In their order; empty: as usual."""
    widths: Mapping[str, int]
    view: str = "table"
    rows: int | None = None
    place: Place = Place()
    count: bool = False

    @property
    def filtered(self) -> bool:
        """Whether there is any filter."""
        return bool(self.texts or self.chosen or self.lows or self.highs)

    def filters(self) -> list[tuple[str, str]]:
        """The parameters of its filters."""
        found = [(f"f.{key}", text) for key, text in self.texts.items()]
        found += [(f"how.{key}", self.hows[key]) for key in self.texts if self.hows.get(key, "has") != "has"]
        found += [(f"f.{key}", value) for key, values in self.chosen.items() for value in values]
        found += [(f"from.{key}", text) for key, text in self.lows.items()]
        return found + [(f"to.{key}", text) for key, text in self.highs.items()]

    def parameters(self) -> list[tuple[str, str]]:
        """All of it but the place, for addresses."""
        found = self.filters()
        if self.sort:
            found.append(("sort", ",".join(key.text for key in self.sort)))
        if self.columns:
            found.append(("cols", ",".join(self.columns)))
        if self.widths:
            found.append(("wide", ",".join(f"{key}:{width}" for key, width in self.widths.items())))
        if self.view != "table":
            found.append(("view", self.view))
        return found

    def without_filters(self) -> State:
        """The same list with all of its rows."""
        return replace(self.begun(), texts={}, hows={}, chosen={}, lows={}, highs={})

    def without(self, key: str) -> State:
        """The same list without the filter of a column."""

        def left(values: Mapping[str, str]) -> Mapping[str, str]:
            return {name: value for name, value in values.items() if name != key}

        chosen = {name: value for name, value in self.chosen.items() if name != key}
        return replace(
            self.begun(), texts=left(self.texts), chosen=chosen, lows=left(self.lows), highs=left(self.highs)
        )

    def seen_as(self, view: str) -> State:
        """The same list as a table or as cards."""
        return replace(self.begun(), view=view)

    def begun(self) -> State:
        """The same list from its beginning."""
        return replace(self, rows=None, place=Place(), count=False)


def read_state(list_: ListOf, parameters: Iterable[tuple[str, str]]) -> State:
    """The state that the parameters of an address or of a form say."""
    texts: dict[str, str] = {}
    hows: dict[str, str] = {}
    chosen: dict[str, list[str]] = {}
    lows: dict[str, str] = {}
    highs: dict[str, str] = {}
    plain: dict[str, str] = {}
    for name, given in parameters:
        kind, dot, key = name.partition(".")
        value = given.strip()[:LONGEST_TEXT].replace("\0", "")
        column = list_.column(key) if dot else None
        if not dot:
            plain.setdefault(name, value)
        elif column is None or not column.filterable or not value:
            continue
        elif kind == "f" and column.kind is Kind.CHOICE:
            if value not in chosen.setdefault(key, []):
                chosen[key].append(value)
        elif kind == "f":
            texts.setdefault(key, value)
        elif kind == "how" and value in HOWS:
            hows[key] = value
        elif kind == "from":
            lows[key] = value
        elif kind == "to":
            highs[key] = value
    return State(
        texts,
        hows,
        {key: tuple(values) for key, values in chosen.items()},
        lows,
        highs,
        read_sort(list_, plain.get("sort", "")),
        read_columns(list_, plain.get("cols", "")),
        read_widths(list_, plain.get("wide", "")),
        "cards" if plain.get("view") == "cards" and list_.card is not None else "table",
        min(int(plain["rows"]), MOST_ROWS) if plain.get("rows", "").isdecimal() and plain["rows"] != "0" else None,
        Place(plain.get("after", ""), plain.get("before", ""), plain.get("last") == "1"),
        plain.get("count") == "1",
    )


def read_sort(list_: ListOf, text: str) -> tuple[Sort, ...]:
    """What `-start,title` means for a list."""
    found: dict[str, Sort] = {}
    for part in text.split(","):
        sort = Sort(part.removeprefix("-"), part.startswith("-"))
        column = list_.column(sort.key)
        if column is not None and column.sortable:
            found.setdefault(sort.key, sort)
    return tuple(found.values())[:MOST_KEYS]


def read_columns(list_: ListOf, text: str) -> tuple[str, ...]:
    """The columns of a text that there are, the name first or where it stands."""
    found = tuple(dict.fromkeys(key for key in text.split(",") if list_.column(key) is not None))
    name = list_.columns[0].key
    return found if not found or name in found else (name, *found)


def read_widths(list_: ListOf, text: str) -> dict[str, int]:
    """What `title:30,start:10` means."""
    found: dict[str, int] = {}
    for part in text.split(","):
        key, _, width = part.partition(":")
        if list_.column(key) is not None and width.isdecimal():
            found[key] = min(max(int(width[:3]), NARROWEST), WIDEST)
    return found


def address_of(path: str, within: Within, parameters: Iterable[tuple[str, str]]) -> str:
    """A link to a list, with the parameters that its page keeps."""
    query = urlencode([*within.keep.items(), *parameters], quote_via=quote, safe=",:/")
    return f"{path}?{query}" if query else path
