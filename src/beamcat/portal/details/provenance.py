"""What a dataset was made from and what was made of it, drawn: a list that reads like a sentence, and a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from beamcat.catalogue.lineage import Lineage, lineage
from beamcat.portal import reading
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing

WIDTH, HEIGHT = 200, 46
ACROSS, DOWN = 70, 16
MARGIN = 8
LONGEST = 26
"""Letters of a name in a box."""
MOST_ROWS = 12
"""Boxes above each other; what is beyond stands in the list alone."""


@dataclass(frozen=True, slots=True)
class Step:
    """A record of the lineage, nearest first. `how` is what made it."""

    id: int
    name: str
    address: str
    kind: str
    how: str
    generation: int
    is_here: bool


@dataclass(frozen=True, slots=True)
class Box:
    """A record in the graph."""

    step: Step
    x: int
    y: int
    text: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes, the lines between them as paths, and the size of it all."""

    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """The lineage of a dataset: what it was made from, itself, what was made of it. `graph` where there is any."""

    sources: tuple[Step, ...]
    here: Step
    results: tuple[Step, ...]
    graph: Graph | None
    complete: bool
    ids: tuple[int, ...]

    @property
    def in_order(self) -> tuple[Step, ...]:
        """From the first source to the last result."""
        return (*self.sources, self.here, *self.results)


async def provenance_of(asking: Asking, dataset: Thing) -> Provenance:
    """The lineage of a dataset as far as the visitor may read it."""
    known = await lineage(asking.core.searches, asking.visitor.reader, dataset.id)
    listed = ", ".join(map(str, known.generations))
    read = await reading.things(asking, f"SELECT it FROM Dataset it WHERE it.id IN ({listed}) INCLUDE it.type")
    made_by = {step.result: step.how for step in known.steps if step.how}
    steps = {
        each.id: Step(
            each.id,
            each.name,
            f"/datasets/{each.id}",
            each.type.name if each.type else "",
            made_by.get(each.id, ""),
            known.generations[each.id],
            each.id == dataset.id,
        )
        for each in read
    }
    ordered = sorted(steps.values(), key=lambda step: (step.generation, step.name))
    return Provenance(
        tuple(step for step in ordered if step.generation < 0),
        steps[dataset.id],
        tuple(step for step in ordered if step.generation > 0),
        _graph(known, steps) if len(steps) > 1 else None,
        known.complete,
        tuple(steps),
    )


def _graph(known: Lineage, steps: Mapping[int, Step]) -> Graph:
    """Generations from left to right, each centred; lines leave at the right and arrive at the left."""
    columns: dict[int, list[Step]] = defaultdict(list)
    for step in sorted(steps.values(), key=lambda one: one.name):
        if len(columns[step.generation]) < MOST_ROWS:
            columns[step.generation].append(step)
    tallest = max(len(column) for column in columns.values())
    height = 2 * MARGIN + tallest * HEIGHT + (tallest - 1) * DOWN
    first = min(columns)
    boxes: dict[int, Box] = {}
    for generation, column in columns.items():
        used = len(column) * HEIGHT + (len(column) - 1) * DOWN
        x = MARGIN + (generation - first) * (WIDTH + ACROSS)
        for row, step in enumerate(column):
            y = (height - used) // 2 + row * (HEIGHT + DOWN)
            name = step.name if len(step.name) <= LONGEST else f"{step.name[: LONGEST - 1]}…"
            boxes[step.id] = Box(step, x, y, name)
    lines = [
        _line(boxes[each.source], boxes[each.result])
        for each in known.steps
        if each.source in boxes and each.result in boxes
    ]
    width = 2 * MARGIN + (max(columns) - first) * (WIDTH + ACROSS) + WIDTH
    return Graph(tuple(boxes.values()), tuple(lines), width, height)


def _line(source: Box, result: Box) -> str:
    x1, y1 = source.x + WIDTH, source.y + HEIGHT // 2
    x2, y2 = result.x - 6, result.y + HEIGHT // 2
    bend = max(24, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
