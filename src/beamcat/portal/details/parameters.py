"""Parameters of a record: in groups, found by words, in the unit that somebody likes to read.

What is on screen is in the address: `find=` for the words, `units=17:eV,23:mm` for parameters that are shown in
another unit than they were recorded in.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from beamcat.portal.details.parameter_groups import OTHER, SUBJECTS, prefix, subject
from beamcat.portal.page import Asking, address
from beamcat.portal.reading import Thing
from beamcat.search.unit_choices import choices
from beamcat.search.units import Units, shared_units

NO_UNITS = frozenset(("", "1", "N/A", "n/a", "-", "none", "None", "dimensionless"))
"""What facilities write where there is no unit."""
MOST_UNITS = 100
"""Parameters of one page that are shown in other units."""
AT_LEAST = 3
"""Parameters with the same beginning that make a group of their own."""
FOLDED_FROM = 60
"""Parameters from which on only the first groups are unfolded."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A parameter as it is shown. `copied` is its value as recorded, without a unit.

    `was` says how it was recorded, where it is shown in another unit; `next_unit` is the address with the next unit.
    """

    id: int
    name: str
    told: str
    value: str
    copied: str
    unit: str = ""
    was: str = ""
    next_unit: str = ""
    next_address: str = ""
    limits: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that belong together."""

    title: str
    parameters: tuple[Shown, ...]
    unfolded: bool


@dataclass(frozen=True, slots=True)
class Parameters:
    """All parameters of a record, of which those are shown that were asked for."""

    groups: tuple[Group, ...]
    total: int
    found: int
    words: str
    units: str


async def parameters_of(asking: Asking, recorded: Sequence[Thing], tab: str) -> Parameters:
    """The parameters in their groups, as the address asks for them."""
    units = await asyncio.to_thread(shared_units, asking.core.settings.search.language.units)
    wanted = _wanted_units(asking.query.get("units", ""))
    words = asking.query.get("find", "").strip()
    readable = [each for each in recorded if each.type is not None]
    showing = _Showing(asking, units, wanted, words, tab)
    found = [each for each in readable if _fits(each, words)]
    prefixes = Counter(filter(None, (prefix(each.type.name) for each in readable)))
    by_title: dict[str, list[Shown]] = {}
    t = asking.visitor.words
    order = {t(f"details.group.{key}"): place for place, key in enumerate(SUBJECTS)}
    for each in sorted(found, key=lambda one: one.type.name.lower()):
        beginning = prefix(each.type.name)
        own = beginning if beginning and prefixes[beginning] >= AT_LEAST and subject(beginning) is None else None
        title = own or t(f"details.group.{subject(each.type.name) or OTHER}")
        by_title.setdefault(title, []).append(showing.shown(each))
    other = t(f"details.group.{OTHER}")
    titles = sorted(by_title, key=lambda one: (one == other, order.get(one, len(order)), one))
    shown_so_far, groups = 0, []
    for title in titles:
        groups.append(Group(title, tuple(by_title[title]), bool(words) or shown_so_far < FOLDED_FROM))
        shown_so_far += len(by_title[title])
    return Parameters(tuple(groups), len(readable), len(found), words, asking.query.get("units", ""))


class _Showing:
    """How parameters are shown to one visitor."""

    def __init__(self, asking: Asking, units: Units, wanted: dict[int, str], words: str, tab: str) -> None:
        self._asking, self._units, self._wanted, self._words, self._tab = asking, units, wanted, words, tab

    def shown(self, recorded: Thing) -> Shown:
        kind = recorded.type
        asking, f = self._asking, self._asking.formatting
        unit = "" if kind.units.strip() in NO_UNITS else kind.units
        told = kind.description or kind.name
        if recorded.dateTimeValue is not None:
            moment: datetime = recorded.dateTimeValue
            return Shown(recorded.id, kind.name, told, f.moment(moment), f.iso(moment))
        if recorded.numericValue is None and recorded.rangeBottom is None and recorded.rangeTop is None:
            text = recorded.stringValue or ""
            return Shown(recorded.id, kind.name, told, text, text, unit)
        copied = (
            f"{recorded.numericValue:.15g}"
            if recorded.numericValue is not None
            else f"{recorded.rangeBottom} {recorded.rangeTop}"
        )
        offered = choices(self._units, unit) if unit else (unit,)
        chosen = self._wanted.get(recorded.id, unit)
        if chosen not in offered:
            chosen = unit
        value = self._number(recorded, unit, chosen)
        if value is None:
            chosen, value = unit, self._number(recorded, unit, unit) or ""
        was = ""
        if chosen != unit:
            was = asking.visitor.words("details.recorded_as", value=f"{self._number(recorded, unit, unit)} {unit}")
        following = offered[(offered.index(chosen) + 1) % len(offered)] if len(offered) > 1 else ""
        return Shown(
            recorded.id,
            kind.name,
            told,
            value,
            copied,
            chosen,
            was,
            following,
            self._address(recorded.id, following, unit) if following else "",
        )

    def _number(self, recorded: Thing, unit: str, chosen: str) -> str | None:
        """The value, with its error, or the range, in the unit that is chosen; None when it cannot be told in it."""
        f = self._asking.formatting

        def told(value: float | None) -> str | None:
            if value is None:
                return None
            converted = value if chosen == unit else self._units.convert(value, unit, chosen)
            return None if converted is None else f.value(converted)

        if recorded.numericValue is None:
            ends = [told(recorded.rangeBottom), told(recorded.rangeTop)]
            there = [end for end in ends if end is not None]
            return self._asking.visitor.words("details.from_to", low=there[0], high=there[-1]) if there else None
        value = told(recorded.numericValue)
        if value is None or not recorded.error:
            return value
        zero = 0.0 if chosen == unit else self._units.convert(0.0, unit, chosen)
        margin = recorded.error if chosen == unit else self._units.convert(recorded.error, unit, chosen)
        return value if margin is None or zero is None else f"{value} ± {f.value(margin - zero)}"

    def _address(self, identifier: int, unit: str, recorded_in: str) -> str:
        """This page with one parameter in another unit."""
        wanted = {key: value for key, value in self._wanted.items() if key != identifier}
        if unit != recorded_in:
            wanted[identifier] = unit
        told = ",".join(f"{key}:{value}" for key, value in list(wanted.items())[-MOST_UNITS:])
        return address(self._asking.request.url.path, tab=self._tab, find=self._words, units=told)


def _wanted_units(text: str) -> dict[int, str]:
    wanted = {}
    for part in text.split(",")[:MOST_UNITS]:
        identifier, _, unit = part.partition(":")
        if identifier.isascii() and identifier.isdecimal() and unit:
            wanted[int(identifier)] = unit
    return wanted


def _fits(recorded: Thing, words: str) -> bool:
    """Whether all words occur in the name, what it means, its unit or its value."""
    kind = recorded.type
    where = " ".join(
        str(part)
        for part in (kind.name, kind.description, kind.units, recorded.stringValue, recorded.numericValue)
        if part is not None
    ).casefold()
    return all(word in where for word in words.casefold().split())
