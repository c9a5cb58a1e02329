"""The ends of a range as whole numbers, both included, as the engines take them."""

from __future__ import annotations

import math
from collections.abc import Callable

from beamcat.search.question import Between

LOWEST, HIGHEST = -(1 << 63) + 1, (1 << 63) - 1
"""Of whole numbers."""

Bounds = tuple[int | None, int | None]


def whole(asked: Between) -> Bounds | None:
    """The whole numbers of the range; none: there is none of them."""
    if any(end is not None and math.isnan(end) for end in (asked.low, asked.high)):
        return None
    if asked.low == math.inf or asked.high == -math.inf:
        return None
    low = high = None
    if asked.low is not None and asked.low != -math.inf:
        low = math.ceil(asked.low) if asked.includes_low else math.floor(asked.low) + 1
    if asked.high is not None and asked.high != math.inf:
        high = math.floor(asked.high) if asked.includes_high else math.ceil(asked.high) - 1
    return _possible(low, high)


def ordered(asked: Between, order: Callable[[float], int]) -> Bounds | None:
    """The same for floating point numbers, which `order` makes whole numbers of, in the same order."""
    if any(end is not None and math.isnan(end) for end in (asked.low, asked.high)):
        return None
    low = None if asked.low is None else order(float(asked.low)) + (not asked.includes_low)
    high = None if asked.high is None else order(float(asked.high)) - (not asked.includes_high)
    return _possible(low, high)


def _possible(low: int | None, high: int | None) -> Bounds | None:
    if low is not None and (low > HIGHEST or (high is not None and low > high)):
        return None
    if high is not None and high < LOWEST:
        return None
    return None if low is None else max(low, LOWEST), None if high is None else min(high, HIGHEST)
