"""A curve as inline SVG, in the coordinates of its own small drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from beamcat.portal.formatting import Formatting

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 44
TICKS = 5


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis: where it is, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """What is drawn. `table` has a few of its points, for those who do not see it."""

    path: str
    across: Sequence[Tick]
    up: Sequence[Tick]
    x: str
    y: str
    table: Sequence[tuple[str, str]]


def curve_of(plot: dict[str, Any], f: Formatting) -> Curve | None:
    """The drawing of a plot; None without two points."""
    xs, ys = plot["points"]
    if len(xs) < 2:
        return None
    (x_low, x_high), (y_low, y_high) = _range(xs), _range(ys)
    points = [
        f"{LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT):.1f} "
        f"{HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM):.1f}"
        for x, y in zip(xs, ys, strict=True)
    ]
    across = [
        Tick(LEFT + (at - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT), f.value(at, 6))
        for at in _round_values(x_low, x_high)
    ]
    up = [
        Tick(HEIGHT - BOTTOM - (at - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM), f.value(at, 6))
        for at in _round_values(y_low, y_high)
    ]
    step = max(1, len(xs) // 20)
    table = [(f.value(x), f.value(y)) for x, y in list(zip(xs, ys, strict=True))[::step]]
    return Curve("M" + "L".join(points), across, up, plot["x"], plot["y"], table)


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high > low:
        return low, high
    return low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2


def _round_values(low: float, high: float) -> list[float]:
    """Values that are easy to read, between two others."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]
