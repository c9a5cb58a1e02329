"""Answers as ICAT's JSON (ICAT specification B.5), straight from rows.

The base attributes come first, every other member follows in code point order; nulls are left out and a to-many
relation that was not included is `[]`. Only objects at the top level are wrapped in the name of their entity. One
dataset costs about four microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from operator import itemgetter
from typing import Any, cast

import orjson

from beamcat.database.instants import EPOCH
from beamcat.model import BASE_ATTRIBUTES, Entity, Kind, Relation, ToOne
from beamcat.query.result import Answer, Cell, Column, Record, stored_attributes

ROWS_PER_CHUNK = 500
"""Rows rendered at a time: some milliseconds, so that other requests of the worker get their turn."""

_LONGEST_INTEGER = 2**63 - 1
_MILLISECONDS_PER_MINUTE = 60_000
_MINUTES_KEPT = 65_536

Json = Any
"""What orjson takes."""


class _Minutes(dict[int, str]):
    """Minutes since 2000 -> `2025-03-12T11:40:`. Forgets everything when it has grown large."""

    def __missing__(self, minute: int) -> str:
        if len(self) >= _MINUTES_KEPT:
            self.clear()
        text = (EPOCH + timedelta(minutes=minute)).isoformat()[:17]
        self[minute] = text
        return text


class _Milliseconds(dict[int, str]):
    """Milliseconds within a minute -> `26.000Z`."""

    def __missing__(self, milliseconds: int) -> str:
        text = f"{milliseconds // 1000:02}.{milliseconds % 1000:03}Z"
        self[milliseconds] = text
        return text


class Renderer:
    """Turns what the core answers into JSON. One per worker: it remembers the shape of entities and pieces of dates."""

    def __init__(self) -> None:
        self._shapes: dict[Entity, Callable[[Record], Json]] = {}
        self._minutes = _Minutes()
        self._milliseconds = _Milliseconds()

    def moment(self, instant: int) -> str:
        """Microseconds since 2000-01-01 UTC as `2025-03-12T11:40:26.000Z`."""
        minute, milliseconds = divmod(instant // 1000, _MILLISECONDS_PER_MINUTE)
        return self._minutes[minute] + self._milliseconds[milliseconds]

    def record(self, record: Record) -> bytes:
        """One object wrapped in the name of its entity: the answer to a get."""
        return orjson.dumps({record.entity.name: self._object(record)})

    def answer(self, answer: Answer) -> bytes:
        """A whole answer as a JSON array."""
        return b"".join(self.chunks(answer))

    def chunks(self, answer: Answer) -> Iterator[bytes]:
        """The same array in pieces of `ROWS_PER_CHUNK` rows."""
        row_of = self._row(answer.columns)
        rows = iter(answer.rows)
        opening = b"["
        while piece := [row_of(row) for row in islice(rows, ROWS_PER_CHUNK)]:
            yield opening + orjson.dumps(piece)[1:-1]
            opening = b","
        yield b"[]" if opening == b"[" else b"]"

    def _row(self, columns: Sequence[Column]) -> Callable[[Sequence[Cell]], Json]:
        cells = [self._cell(column) for column in columns]
        if len(cells) == 1:
            only = cells[0]
            return lambda row: only(row[0])
        return lambda row: [cell(value) for cell, value in zip(cells, row, strict=True)]

    def _cell(self, column: Column) -> Callable[[Cell], Json]:
        if column.entity is not None:
            return self._wrapped
        if column.kind is Kind.DATETIME:
            return lambda value: None if value is None else self.moment(cast(int, value))
        if column.kind in {Kind.LONG, Kind.INTEGER}:
            return _integer
        return lambda value: value

    def _wrapped(self, cell: Cell) -> Json:
        return {cell.entity.name: self._object(cell)} if isinstance(cell, Record) else None

    def _object(self, record: Record) -> Json:
        shape = self._shapes.get(record.entity)
        if shape is None:
            shape = self._shapes[record.entity] = self._shape(record.entity)
        return shape(record)

    def _shape(self, entity: Entity) -> Callable[[Record], Json]:
        """A function from a record of `entity` to its dict, members in ICAT's order.

        The values of the record and one slot per relation lie side by side and are picked in the order of the answer.
        """
        attributes = [attribute.name for attribute in stored_attributes(entity)]
        moments = [i for i, a in enumerate(stored_attributes(entity)) if a.kind is Kind.DATETIME]
        relations: list[Relation] = [*entity.to_one, *entity.to_many]
        slots = {relation.name: slot for slot, relation in enumerate(relations)}
        nothing_included: list[Json] = [None if isinstance(relation, ToOne) else [] for relation in relations]
        names = [*(attribute.name for attribute in BASE_ATTRIBUTES), *entity.members]
        width = len(attributes)
        source = [*attributes, *slots]
        in_order = itemgetter(*(source.index(name) for name in names))
        moment, render = self.moment, self._object

        def shape(record: Record) -> Json:
            values: list[Json] = list(record.values[:width])
            for position in moments:
                if values[position] is not None:
                    values[position] = moment(values[position])
            if record.related:
                included = nothing_included.copy()
                for name, related in record.related.items():
                    included[slots[name]] = (
                        render(related) if isinstance(related, Record) else list(map(render, related))
                    )
                values += included
            else:
                values += nothing_included
            return {name: value for name, value in zip(names, in_order(values), strict=True) if value is not None}

        return shape


def _integer(value: Cell) -> Json:
    """A sum may exceed the 64 bits that orjson prints."""
    if isinstance(value, int) and abs(value) > _LONGEST_INTEGER:
        return orjson.Fragment(str(value))
    return value
