"""Bars, as numbers a template draws: every chart has a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 760, 180
"""Of the drawing, in its own units."""
LEFT, BOTTOM, TOP = 8, 24, 14


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its place, its two heights (the second stands on the first), what it is called and says."""

    x: float
    width: float
    y: float
    height: float
    second_y: float
    second_height: float
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All of them. `labels` of every `step`th bar are drawn, so that they do not touch."""

    bars: tuple[Bar, ...]
    step: int
    width: int = WIDTH
    height: int = HEIGHT


def bars(values: Sequence[tuple[str, float, float, str]]) -> Chart:
    """A chart of (label, first, second, text): `first` and `second` are stacked."""
    most = max((first + second for _, first, second, _ in values), default=0) or 1
    room, place = HEIGHT - BOTTOM - TOP, (WIDTH - 2 * LEFT) / max(len(values), 1)
    found = []
    for index, (label, first, second, text) in enumerate(values):
        height, above = first / most * room, second / most * room
        base = HEIGHT - BOTTOM
        width = min(place * 0.72, 46)
        x = LEFT + index * place + (place - width) / 2
        found.append(
            Bar(
                round(x, 1),
                round(width, 1),
                round(base - height, 1),
                round(height, 1),
                round(base - height - above, 1),
                round(above, 1),
                label,
                text,
            )
        )
    return Chart(tuple(found), max(1, -(-len(values) // 12)))
