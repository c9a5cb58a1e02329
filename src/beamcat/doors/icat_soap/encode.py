"""Answers as XML, straight from rows (ICAT specification C.4).

What depends on an entity alone is worked out once: an object costs a few microseconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import cast

from beamcat.database.instants import EPOCH
from beamcat.doors.icat_soap.names import (
    BASE_ELEMENTS,
    NAMESPACE,
    SIMPLE_TYPES,
    SOAP,
    TYPE_OF_VALUE,
    XS,
    XSI,
    inherited_members,
    own_members,
    type_name,
)
from beamcat.model import Attribute, Entity, Kind
from beamcat.query.result import Answer, Cell, Column, Record, stored_attributes

ROWS_PER_CHUNK = 500
"""Rows written at a time: some milliseconds, so that other requests of the worker get their turn."""

_LONGEST_INTEGER = 2**63 - 1
_SPECIAL = re.compile(r"[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_REPLACEMENT = "\ufffd"

Write = Callable[[Cell], str]
_Step = tuple[int, str, str, Callable[[Cell], str]]


def escaped(text: str) -> str:
    """The text inside an element. A character that XML 1.0 cannot hold becomes U+FFFD."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], _REPLACEMENT), text)


def enveloped(content: str) -> str:
    """A whole message with this content in its body."""
    return _before() + content + _AFTER


def _before() -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><S:Envelope xmlns:S="{SOAP}"><S:Body>'


_AFTER = "</S:Body></S:Envelope>"


def element(name: str, content: str) -> str:
    """An element around content that is XML already."""
    return f"<{name}>{content}</{name}>"


def opening(operation: str) -> str:
    """The start tag of an answer's wrapper."""
    return f'<ns2:{operation}Response xmlns:ns2="{NAMESPACE}" xmlns:xsi="{XSI}" xmlns:xs="{XS}">'


def closing(operation: str) -> str:
    """The end tag of an answer's wrapper."""
    return f"</ns2:{operation}Response>"


def response(operation: str, returned: Iterator[str] | Sequence[str] = ()) -> str:
    """An answer whose `return` elements have these contents."""
    content = "".join(element("return", each) for each in returned)
    return enveloped(opening(operation) + content + closing(operation))


def double(value: float) -> str:
    """An xs:double."""
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else "INF" if value > 0 else "-INF"


class _Minutes(dict[int, str]):
    """Minutes since 2000 -> `2025-03-12T11:40:`. Forgets everything when it has grown large."""

    def __missing__(self, minute: int) -> str:
        if len(self) >= 65_536:
            self.clear()
        text = self[minute] = (EPOCH + timedelta(minutes=minute)).isoformat()[:17]
        return text


class Writer:
    """Turns what the core answers into XML. One per worker: it remembers the shape of entities and pieces of dates."""

    def __init__(self) -> None:
        self._shapes: dict[Entity, tuple[Sequence[_Step], dict[str, tuple[str, str]]]] = {}
        self._minutes = _Minutes()
        self._render: dict[Kind, Write] = {
            Kind.STRING: cast(Write, escaped),
            Kind.LONG: str,
            Kind.INTEGER: str,
            Kind.DOUBLE: cast(Write, double),
            Kind.BOOLEAN: lambda value: "true" if value else "false",
            Kind.DATETIME: cast(Write, self.moment),
            Kind.ENUM: str,
        }

    def moment(self, instant: int) -> str:
        """Microseconds since 2000-01-01 UTC as `2025-03-12T11:40:26Z`, with milliseconds when there are any."""
        minute, milliseconds = divmod(instant // 1000, 60_000)
        seconds, rest = divmod(milliseconds, 1000)
        fraction = f".{rest:03}" if rest else ""
        return f"{self._minutes[minute]}{seconds:02}{fraction}Z"

    def record(self, record: Record) -> str:
        """One object as a `return` element: the answer to a get."""
        return f'<return xsi:type="ns2:{type_name(record.entity.name)}">{self.members(record)}</return>'

    def chunks(self, operation: str, answer: Answer) -> Iterator[str]:
        """A whole message with a row per `return`, in pieces of `ROWS_PER_CHUNK` rows.

        A null that is alone in its row has no form, and is left out.
        """
        write = self._row(answer.columns)
        rows = iter(answer.rows)
        yield _before() + opening(operation)
        while piece := [write(row) for row in islice(rows, ROWS_PER_CHUNK)]:
            yield "".join(piece)
        yield closing(operation) + _AFTER

    def _row(self, columns: Sequence[Column]) -> Callable[[Sequence[Cell]], str]:
        if len(columns) == 1:
            only = self._cell("return", columns[0], "")
            return lambda row: only(row[0])
        cells = [self._cell("fields", column, '<fields xsi:nil="true"/>') for column in columns]

        def write(row: Sequence[Cell]) -> str:
            fields = "".join([cell(value) for cell, value in zip(cells, row, strict=True)])
            return f'<return xsi:type="ns2:fieldSet">{fields}</return>'

        return write

    def _cell(self, name: str, column: Column, null: str) -> Write:
        if column.entity is not None:
            start, end = f'<{name} xsi:type="ns2:{type_name(column.entity.name)}">', f"</{name}>"
            return lambda cell: start + self.members(cell) + end if isinstance(cell, Record) else null
        if column.kind is None:
            return lambda _cell: null
        if column.kind is Kind.ENUM:
            return lambda value: (
                null if value is None else f'<{name} xsi:type="{TYPE_OF_VALUE[str(value)]}">{value}</{name}>'
            )
        render, start, end = self._render[column.kind], f'<{name} xsi:type="{SIMPLE_TYPES[column.kind]}">', f"</{name}>"

        def write(value: Cell) -> str:
            if value is None:
                return null
            if type(value) is int and abs(value) > _LONGEST_INTEGER:  # a sum
                return f'<{name} xsi:type="xs:decimal">{value}{end}'
            return start + render(value) + end

        return write

    def members(self, record: Record) -> str:
        """The elements of an object, in the order of the schema; null and what was not included is absent."""
        shape = self._shapes.get(record.entity)
        if shape is None:
            shape = self._shapes[record.entity] = self._shape(record.entity)
        steps, tags = shape
        values = record.values
        if not record.related:
            return "".join(
                [
                    start + render(values[place]) + end
                    for place, start, end, render in steps
                    if place >= 0 and values[place] is not None
                ]
            )
        parts: list[str] = []
        for place, start, end, render in steps:
            if place >= 0:
                value = values[place]
                if value is not None:
                    parts.append(start + render(value) + end)
                continue
            related = record.related.get(start)
            if related is None:
                continue
            before, after = tags[start]
            each = (related,) if isinstance(related, Record) else related
            parts += [before + self.members(one) + after for one in each]
        return "".join(parts)

    def _shape(self, entity: Entity) -> tuple[Sequence[_Step], dict[str, tuple[str, str]]]:
        """How to write the members in the order of the schema. A relation has the place -1 and its name as start."""
        stored = {attribute.name: (place, attribute) for place, attribute in enumerate(stored_attributes(entity))}
        members = (*inherited_members(entity), *own_members(entity))
        names = (*BASE_ELEMENTS, *(member.name for member in members))
        steps: list[_Step] = []
        for name in names:
            if name in stored:
                place, attribute = stored[name]
                steps.append((place, f"<{name}>", f"</{name}>", self._render[attribute.kind]))
            else:
                steps.append((-1, name, "", str))
        relations = [member.name for member in members if not isinstance(member, Attribute)]
        return steps, {name: (f"<{name}>", f"</{name}>") for name in relations}
