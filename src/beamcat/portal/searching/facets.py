"""The column of filters: what narrows the hits, with how many would be left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from beamcat.portal.page import Asking
from beamcat.portal.searching.asked import FILTER, Asked, range_of, read_value, written_value
from beamcat.portal.searching.kinds import MIXED_FACETS, field_of
from beamcat.portal.searching.notes import field_word
from beamcat.search.guide import GuidedParameter, Holds, parameter_guide
from beamcat.search.service import Search
from beamcat.search.spreads import Spread, spread
from beamcat.search.unit_choices import choices
from beamcat.search.wanted import FacetAsked, FacetFound, FacetValue, RangeAsked

MOST = 8
"""Values of a facet that are shown at once."""
MOST_OPENED = 100
"""Values of the one that somebody wants to see more of."""
MOST_PARAMETERS = 12
DATE, SIZE, PARAMETER, TECHNIQUE = "date", "fileSize", "parameter", "technique"
SIZES: tuple[tuple[float | None, float | None], ...] = (
    (None, 1e6),
    (1e6, 1e9),
    (1e9, 1e11),
    (1e11, 1e12),
    (1e12, None),
)
"""In bytes; the upper end does not belong to a range."""
PLOT_WIDTH, PLOT_HEIGHT = 240.0, 48.0


@dataclass(frozen=True, slots=True)
class Choice:
    """One value: the field of the form with its `value`, and what it would leave."""

    id: str
    name: str
    value: str
    label: str
    count: int | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One column of a plot, in its coordinates."""

    x: float
    y: float
    width: float
    height: float
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """One part of the column. `kind`: choices, one (of several), range, text, or parameters.

    `low`, `high` and `unit` are what a range says; `units` those that it can be said in. `hint` says what that is in
    the unit in which values are told. `removal` is the address without this panel.
    """

    key: str
    word: str
    kind: str
    is_open: bool
    choices: tuple[Choice, ...] = ()
    bars: tuple[Bar, ...] = ()
    low: str = ""
    high: str = ""
    unit: str = ""
    units: tuple[str, ...] = ()
    hint: str = ""
    more: str = ""
    removal: str = ""
    links: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Facets:
    """All panels; `hidden` are the fields that no panel shows and that the form has to keep."""

    panels: tuple[Panel, ...]
    hidden: tuple[tuple[str, str], ...] = field(default=())


def asked_facets(asked: Asked, opened: str) -> tuple[FacetAsked, ...]:
    """What is to be counted; of the one that is `opened`, more values."""
    facets = []
    for name in names_of(asked):
        match name:
            case "date":
                facets.append(FacetAsked(name, interval="year"))
            case "fileSize":
                facets.append(FacetAsked(name, ranges=tuple(RangeAsked(low, high) for low, high in SIZES)))
            case _:
                facets.append(FacetAsked(name, MOST_OPENED if name == opened else MOST + 1))
    if asked.kind is not None and field_of(asked.kind.entity, PARAMETER) is not None:
        facets.append(FacetAsked(PARAMETER, MOST_OPENED if opened == PARAMETER else MOST_PARAMETERS + 1))
    return tuple(facets)


def names_of(asked: Asked) -> tuple[str, ...]:
    """The fields that are narrowed by, in order."""
    return MIXED_FACETS if asked.kind is None else asked.kind.facets


async def facets_told(
    asking: Asking, search: Search, asked: Asked, found: Sequence[FacetFound], *, opened: str
) -> Facets:
    """The column for what was counted."""
    return await _Column(asking, search, asked, found, opened).facets()


class _Column:
    """Makes the column of one search."""

    def __init__(self, asking: Asking, search: Search, asked: Asked, found: Sequence[FacetFound], opened: str) -> None:
        self._asking, self._search, self._asked, self._opened = asking, search, asked, opened
        self._t, self._f = asking.visitor.words, asking.formatting
        self._counted: dict[str, list[FacetFound]] = {}
        for one in found:
            self._counted.setdefault(one.field, []).append(one)
        self._shown: set[tuple[str, str]] = set()

    async def facets(self) -> Facets:
        """All panels, open where something is chosen, and the first three."""
        panels: list[Panel] = []
        for name in names_of(self._asked):
            panel = self._range(name) if name == DATE else self._sizes() if name == SIZE else self._choices(name)
            if panel is not None:
                panels.append(panel)
        parameters = await self._parameters()
        panels = [*(one for one in parameters if one.removal), *panels, *(one for one in parameters if not one.removal)]
        hidden = [(f"{FILTER}{name}", value) for name, value in self._asked.filters if (name, value) not in self._shown]
        kept = [("panel", name) for name in self._asked.panels]
        return Facets(tuple(panels), (*hidden, *kept))

    def _word(self, name: str) -> str:
        """What the field is called, as a heading."""
        word = field_word(self._t, name)
        return word[:1].upper() + word[1:]

    def _values(self, name: str) -> list[FacetValue]:
        """What was counted of a field, of all kinds together, the most frequent first."""
        found = self._counted.get(name, [])
        if len(found) == 1:
            return list(found[0].values)
        together: dict[object, FacetValue] = {}
        for one in found:
            for value in one.values:
                before = together.get(value.value)
                count = value.count + (before.count if before else 0)
                together[value.value] = FacetValue(
                    value.value, value.label, count, value.low, value.high, chosen=value.chosen
                )
        every = list(together.values())
        if name == DATE:
            return sorted(every, key=lambda value: value.label)
        return sorted(every, key=lambda value: (-value.count, value.label))

    def _chosen(self, name: str) -> list[str]:
        return [value for field_name, value in self._asked.filters if field_name == name]

    def _choices(self, name: str) -> Panel | None:
        chosen = self._chosen(name)
        values = self._values(name)
        most = MOST_OPENED if name == self._opened else MOST
        told: list[Choice] = []
        for at, value in enumerate(values[:most] + [one for one in values[most:] if one.chosen]):
            by_id = f"#{value.value}"
            text = by_id if by_id in chosen else written_value(value.label)
            told.append(self._choice(name, at, text, value.label, value.count, chosen=text in chosen))
        shown = {choice.value for choice in told}
        left = [value for value in chosen if value not in shown and range_of(value) is None]
        told += [
            self._choice(name, len(told) + at, one, read_value(one), None, chosen=True) for at, one in enumerate(left)
        ]
        if not told:
            return None
        more = self._asked.pairs() if len(values) > most else None
        return Panel(
            name,
            self._word(name),
            "choices",
            self._is_open(name, bool(chosen)),
            tuple(told),
            more="" if more is None else self._more(name),
        )

    def _choice(self, name: str, at: int, value: str, label: str, count: int | None, *, chosen: bool) -> Choice:
        if chosen:
            self._shown.add((name, value))
        return Choice(f"f-{name.replace('.', '-')}-{at}", f"{FILTER}{name}", value, label, count, chosen)

    def _more(self, name: str) -> str:
        address = self._asked.address
        return f"{address}{'&' if '?' in address else '?'}more={name}"

    def _is_open(self, name: str, chosen: bool) -> bool:
        return chosen or name == self._opened or name in names_of(self._asked)[:3]

    def _range(self, name: str) -> Panel | None:
        """Years to choose, and from when to when."""
        values = self._values(name)
        chosen = self._chosen(name)
        low, high = self._bounds(name)
        years = sorted(values, key=lambda value: value.label)[-15:]
        told = [
            self._choice(name, at, value.label, value.label, value.count, chosen=value.label in chosen)
            for at, value in enumerate(reversed(years))
            if value.count
        ]
        if not told and not chosen:
            return None
        top = max((value.count for value in years), default=0)
        bars = _bars(
            [(value.label, value.count, not chosen or value.label in chosen or bool(low or high)) for value in years],
            top,
        )
        return Panel(name, self._word(name), "dates", self._is_open(name, bool(chosen)), tuple(told), bars, low, high)

    def _bounds(self, name: str) -> tuple[str, str]:
        """The bounds of the filter that is a range."""
        for value in self._chosen(name):
            if (found := range_of(value)) is not None:
                self._shown.add((name, value))
                return found[0], found[1]
        return "", ""

    def _sizes(self) -> Panel | None:
        """Ranges of sizes, of which one is chosen."""
        chosen = self._chosen(SIZE)
        counted = {(value.low, value.high): value.count for value in self._values(SIZE)}
        told = []
        for at, (low, high) in enumerate(SIZES):
            value = f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'<{high:g}'}".replace("e+", "e")
            count = counted.get((low, high), 0)
            if count or value in chosen:
                told.append(self._choice(SIZE, at, value, self._size(low, high), count, chosen=value in chosen))
        if not any(choice.count for choice in told) and not chosen:
            return None
        word = self._word(SIZE)
        anything = Choice("f-fileSize-any", f"{FILTER}{SIZE}", "", self._t("searching.any"), None, not chosen)
        return Panel(SIZE, word, "one", self._is_open(SIZE, bool(chosen)), (anything, *told))

    def _size(self, low: float | None, high: float | None) -> str:
        if low is None:
            return self._t("searching.below", bound=self._f.size(int(high or 0)))
        if high is None:
            return self._t("searching.from", bound=self._f.size(int(low)))
        return f"{self._f.size(int(low))} – {self._f.size(int(high))}"

    async def _parameters(self) -> list[Panel]:
        """A panel for each parameter that is narrowed by, and one to choose among the others."""
        asked = self._asked
        if asked.kind is None:
            return []
        entity = asked.kind.entity
        open_ones = dict.fromkeys(asked.panels)
        for name, _ in asked.filters:
            if field_of(entity, name) is None and not name.startswith("-") and "." not in name:
                open_ones.setdefault(name)
        panels = []
        if open_ones:
            known, _ = await parameter_guide(self._asking.core.searches, self._asking.visitor.reader, (entity,))
            by_name: dict[str, GuidedParameter] = {}
            for one in known:
                by_name.setdefault(one.name.lower(), one)
            for name in open_ones:
                if (parameter := by_name.get(name.lower())) is not None:
                    panels.append(await self._parameter(name, parameter))
        links = []
        for value in self._values(PARAMETER):
            name = value.label.rpartition(" (")[0] if value.label.endswith(")") else value.label
            if name not in open_ones:
                address = asked.changed(panels=(*asked.panels, name)).address
                links.append((value.label.replace(" (N/A)", "").replace(" (1)", ""), address, value.count))
        if links:
            most = len(links) if self._opened == PARAMETER else MOST_PARAMETERS
            panels.append(
                Panel(
                    PARAMETER,
                    self._word(PARAMETER),
                    "parameters",
                    self._opened == PARAMETER,
                    links=tuple(links[:most]),
                    more=self._more(PARAMETER) if len(links) > most else "",
                )
            )
        return panels

    async def _parameter(self, name: str, parameter: GuidedParameter) -> Panel:
        asked = self._asked
        assert asked.kind is not None
        chosen = self._chosen(name)
        removal = asked.without_filter(name).changed(panels=tuple(one for one in asked.panels if one != name)).address
        if parameter.holds is not Holds.NUMBER:
            kind = "dates" if parameter.holds is Holds.DATE else "text"
            if kind == "dates":
                low, high = self._bounds(name)
                return Panel(name, name, kind, True, low=low, high=high, removal=removal)
            text = next((one for one in chosen if range_of(one) is None), "")
            self._shown.add((name, text))
            return Panel(name, name, kind, True, low=read_value(text), removal=removal)
        low = high = unit = ""
        for value in chosen:
            if (found := range_of(value)) is not None:
                self._shown.add((name, value))
                low, high, unit = found
        counted = await spread(self._search, self._asking.visitor.reader, asked.wanted((asked.kind.entity,)), name)
        own = parameter.units if parameter.units not in {"", "1", "N/A"} else ""
        language = await self._search.parts.language.get()
        units = choices(language.units, own) if own else ()
        if unit and unit not in units:
            units = (*units, unit)

        def in_own(text: str) -> float | None:
            try:
                number = float(text)
            except ValueError:
                return None
            return language.units.convert(number, unit or own, own) if own else number

        limits = (in_own(low), in_own(high))
        return Panel(
            name,
            name,
            "range",
            True,
            bars=() if counted is None else self._spread(counted, limits),
            low=low,
            high=high,
            unit=unit or own,
            units=units,
            hint=self._hint(counted, limits, own, converted=bool(unit) and unit != own),
            removal=removal,
        )

    def _spread(self, counted: Spread, limits: tuple[float | None, float | None]) -> tuple[Bar, ...]:
        low, high = limits
        top = max(column.count for column in counted.columns)
        columns = [
            (
                f"{self._f.value(column.low)} – {self._f.value(column.high)} {counted.unit}",
                column.count,
                (low is None or column.high > low) and (high is None or column.low <= high),
            )
            for column in counted.columns
        ]
        return _bars(columns, top)

    def _hint(
        self, counted: Spread | None, limits: tuple[float | None, float | None], own: str, *, converted: bool
    ) -> str:
        if converted and any(limit is not None for limit in limits):
            low, high = ("" if limit is None else self._f.value(limit) for limit in limits)
            return self._t("searching.that_is", range=f"{low} – {high} {own}".strip())
        if counted is None:
            return ""
        unit = f" {counted.unit}" if counted.unit not in {"", "1", "N/A"} else ""
        return self._t("searching.values", range=f"{self._f.value(counted.low)} – {self._f.value(counted.high)}{unit}")


def chips(
    asking: Asking,
    asked: Asked,
    labels: Mapping[tuple[str, str], str],
    narrower: Mapping[str, Sequence[str]],
) -> list[tuple[str, str, str]]:
    """The filters as field, value in words, and the address without it.

    `labels` are what values by id are called, `narrower` the techniques that a name stands for.
    """
    t = asking.visitor.words
    told = []
    for name, value in asked.filters:
        word = field_word(t, name)
        text = labels.get((name.lstrip("-"), value)) or read_value(value)
        found = range_of(value)
        if name == SIZE and found is not None:
            text = _size_text(asking, value)
        elif found is not None:
            low, high, unit = found
            bounds = f"{low} – {high}" if low and high else f"≥ {low}" if low else f"≤ {high}"
            text = f"{bounds} {unit}".strip()
        below = [one for one in narrower.get(text, ()) if one != text] if name.lstrip("-") == TECHNIQUE else []
        if below:
            text = t("searching.and_narrower", text=text, names=", ".join(below))
        if name.startswith("-"):
            text = t("searching.not", text=text)
        told.append((word, text, asked.without_filter(name, value).address))
    return told


def labels_of_ids(found: Sequence[FacetFound]) -> Mapping[tuple[str, str], str]:
    """Field and value of filters by id -> what it is called, as far as facets have told."""
    return {(one.field, f"#{value.value}"): value.label for one in found for value in one.values}


def _size_text(asking: Asking, value: str) -> str:
    found = range_of(value)
    assert found is not None
    told = []
    for bound in found[:2]:
        try:
            told.append(asking.formatting.size(int(float(bound))) if bound else "")
        except (ValueError, OverflowError):
            told.append(bound)
    low, high = told
    return f"{low} – {high}" if low and high else f"≥ {low}" if low else f"< {high}"


def _bars(columns: Sequence[tuple[str, int, bool]], top: int) -> tuple[Bar, ...]:
    if not columns or not top:
        return ()
    width = PLOT_WIDTH / len(columns)
    bars = []
    for at, (label, count, chosen) in enumerate(columns):
        height = 0.0 if not count else max(1.5, (PLOT_HEIGHT - 2) * count / top)
        bars.append(
            Bar(
                round(at * width + 0.5, 1),
                round(PLOT_HEIGHT - height, 1),
                round(min(width - 1, 24), 1),
                round(height, 1),
                label,
                count,
                chosen,
            )
        )
    return tuple(bars)
