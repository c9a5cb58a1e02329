"""In which units people like to read a value, beside the one it was recorded in."""

from __future__ import annotations

from beamcat.search.units import Units

FAMILIES: tuple[tuple[str, ...], ...] = (
    ("meV", "eV", "keV", "MeV", "GeV", "J", "kJ"),
    ("Å", "nm", "µm", "mm", "cm", "m", "km"),
    ("K", "°C"),
    ("ns", "µs", "ms", "s", "min", "h", "d"),
    ("Pa", "hPa", "kPa", "MPa", "GPa", "mbar", "bar", "torr"),
    ("mrad", "rad", "deg"),
    ("µV", "mV", "V", "kV"),
    ("nA", "µA", "mA", "A"),
    ("µW", "mW", "W", "kW"),
    ("ng", "µg", "mg", "g", "kg"),
    ("µl", "ml", "l"),
    ("mT", "T", "gauss"),
    ("Hz", "kHz", "MHz", "GHz"),
    ("1/Å", "1/nm"),
    ("mg/ml", "g/l"),
    ("mm/s", "m/s"),
    ("N", "kN"),
    ("C", "µA h", "A h"),
)
"""Units that are used for the same things, from small to large."""


MOST = 3
"""Other units that are offered for a value: the nearest in size."""
_ANGLES = ("deg", "rad", "mrad", "°", "arc")
"""How units of angles begin: a count, or a share, is no angle, although both have no dimension."""


def choices(units: Units, unit: str) -> tuple[str, ...]:
    """The units a value recorded in `unit` can be shown in, that one first; it alone where there are no others."""
    spelt = unit.strip()
    if not spelt or not units.knows(spelt):
        return (unit,)
    if units.convert(1.0, spelt, "rad") is not None and not spelt.lower().startswith(_ANGLES):
        return (unit,)
    for family in FAMILIES:
        place = next((place for place, other in enumerate(family) if _same(units, spelt, other)), None)
        if place is not None:
            near = sorted(range(len(family)), key=lambda other: abs(other - place))
            return (unit, *(family[other] for other in near[1 : MOST + 1]))
    for family in FAMILIES:
        others = [other for other in family if units.convert(1.0, spelt, other) is not None]
        if others:
            return (unit, *others[:MOST])
    return (unit,)


def _same(units: Units, one: str, other: str) -> bool:
    """Whether two spellings mean the same unit."""
    return one == other or (units.convert(1.0, one, other) == 1.0 and units.convert(0.0, one, other) == 0.0)
