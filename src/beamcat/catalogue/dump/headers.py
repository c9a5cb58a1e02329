"""The header line of a table in a dump, read into what its rows consist of (ICAT specification G.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from beamcat.catalogue.drafts import Value
from beamcat.catalogue.dump.fields import Reader, is_null, label_reader, reader
from beamcat.catalogue.dump.layout import SELECTING, STAMPS
from beamcat.errors import BadParameter
from beamcat.model import ENTITIES, Attribute, Entity, Kind, ToOne, icat_entity

MOST_COLUMNS = 1000
"""Highest number a column may have."""

_TOKEN = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*|[0-9]+|[(),:?])")
_SHOWN = {Kind.LONG: "Long", Kind.DOUBLE: "Double", Kind.BOOLEAN: "boolean", Kind.DATETIME: "Date", Kind.ENUM: "enum"}

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selector:
    """One attribute by which a referenced object is found: the relations to follow from it, and the attribute."""

    path: Path
    attribute: str


@dataclass(frozen=True, slots=True)
class ByKey:
    """A relation whose target is found by its key: `selectors` and, for each, where its field is and how it is read."""

    relation: ToOne
    selectors: tuple[Selector, ...]
    columns: tuple[int, ...]
    readers: tuple[Reader, ...]

    def key(self, fields: Sequence[str]) -> tuple[Value, ...] | None:
        """What to look for; None for a reference that leads nowhere. Fields behind a NULL are not looked at."""
        values: list[Value] = []
        for column, read in zip(self.columns, self.readers, strict=True):
            if is_null(fields[column]):
                return None
            values.append(read(fields[column]))
        return tuple(values)


@dataclass(frozen=True, slots=True)
class ByLabel:
    """A relation whose target is an earlier row with a label."""

    relation: ToOne
    column: int
    read: Callable[[str], str | None]


@dataclass(slots=True)
class Header:
    """The columns of one table: attributes, stamps (`createId`, ...), references, and the label of the row."""

    entity: Entity
    values: list[tuple[str, int, Reader]] = field(default_factory=list)
    stamps: list[tuple[str, int, Reader]] = field(default_factory=list)
    references: list[ByKey | ByLabel] = field(default_factory=list)
    label: tuple[int, Callable[[str], str | None]] | None = None
    width: int = 0


def parse_header(line: str) -> Header:
    """The header of a table. Raises `BadParameter` for what is not one, and for names the model does not have."""
    return _Parser(line).header()


class _Parser:
    def __init__(self, line: str) -> None:
        self._tokens: list[str] = []
        self._place = 0
        position, end = 0, len(line.rstrip())
        while position < end:
            match = _TOKEN.match(line, position)
            if match is None:
                raise BadParameter(f"Unexpected character {line[position]} in table header")
            self._tokens.append(match[1])
            position = match.end()

    def header(self) -> Header:
        header = Header(icat_entity(self._name()))
        self._take("(")
        while self._next() != ")":
            self._column(header)
            if self._next() == ",":
                self._take(",")
                if self._next() == ")":
                    raise BadParameter("Expected a column in table header but found )")
        self._take(")")
        if self._place < len(self._tokens):
            raise BadParameter(f"Unexpected {self._next()} after table header")
        return header

    def _column(self, header: Header) -> None:
        if self._next() == "?":
            column = self._label(header)
            header.label = (column, label_reader(column))
            return
        name = self._name()
        stamp = next((attribute for attribute in STAMPS if attribute.name == name), None)
        member = stamp or header.entity.members.get(name)
        match member:
            case Attribute():
                column = self._number(header)
                target = header.values if stamp is None else header.stamps
                target.append((name, column, reader(header.entity, member, column)))
            case ToOne():
                header.references.append(self._reference(header, member))
            case _:
                raise _no_field(header.entity, name)

    def _reference(self, header: Header, relation: ToOne) -> ByKey | ByLabel:
        self._take("(")
        if self._next() == "?":
            column = self._label(header)
            self._take(")")
            return ByLabel(relation, column, label_reader(column))
        found: list[tuple[Selector, int, Reader]] = []
        self._keys(header, ENTITIES[relation.target], (), found)
        return ByKey(
            relation,
            tuple(selector for selector, _, _ in found),
            tuple(column for _, column, _ in found),
            tuple(read for _, _, read in found),
        )

    def _keys(self, header: Header, entity: Entity, path: Path, found: list[tuple[Selector, int, Reader]]) -> None:
        """The keys up to the closing parenthesis. The model's relations form no circle, so the depth has its end."""
        while True:
            name = self._name()
            member = entity.members.get(name)
            match member:
                case Attribute():
                    if member.kind not in SELECTING:
                        shown = _SHOWN[member.kind]
                        raise BadParameter(f"Don't know how to process {shown} as selection attribute")
                    column = self._number(header)
                    found.append((Selector(path, name), column, reader(entity, member, column)))
                case ToOne():
                    self._take("(")
                    self._keys(header, ENTITIES[member.target], (*path, name), found)
                case _:
                    raise _no_field(entity, name)
            if self._next() == ")":
                self._take(")")
                return
            self._take(",")

    def _label(self, header: Header) -> int:
        self._take("?")
        return self._number(header)

    def _number(self, header: Header) -> int:
        self._take(":")
        token = self._next()
        if not token.isdecimal() or len(token) > 4 or int(token) > MOST_COLUMNS:
            raise BadParameter(f"Expected a column number in table header but found {token or 'its end'}")
        self._place += 1
        header.width = max(header.width, int(token) + 1)
        return int(token)

    def _name(self) -> str:
        token = self._next()
        if not token[:1].isalpha():
            raise BadParameter(f"Expected a name in table header but found {token or 'its end'}")
        self._place += 1
        return token

    def _take(self, wanted: str) -> None:
        token = self._next()
        if token != wanted:
            raise BadParameter(f"Expected {wanted} in table header but found {token or 'its end'}")
        self._place += 1

    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""


def _no_field(entity: Entity, name: str) -> BadParameter:
    return BadParameter(f"{name} is not a field of {entity.name}")
