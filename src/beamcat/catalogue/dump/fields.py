"""The fields of a row and what they mean (ICAT specification G.3).

Runs once per field of a dump: the work is left to regular expressions, which never look at a character twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from beamcat.catalogue.drafts import Value
from beamcat.catalogue.rows import not_enumerated
from beamcat.errors import BadParameter
from beamcat.model import Attribute, Entity, Kind

LARGEST = {Kind.LONG: 2**63 - 1, Kind.INTEGER: 2**31 - 1}

_STRING = r'"(?:[^"\\]++|\\.)*+"[ \t]*+'
_FIELD = rf'[ \t]*+(?:{_STRING}|[^",]*+)'
_ROW = re.compile(rf"{_FIELD}(?:,{_FIELD})*+")
_FIELDS = re.compile(rf'(?:^|,)[ \t]*+({_STRING}|[^",]*+)')
_ESCAPE = re.compile(r"\\(.)", re.S)
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "b": "\b", '"': '"', "'": "'", "\\": "\\"}
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_REAL = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)

Reader = Callable[[str], Value]
"""From a field to its value. Raises `BadParameter`."""


def split(line: str) -> list[str]:
    """The fields of a row as they stand there, strings with their quotes. `BadParameter` for what is not a row."""
    if _ROW.fullmatch(line) is None:
        raise BadParameter("Badly formatted row")
    return [field.rstrip() for field in _FIELDS.findall(line)]


def is_null(field: str) -> bool:
    """Whether the field is NULL, in any case."""
    return field == "NULL" or (len(field) == 4 and field.upper() == "NULL")


def reader(entity: Entity, attribute: Attribute, column: int) -> Reader:
    """How the fields in `column` become values of the attribute. NULL becomes None."""

    def refuse(what: str) -> BadParameter:
        return BadParameter(f"Expected {what} value for column {column}")

    def string(field: str) -> Value:
        if field[:1] == '"':
            return unescaped(field[1:-1])
        if is_null(field):
            return None
        raise refuse("a string")

    def integer(field: str) -> Value:
        if is_null(field):
            return None
        number = int(field) if _INTEGER.fullmatch(field) else None
        largest = LARGEST[attribute.kind]
        if number is None or not -largest - 1 <= number <= largest:
            raise refuse("an integer")
        return number

    def real(field: str) -> Value:
        if is_null(field):
            return None
        number = float(field) if _REAL.fullmatch(field) else None
        if number is None or number in {float("inf"), float("-inf")}:
            raise refuse("a real or integer")
        return number

    def boolean(field: str) -> Value:
        word = field.upper()
        if word not in _BOOLEANS:
            raise refuse("a boolean")
        return _BOOLEANS[word]

    def moment(field: str) -> Value:
        if is_null(field):
            return None
        try:
            return moment_of(field)
        except ValueError:
            raise refuse("a date") from None

    def enumerated(field: str) -> Value:
        enumeration = attribute.enumeration
        assert enumeration is not None
        if is_null(field):
            return None
        if field.upper() not in enumeration.values:
            raise not_enumerated(entity, attribute)
        return field.upper()

    return {
        Kind.STRING: string,
        Kind.LONG: integer,
        Kind.INTEGER: integer,
        Kind.DOUBLE: real,
        Kind.BOOLEAN: boolean,
        Kind.DATETIME: moment,
        Kind.ENUM: enumerated,
    }[attribute.kind]


def label_reader(column: int) -> Callable[[str], str | None]:
    """How the fields in `column` become labels."""

    def label(field: str) -> str | None:
        if field[:1] == '"':
            return unescaped(field[1:-1])
        if is_null(field):
            return None
        raise BadParameter(f"Expected a string value for column {column}")

    return label


_BOOLEANS: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None}


def unescaped(text: str) -> str:
    """The inside of a quoted string, as it was meant."""
    return _ESCAPE.sub(_meant, text) if "\\" in text else text


def _meant(match: re.Match[str]) -> str:
    try:
        return _ESCAPED[match[1]]
    except KeyError:
        raise BadParameter(f"Unexpected escape \\{match[1]} in a string") from None


@lru_cache(4096)
def moment_of(field: str) -> datetime:
    """The aware moment, cut to the millisecond; without a zone the server's own is meant. Raises `ValueError`."""
    match = _MOMENT.fullmatch(field)
    if match is None:
        raise ValueError(field)
    seconds, fraction, zone = match.groups()
    moment = datetime.fromisoformat(f"{seconds}.{(fraction or '0')[:3]:0<3}{zone or ''}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(field) from None
