"""A search as it stands in an address: `/search?q=perovskite&kind=dataset&f.instrument=ML07&f.energy=8..30 keV`.

The value of a filter is written as behind the colon of the parameter `filter` of `/api/search`; a field may be given
several times. A form says ranges by the fields `from.energy`, `to.energy` and `unit.energy`: they become one filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from beamcat.doors.search_words import filters_in
from beamcat.errors import BadParameter
from beamcat.portal.searching.kinds import BY_KEY, KINDS, KindFound
from beamcat.search.wanted import Filter, SortAsked, Wanted

PATH = "/search"
FILTER, LOW, HIGH, UNIT = "f.", "from.", "to.", "unit."
"""What the names of fields of the form begin with."""
MOST_FILTERS = 100
LONGEST = 10_000
"""Characters of a text, as in the interface for scripts."""
MOST_PANELS = 10
SPECIAL = ('"', "#", "\\")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for. `filters` are pairs of field and value; `panels` are parameters that are narrowed by value.

    `after` is the cursor of a further page.
    """

    text: str = ""
    kind: KindFound | None = None
    filters: tuple[tuple[str, str], ...] = ()
    sort: str = ""
    mine: bool = False
    panels: tuple[str, ...] = ()
    after: str = ""

    @property
    def asks(self) -> bool:
        """Whether anything is asked at all."""
        return bool(self.text or self.filters or self.mine)

    def filtered(self) -> tuple[Filter, ...]:
        """The filters for a search. Raises `BadParameter` for what cannot be read."""
        return filters_in(f"{_written(name)}:{value}" for name, value in self.filters)

    def wanted(self, entities: Sequence[str], **more: Any) -> Wanted:
        """The search. Raises `BadParameter` for filters that cannot be read."""
        sort = SortAsked.read(self.sort) if self.sort else None
        found = Wanted(
            text=self.text, entities=tuple(entities), filters=self.filtered(), sort=sort, after=self.after or None
        )
        return replace(found, mine=self.mine, **more)

    def parameters(self) -> list[tuple[str, str]]:
        """The same search for `/api/search`."""
        kind = [] if self.kind is None else [("kind", self.kind.key)]
        filters = [("filter", f"{_written(name)}:{value}") for name, value in self.filters]
        sort = [("sort", self.sort)] if self.sort else []
        mine = [("mine", "true")] if self.mine else []
        return [("q", self.text), *kind, *filters, *sort, *mine]

    def pairs(self, *, without: Iterable[str] = ()) -> list[tuple[str, str]]:
        """As it stands in an address, but for the fields `without`."""
        left_out = frozenset(without)
        every = [
            ("q", self.text),
            ("kind", self.kind.key if self.kind else ""),
            *((f"{FILTER}{name}", value) for name, value in self.filters),
            ("sort", self.sort),
            ("mine", "1" if self.mine else ""),
            *(("panel", name) for name in self.panels),
            ("after", self.after),
        ]
        return [(name, value) for name, value in every if value and name not in left_out]

    @property
    def address(self) -> str:
        """Path and query of the page."""
        pairs = self.pairs()
        return f"{PATH}?{urlencode(pairs, quote_via=quote, safe=':/,')}" if pairs else PATH

    def changed(self, **changes: Any) -> Asked:
        """Something else is asked: from its first page on."""
        return replace(self, **{"after": "", **changes})

    def of_kind(self, kind: KindFound | None) -> Asked:
        """The same of another kind."""
        return self.changed(kind=kind)

    def without_filter(self, name: str, value: str | None = None) -> Asked:
        """Without what narrows a field; with a `value`, only without that."""
        kept = tuple(one for one in self.filters if one[0] != name or (value is not None and one[1] != value))
        return self.changed(filters=kept)

    def with_filter(self, name: str, value: str) -> Asked:
        """Narrowed further."""
        return self.changed(filters=(*self.filters, (name, value)))


def asked_of(query: bytes) -> tuple[Asked, bool]:
    """What an address asks, and whether it is written as `Asked.address` writes it.

    Raises `BadParameter` for a text that is too long, or that no database holds.
    """
    text = query.decode("ascii", "replace")
    pairs = [(name, value.strip()) for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=1_000)]
    if any("\0" in value or "\0" in name or "\ufffd" in value for name, value in pairs):
        raise BadParameter("The address holds characters that are none")
    given = dict(reversed(pairs))
    if len(given.get("q", "")) > LONGEST:
        raise BadParameter(f"A search has at most {LONGEST} characters")
    filters = [(name.removeprefix(FILTER), value) for name, value in pairs if name.startswith(FILTER) and value]
    ranges = _ranges(given)
    kept = [one for one in filters if one[0] not in ranges or ".." not in one[1]]
    every = [*kept, *((name, value) for name, value in ranges.items() if value)]
    asked = Asked(
        text=given.get("q", ""),
        kind=BY_KEY.get(given.get("kind", "")),
        filters=tuple(dict.fromkeys(every))[:MOST_FILTERS],
        sort=given.get("sort", ""),
        mine=bool(given.get("mine")),
        panels=tuple(dict.fromkeys(value for name, value in pairs if name == "panel" and value))[:MOST_PANELS],
        after=given.get("after", ""),
    )
    plain = all(value and not name.startswith((LOW, HIGH, UNIT)) for name, value in pairs)
    return asked, plain


def written_value(value: str) -> str:
    """A text as the value of a filter, which is taken as it is."""
    if not value or value.startswith(SPECIAL) or ".." in value or value != value.strip():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return value


def read_value(value: str) -> str:
    """The text of such a value, for people."""
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value


def range_of(value: str) -> tuple[str, str, str] | None:
    """The bounds and the unit of the value of a filter; none: it is no range."""
    if value.startswith(SPECIAL):
        return None
    low, dots, rest = value.partition("..")
    if not dots:
        return None
    high, _, unit = rest.partition(" ")
    return low.strip(), high.strip().removeprefix("<"), unit.strip()


def entities_of(asked: Asked, indexed: Sequence[str]) -> tuple[str, ...]:
    """What is searched, in the order of the tabs."""
    if asked.kind is not None:
        return (asked.kind.entity,)
    return tuple(kind.entity for kind in KINDS if kind.entity in indexed)


def _ranges(given: dict[str, str]) -> dict[str, str]:
    """Field -> the range that a form says; empty: none any longer."""
    names = {name.removeprefix(LOW) for name in given if name.startswith(LOW)}
    names |= {name.removeprefix(HIGH) for name in given if name.startswith(HIGH)}
    found: dict[str, str] = {}
    for name in sorted(names):
        low, high = (_bound(given.get(f"{which}{name}", "")) for which in (LOW, HIGH))
        unit = given.get(f"{UNIT}{name}", "")
        found[name] = f"{low}..{high}{f' {unit}' if unit else ''}" if low or high else ""
    return found


def _bound(text: str) -> str:
    """A bound as it is typed: `1 200` and `1,5` in the manner of some languages, but no dates."""
    plain = "".join(text.split())
    return plain.replace(",", ".") if plain.count(",") == 1 and "-" not in plain[1:] else plain


def _written(name: str) -> str:
    """The field of a filter; behind a minus, what is not to be."""
    if name.startswith("-"):
        return f"-{_written(name[1:])}" if name[1:] else '"-"'
    if ":" in name or '"' in name:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return name
