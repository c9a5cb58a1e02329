"""Units of parameters: what a condition in one unit means for values in another (pint).

Units that nobody knows are compared as text, exactly. A site adds its own spellings in the settings.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

import pint

from beamcat.errors import BadParameter

_USUAL = (
    "@alias angstrom = AA = Ang = ang = angstroms",
    "@alias degree_Celsius = degc = deg_C",
    "@alias torr = Torr",
    "@alias ohm = Ohm",
    "@alias count = counts = cts = Counts",
    "@alias second = sec = secs",
    "@alias percent = pct",
)
"""Spellings that are usual at facilities and not known to pint."""

_SPOKEN = frozenset(
    ("a", "an", "as", "at", "by", "cat", "he", "in", "is", "it", "me", "no", "of", "on", "or", "so", "to")
)
"""Words that are units too: behind a space they are words."""
_LOOSE = {"C": "degree_Celsius", "F": "degree_Fahrenheit", "°": "degree", "deg C": "degree_Celsius"}
"""What people write for temperatures, where the other unit is one of temperature."""

_NAME = r"[^\W\d_][^\W\d]*|[°%‰]\s?[CF]?|℃|℉"
_POWER = r"(?:\s?(?:\^|\*\*)\s?\(?[+-]?[0-9]{1,2}(?:/[0-9])?\)?|[+-]?[0-9]{1,2})?"
_PART = rf"\(*\s?(?:{_NAME}){_POWER}\s?\)*{_POWER}"
_UNIT = re.compile(rf"(?:1\s?/\s?)?{_PART}(?:\s?(?:\*|/|\bper\b|\s)\s?{_PART}){{0,7}}")
_IMPLICIT_POWER = re.compile(r"(?<=[^\W\d_])([+-]?[0-9]{1,2})(?![0-9])")
_LONGEST = 60
_CLOSE = 1e-9
"""Two values are the same if they differ by less, relatively: so much is lost in conversion."""


class Units:
    """Every unit that conditions and parameter types may have, read once.

    `aliases` are in ICAT's form (its setting `units`): `J: eV 1.602176634e-19; degC: celsius, C; K: kelvin`. Before
    the colon stands a known unit, behind it what else is written for it, or for so many of it.
    """

    def __init__(self, aliases: str = "") -> None:
        self._registry: pint.UnitRegistry[float] = pint.UnitRegistry(
            on_redefinition="ignore", autoconvert_offset_to_baseunit=True, cache_folder=None
        )
        for line in _USUAL:
            self._registry.define(line)
        self._aliases = dict(_defined(aliases, self._known))
        self._unit = lru_cache(maxsize=4096)(self._read)

    def knows(self, text: str) -> bool:
        """Whether this is a unit."""
        return self._unit(text) is not None

    def follows(self, text: str) -> bool:
        """Whether this, behind a number and a space, is its unit rather than the next word."""
        return text.lower() not in _SPOKEN and self.knows(text)

    def convert(self, value: float, unit: str, to: str) -> float | None:
        """A value in another unit; none if that makes no sense, or if one of them is not known and they differ."""
        if unit.strip() == to.strip():
            return float(value)
        pair = self._pair(unit, to)
        if pair is None:
            return None
        (one, so_many), (other, of_those) = pair
        try:
            converted = float(self._registry.Quantity(value * so_many, one).to(other).magnitude) / of_those
        except (pint.PintError, OverflowError):
            return None
        return converted if math.isfinite(converted) else None

    def to_si(self, value: float, unit: str) -> tuple[float, str] | None:
        """The value in base units of the SI, and that unit: `(293.15, "K")` for 20 degC; none for an unknown unit."""
        known = self._unit(unit)
        if known is None:
            return None
        try:
            quantity = self._registry.Quantity(value * known[1], known[0]).to_base_units()
        except (pint.PintError, OverflowError):
            return None
        magnitude = float(quantity.magnitude)
        return (magnitude, f"{quantity.units:~C}") if math.isfinite(magnitude) else None

    def _pair(self, unit: str, to: str) -> tuple[tuple[pint.Unit, float], tuple[pint.Unit, float]] | None:
        one, other = self._unit(unit), self._unit(to)
        if one is not None and other is not None and one[0].is_compatible_with(other[0]):
            return one, other
        # a temperature in "C" is no charge
        one, other = (self._loose(text) or known for text, known in ((unit, one), (to, other)))
        if one is not None and other is not None and one[0].dimensionality == other[0].dimensionality:
            return one, other
        return None

    def _loose(self, text: str) -> tuple[pint.Unit, float] | None:
        name = _LOOSE.get(text.strip())
        return None if name is None else (self._registry.Unit(name), 1.0)

    def _known(self, text: str) -> bool:
        return self._parsed(text) is not None

    def _read(self, text: str) -> tuple[pint.Unit, float] | None:
        """The unit, and how many of it are meant."""
        alias = self._aliases.get(text.strip())
        if alias is None:
            unit = self._parsed(text)
            return None if unit is None else (unit, 1.0)
        name, factor = alias
        unit = self._parsed(name)
        return None if unit is None else (unit, factor)

    def _parsed(self, text: str) -> pint.Unit | None:
        """Only what is written as a unit is given to pint, which would work out any arithmetic."""
        spelt = _spelt(text)
        if not spelt or len(spelt) > _LONGEST or _UNIT.fullmatch(spelt) is None:
            return None
        spelt = _IMPLICIT_POWER.sub(r"**\1", re.sub(r"\bper\b", "/", spelt.replace("^", "**")))
        try:
            unit = self._registry.parse_units(re.sub(r"\s*(\*\*|/|\*)\s*", r"\1", spelt).replace(" ", "*"))
        except Exception:  # whatever pint's reader trips over is no unit
            return None
        return None if unit.dimensionless and not str(unit) else unit


@lru_cache(maxsize=4)
def shared_units(aliases: str) -> Units:
    """The units with these aliases: read once for a process, which takes about half a second."""
    return Units(aliases)


def same_as(value: float) -> tuple[float, float]:
    """The interval of what counts as equal to a value that was converted."""
    margin = abs(value) * _CLOSE
    return value - margin, value + margin


def does_not_fit(name: str, unit: str, units: Iterable[str]) -> BadParameter:
    """The error for a condition in a unit that the values of a parameter are not in."""
    listed = ", ".join(sorted({known or "no unit" for known in units}))
    return BadParameter(f"'{name}' cannot be compared in '{unit}': its values are in {listed}")


def _spelt(text: str) -> str:
    """One way of writing for signs of which Unicode has several."""
    signs = unicodedata.normalize("NFKC", text.strip()).replace("\u2212", "-").replace("·", "*").replace("⋅", "*")
    signs = re.sub(r"(?<=\w)\.(?=[^\W\d])", "*", signs)
    return re.sub(r"\s+", " ", signs).strip("[]")


def _defined(aliases: str, known: Callable[[str], bool]) -> Iterable[tuple[str, tuple[str, float]]]:
    for group in filter(None, map(str.strip, aliases.split(";"))):
        base, colon, names = group.partition(":")
        if not colon or not known(base.strip()):
            raise BadParameter(f"'{group}': units are written as 'known unit: name, name factor; ...'")
        for spelling in filter(None, map(str.strip, names.split(","))):
            name, _, factor = spelling.rpartition(" ")
            try:
                yield (name.strip(), (base.strip(), float(factor))) if name else (spelling, (base.strip(), 1.0))
            except ValueError:
                yield spelling, (base.strip(), 1.0)
