"""SQL expressions that know what they yield, and how values of different types meet.

ICAT's clients compare dates with strings, ids with quoted numbers and names with numbers; what was meant is
decided here, once, so that the database never sees a comparison it would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from beamcat.errors import BadParameter
from beamcat.model import Entity, Kind
from beamcat.query.sql import Parameters

NUMBERS = frozenset({Kind.INTEGER, Kind.LONG, Kind.DOUBLE})
TEXTS = frozenset({Kind.STRING, Kind.ENUM})

LONGEST = 2**63


@dataclass(frozen=True, slots=True)
class Typed:
    """SQL that yields values of `kind` (None: always null), or the id of an `entity`.

    `literal` keeps what the client wrote, where it wrote a literal.
    """

    sql: str
    kind: Kind | None
    entity: Entity | None = None
    literal: str | int | float | bool | None = None

    @property
    def is_number(self) -> bool:
        """Whether it yields numbers."""
        return self.entity is None and self.kind in NUMBERS

    @property
    def is_text(self) -> bool:
        """Whether it yields strings or names of an enumeration."""
        return self.entity is None and self.kind in TEXTS

    @property
    def is_null(self) -> bool:
        """Whether it is the literal null."""
        return self.entity is None and self.kind is None

    @property
    def noun(self) -> str:
        """What it yields, for an error message."""
        if self.entity is None and self.kind is None:
            return "null"
        name = self.entity.name if self.entity is not None else self.kind.value if self.kind is not None else ""
        return f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}"


NULL = Typed("NULL", None)


def literal(value: str | int | float | bool | None, parameters: Parameters) -> Typed:
    """A literal of the query, as a bound parameter."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return Typed(parameters.bind(value, "boolean"), Kind.BOOLEAN, literal=value)
    if isinstance(value, int):
        if not -LONGEST <= value < LONGEST:
            raise BadParameter(f"The number {value} is out of range")
        return Typed(parameters.bind(value, "bigint"), Kind.LONG, literal=value)
    if isinstance(value, float):
        return Typed(parameters.bind(value, "float8"), Kind.DOUBLE, literal=value)
    if "\0" in value:
        raise BadParameter("A string must not contain the character NUL")
    return Typed(parameters.bind(value, "text"), Kind.STRING, literal=value)


def read_moment(text: str) -> datetime:
    """A date or a date and time, in ISO form or with a space between them; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadParameter(f"'{text}' is not a date of the form yyyy-mm-dd [hh:mm:ss]") from None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise BadParameter(f"'{text}' is out of range") from None


def as_text(value: Typed) -> Typed:
    """The value as a string."""
    if value.is_text or value.is_null:
        return Typed(f"{value.sql}::text" if value.is_null else value.sql, Kind.STRING, literal=value.literal)
    if value.kind is Kind.DATETIME:
        return Typed(f"to_char({value.sql}, 'YYYY-MM-DD HH24:MI:SS')", Kind.STRING)
    return Typed(f"({value.sql})::text", Kind.STRING)


def as_number(value: Typed, parameters: Parameters) -> Typed:
    """The value as a number: numbers, null, and strings of the query that are written like one."""
    if value.is_number:
        return value
    if value.is_null:
        return Typed("NULL::bigint", Kind.LONG)
    number = _number(value.literal) if value.is_text else None
    if number is None:
        raise BadParameter(f"A number is expected, not {value.noun}")
    return literal(number, parameters)


def as_boolean(value: Typed) -> Typed:
    """The value as a truth value."""
    if value.is_null:
        return Typed("NULL::boolean", Kind.BOOLEAN)
    if value.entity is None and value.kind is Kind.BOOLEAN:
        return value
    raise BadParameter(f"A condition is expected, not {value.noun}")


def _number(written: str | int | float | bool | None) -> int | float | None:
    if not isinstance(written, str):
        return None
    for read in (int, float):
        try:
            return read(written)
        except ValueError:
            continue
    return None


def _truth(written: str | int | float | bool | None) -> bool | None:
    if isinstance(written, str):
        return {"true": True, "false": False}.get(written.strip().lower())
    return {1: True, 0: False}.get(written) if isinstance(written, int) else None


def align(left: Typed, right: Typed, parameters: Parameters) -> tuple[Typed, Typed]:
    """Both sides of a comparison in forms that the database can compare.

    Raises `BadParameter` where the two have nothing in common, such as a moment and a number.
    """
    if left.is_null or right.is_null:
        return left, right
    if left.entity is not None or right.entity is not None:
        return _align_ids(left, right, parameters)
    if (left.is_number and right.is_number) or (left.is_text and right.is_text) or left.kind is right.kind:
        return left, right
    for one, other, back in ((left, right, False), (right, left, True)):
        met = _meet(one, other, parameters)
        if met is not None:
            return (met[1], met[0]) if back else met
    raise BadParameter(f"It is not possible to compare {left.noun} with {right.noun}")


def _align_ids(left: Typed, right: Typed, parameters: Parameters) -> tuple[Typed, Typed]:
    if left.entity is not None and right.entity is not None:
        if left.entity is not right.entity:
            raise BadParameter(f"It is not possible to compare {left.noun} with {right.noun}")
        return left, right
    if left.entity is not None:
        return left, as_number(right, parameters)
    return as_number(left, parameters), right


def _meet(one: Typed, other: Typed, parameters: Parameters) -> tuple[Typed, Typed] | None:
    """`one` and `other` when `one` decides what is compared; None when it does not."""
    if one.kind is Kind.DATETIME and other.is_text:
        if isinstance(other.literal, str):
            return one, Typed(parameters.bind(read_moment(other.literal), "timestamptz"), Kind.DATETIME)
        return as_text(one), other
    if one.kind is Kind.BOOLEAN and other.literal is not None:
        truth = _truth(other.literal)
        if truth is not None:
            return one, literal(truth, parameters)
    if one.is_number and other.is_text:
        number = _number(other.literal) if one.literal is None else None
        return (as_text(one), other) if number is None else (one, literal(number, parameters))
    return None
