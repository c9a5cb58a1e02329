"""Reading the catalogue for a page: objects by the names of the model, with the visitor's rights.

Everything is asked in ICAT's query language, so a page shows what any other client would be shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from beamcat.access.caller import Caller
from beamcat.database.instants import moment as moment_of
from beamcat.errors import Forbidden, NoSuchObject
from beamcat.model import Kind, ToMany
from beamcat.portal.page import Asking
from beamcat.query.result import Cell, Record, stored_attributes


class Thing:
    """An object of the catalogue: `thing.title`, `thing.startDate` (aware), `thing.investigation.visitId`.

    A relation that is not set, may not be read, or was not included is None; to-many relations are lists, then empty.
    An attribute that the entity does not have raises `AttributeError`.
    """

    __slots__ = ("_record", "_values")

    def __init__(self, record: Record) -> None:
        self._record = record
        self._values: dict[str, Any] = {}
        for attribute, value in zip(stored_attributes(record.entity), record.values, strict=False):
            is_moment = attribute.kind is Kind.DATETIME and isinstance(value, int)
            self._values[attribute.name] = moment_of(value) if is_moment else value  # type: ignore[arg-type]
        for name, related in record.related.items():
            self._values[name] = Thing(related) if isinstance(related, Record) else [Thing(one) for one in related]

    @property
    def entity(self) -> str:
        """Name of its entity."""
        return self._record.entity.name

    @property
    def id(self) -> int:
        """Its id."""
        return self._record.id

    def __getattr__(self, name: str) -> Any:
        values: dict[str, Any] = object.__getattribute__(self, "_values")
        if name in values:
            return values[name]
        entity = self._record.entity
        if any(relation.name == name for relation in entity.to_one):
            return None
        if isinstance(entity.fields.get(name), ToMany):
            return []  # of what the visitor may read nothing at all, not even an empty list is answered
        raise AttributeError(f"{entity.name}.{name} was not read")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and (self.entity, self.id) == (other.entity, other.id)

    def __hash__(self) -> int:
        return hash((self.entity, self.id))


async def find(asking: Asking, entity: str, identifier: int, *includes: str) -> Thing:
    """The object with what is included, such as `datasets.type`.

    Raises `NoSuchObject` for one that is not there, and for one the visitor may not see: both look alike.
    """
    found = await things(asking, f"SELECT it FROM {entity} it WHERE it.id = {identifier}{included(includes)}")
    if not found:
        raise NoSuchObject(f"There is no {entity.lower()} at this address, or it is not open to you")
    return found[0]


def included(paths: Iterable[str]) -> str:
    """The INCLUDE of a query whose variable is `it`, for paths such as `datasets.type` and `datasets.sample`.

    A relation that several paths begin with is followed once, as the language wants it.
    """
    steps: list[str] = []
    variables = {"": "it"}
    followed = dict.fromkeys(
        ".".join(path.split(".")[:depth]) for path in paths for depth in range(1, path.count(".") + 2)
    )
    for number, path in enumerate(followed):
        before, _, relation = path.rpartition(".")
        variables[path] = f"v{number}"
        steps.append(f"{variables[before]}.{relation} {variables[path]}")
    return f" INCLUDE {', '.join(steps)}" if steps else ""


async def things(asking: Asking, query: str, reader: Caller | None = None) -> list[Thing]:
    """The objects that a query selects, with the rights of the visitor or of another reader."""
    return [Thing(row[0]) for row in await _rows(asking, query, reader) if isinstance(row[0], Record)]


async def rows(asking: Asking, query: str, reader: Caller | None = None) -> list[tuple[Any, ...]]:
    """The rows of a query: objects as `Thing`, other cells as they are; moments as microseconds since 2000."""
    return [
        tuple(Thing(cell) if isinstance(cell, Record) else cell for cell in row)
        for row in await _rows(asking, query, reader)
    ]


async def number(asking: Asking, query: str, reader: Caller | None = None) -> int:
    """The one number that a query such as `SELECT COUNT(i) FROM ...` tells; 0 for none."""
    found = await _rows(asking, query, reader)
    value = found[0][0] if found else None
    return int(value) if isinstance(value, int | float) else 0


async def _rows(asking: Asking, query: str, reader: Caller | None = None) -> list[list[Cell]]:
    try:
        answer = await asking.core.searches.search(reader or asking.visitor.reader, query)
    except Forbidden:
        return []
    return [list(row) for row in answer.rows]


def text(value: str) -> str:
    """A string literal of the query language: whatever it holds stands for itself."""
    return "'" + value.replace("'", "''") + "'"


def moment(value: datetime) -> str:
    """A timestamp literal of the query language: UTC, to the second."""
    return value.astimezone(UTC).strftime("{ts %Y-%m-%d %H:%M:%S}")
