"""How the values of a parameter are spread over what a search finds: columns that fit them, whatever they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from beamcat.access.caller import Caller
from beamcat.errors import BadParameter
from beamcat.search.service import Search
from beamcat.search.wanted import FacetAsked, FacetFound, RangeAsked, Wanted

COLUMNS = 24
"""At most so many are told."""
FINE = 400
"""Columns in which values are counted before it is known where they are."""
_POWERS = range(-9, 16)


@dataclass(frozen=True, slots=True)
class Column:
    """Hits with a value from `low` up to, not including, `high`."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Spread:
    """The columns, one beside the other, from the lowest value to the highest; in `unit`."""

    unit: str
    columns: tuple[Column, ...]

    @property
    def low(self) -> float:
        """Where the first column begins."""
        return self.columns[0].low

    @property
    def high(self) -> float:
        """Where the last column ends."""
        return self.columns[-1].high


async def spread(search: Search, caller: Caller, wanted: Wanted, parameter: str) -> Spread | None:
    """How the values are spread; none where no hit has a value, or where there are too many to count for the caller.

    A filter on the parameter itself does not count. Raises as `Search.find`.
    """
    powers = [10.0**power for power in _POWERS]
    edges = [*(-edge for edge in reversed(powers)), *powers]
    bounds = [None, *edges, None]
    ranges = tuple(RangeAsked(low, high) for low, high in pairwise(bounds))
    rough = await _facet(search, caller, wanted, FacetAsked(parameter, ranges=ranges))
    if rough is None or rough.of_dates:
        return None
    held = [value for value in rough.values if value.count]
    if not held:
        return None
    low, high = held[0].low or -powers[-1], held[-1].high or powers[-1]
    width = _nice((high - low) / FINE)
    fine = await _facet(search, caller, wanted, FacetAsked(parameter, width=width, unit=rough.unit))
    if fine is None or not fine.values:
        return None
    low, high = float(fine.values[0].value), float(fine.values[-1].value) + width
    if high - low < FINE * width / 10:  # once more, where the values are
        finer = _nice((high - low) / FINE)
        again = await _facet(search, caller, wanted, FacetAsked(parameter, width=finer, unit=rough.unit))
        if again is not None and again.values:
            fine, width = again, finer
    return Spread(rough.unit or "", _columns(fine, width))


async def _facet(search: Search, caller: Caller, wanted: Wanted, facet: FacetAsked) -> FacetFound | None:
    asked = replace(wanted, facets=(facet,), limit=0, after=None, highlight=False, sort=None)
    try:
        return next(iter((await search.find(caller, asked)).facets), None)
    except BadParameter:
        return None


def _columns(fine: FacetFound, width: float) -> tuple[Column, ...]:
    """The fine columns put together to at most `COLUMNS` of a round width, the empty ones between them too."""
    first = round(float(fine.values[0].value) / width)
    last = round(float(fine.values[-1].value) / width)
    together = round(_nice(max(1.0, (last - first + 1) / (COLUMNS - 1)), up=True))
    counts: dict[int, int] = {}
    for value in fine.values:
        at = math.floor(round(float(value.value) / width) / together)
        counts[at] = counts.get(at, 0) + value.count
    step = width * together
    return tuple(
        Column(_round(at * step), _round((at + 1) * step), counts.get(at, 0))
        for at in range(min(counts), max(counts) + 1)
    )


def _nice(width: float, *, up: bool = False) -> float:
    """The next of 1, 2, 5, 10, 20, 50 ... above, or below, it."""
    power = 10.0 ** math.floor(math.log10(width))
    steps = [power, 2 * power, 5 * power, 10 * power]
    return (
        next((step for step in steps if step >= width * (1 - 1e-9)), 10 * power)
        if up
        else max(step for step in steps if step <= width * (1 + 1e-9))
    )


def _round(value: float) -> float:
    return float(f"{value:.10g}")
