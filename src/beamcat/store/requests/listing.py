"""Which downloads a client asks for: the `queryOffset` of TopCAT's listings, read into SQL with bound values.

It is the tail of a JPQL query over the alias `download` (data service specification, C.2). Nothing of the text goes
into the SQL: columns are looked up, operators are ours, and values are bound.

    tail       := [WHERE] [condition] [ORDER BY column [ASC|DESC], ...] [LIMIT [offset,] count]
    condition  := and {OR and};  and := not {AND not};  not := NOT not | '(' condition ')' | comparison
    comparison := value (= | <> | != | < | <= | > | >=) value | value [NOT] LIKE value
                | value [NOT] BETWEEN value AND value | value [NOT] IN (value, ...) | value IS [NOT] NULL
    value      := column | 'text' | number | TRUE | FALSE | {ts '...'} | ...DownloadStatus.NAME
                | UPPER(value) | LOWER(value) | CONCAT(value, ...)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from beamcat.errors import BadParameter

LONGEST = 20_000
"""Characters of a `queryOffset`."""
DEEPEST = 50
"""Parentheses, functions and NOTs inside each other."""
LARGEST = 2**63 - 1


class Type(Enum):
    """What values are."""

    TEXT = "text"
    NUMBER = "bigint"
    TRUTH = "boolean"
    MOMENT = "timestamptz"


COLUMNS: dict[str, tuple[str, Type]] = {
    "id": ("id", Type.NUMBER),
    "facilityName": ("facility_name", Type.TEXT),
    "userName": ("user_name", Type.TEXT),
    "fullName": ("full_name", Type.TEXT),
    "transport": ("transport", Type.TEXT),
    "fileName": ("file_name", Type.TEXT),
    "preparedId": ("prepared_id::text", Type.TEXT),
    "email": ("email", Type.TEXT),
    "isEmailSent": ("email_sent", Type.TRUTH),
    "status": ("status", Type.TEXT),
    "priority": ("priority::bigint", Type.NUMBER),
    "size": ("size", Type.NUMBER),
    "isTwoLevel": ("two_level", Type.TRUTH),
    "createdAt": ("created", Type.MOMENT),
    "completedAt": ("completed", Type.MOMENT),
    "isDeleted": ("is_deleted", Type.TRUTH),
    "deletedAt": ("deleted", Type.MOMENT),
}
"""What can be asked for, as clients call it: its SQL and its type."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<moment>\{\s*ts\s*'(?P<ts>[^']*)'\s*\})
      | (?P<text>'(?:[^']|'')*')
      | (?P<number>-?[0-9]{1,19}(?![0-9A-Za-z_.]))
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
      | (?P<sign><>|!=|<=|>=|[=<>(),])
    )""",
    re.VERBOSE | re.ASCII,
)
_STATUS = re.compile(r"(?:org\.icatproject\.topcat\.domain\.)?DownloadStatus\.([A-Z]+)", re.ASCII)
_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of all downloads: a condition with its values, an order, and a page."""

    condition: str = "true"
    values: tuple[Any, ...] = ()
    order: str = "id"
    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class _Value:
    sql: str
    type: Type
    values: tuple[Any, ...] = ()
    literal: str | None = None
    """The text of a text literal, which may turn out to be a moment or a number."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def parse_listing(text: str | None) -> Listing:
    """What a `queryOffset` asks for; none: everything. Raises `BadParameter` for what is not of the grammar."""
    if text is None or not text.strip():
        return Listing()
    if len(text) > LONGEST:
        raise BadParameter(f"queryOffset may have {LONGEST} characters")
    if "\0" in text:
        raise BadParameter("queryOffset holds a NUL character")
    return _Parser(list(_tokens(text))).listing()


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise BadParameter(f"queryOffset cannot be read from here on: {text[at : at + 50].strip()!r}")
        at = match.end()
        kind = "moment" if match["moment"] else match.lastgroup
        yield _Token(kind, match["ts"] if kind == "moment" else match[kind])


class _Parser:
    """Reads tokens into SQL."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def listing(self) -> Listing:
        self._take("WHERE")
        condition, values = "true", tuple[Any, ...]()
        if not self._is_at_end() and not self._is_next("ORDER", "LIMIT"):
            condition, values = self._condition()
        order = self._order() if self._take("ORDER") else "id"
        offset, limit = self._page() if self._take("LIMIT") else (0, None)
        if not self._is_at_end():
            raise self._unexpected()
        return Listing(condition, values, order, offset, limit)

    # -- conditions --------------------------------------------------------------------------------

    def _condition(self) -> tuple[str, tuple[Any, ...]]:
        return self._joined("OR", self._conjunction)

    def _conjunction(self) -> tuple[str, tuple[Any, ...]]:
        return self._joined("AND", self._negation)

    def _joined(self, word: str, part: Any) -> tuple[str, tuple[Any, ...]]:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        sql = f" {word} ".join(sql for sql, _ in parts)
        return (f"({sql})" if len(parts) > 1 else sql), tuple(value for _, values in parts for value in values)

    def _negation(self) -> tuple[str, tuple[Any, ...]]:
        self._deeper()
        if self._take("NOT"):
            sql, values = self._negation()
            sql = f"NOT ({sql})"
        elif self._take("("):
            sql, values = self._condition()
            self._expect(")")
        else:
            sql, values = self._comparison()
        self._depth -= 1
        return sql, values

    def _comparison(self) -> tuple[str, tuple[Any, ...]]:
        left = self._value()
        if self._take("IS"):
            negated = self._take("NOT")
            self._expect("NULL")
            return f"{left.sql} IS {'NOT ' if negated else ''}NULL", left.values
        negation = "NOT " if self._take("NOT") else ""
        if self._take("LIKE"):
            left, right = _as_text(left), _as_text(self._value())
            return f"{left.sql} {negation}LIKE {right.sql} ESCAPE ''", (*left.values, *right.values)
        if self._take("BETWEEN"):
            low = self._value()
            self._expect("AND")
            left, low, high = _alike(left, low, self._value())
            return f"{left.sql} {negation}BETWEEN {low.sql} AND {high.sql}", (*left.values, *low.values, *high.values)
        if self._take("IN"):
            self._expect("(")
            left, *listed = _alike(left, *self._values())
            values = (*left.values, *(value for each in listed for value in each.values))
            return f"{left.sql} {negation}IN ({', '.join(each.sql for each in listed)})", values
        operator = self._next()
        if negation or operator is None or operator.kind != "sign" or operator.text not in _COMPARISONS:
            raise self._unexpected()
        self._at += 1
        left, right = _alike(left, self._value())
        return f"{left.sql} {_COMPARISONS[operator.text]} {right.sql}", (*left.values, *right.values)

    # -- values ------------------------------------------------------------------------------------

    def _value(self) -> _Value:
        token = self._next()
        if token is None:
            raise self._unexpected()
        self._at += 1
        match token.kind:
            case "text":
                content = token.text[1:-1].replace("''", "'")
                return _Value("%s::text", Type.TEXT, (content,), content)
            case "number" if -LARGEST <= int(token.text) <= LARGEST:
                return _Value("%s::bigint", Type.NUMBER, (int(token.text),))
            case "moment":
                return _moment(token.text)
            case "word":
                return self._named(token.text)
        self._at -= 1
        raise self._unexpected()

    def _named(self, word: str) -> _Value:
        match word.upper():
            case "TRUE" | "FALSE" as truth:
                return _Value(truth.lower(), Type.TRUTH)
            case "UPPER" | "LOWER" as function:
                value = _as_text(self._argument())
                return _Value(f"{function.lower()}({value.sql})", Type.TEXT, value.values)
            case "CONCAT":
                self._expect("(")
                parts = [_as_text(value) for value in self._values()]
                values = tuple(value for part in parts for value in part.values)
                return _Value(f"({' || '.join(part.sql for part in parts)})", Type.TEXT, values)
        if status := _STATUS.fullmatch(word):
            return _Value("%s::text", Type.TEXT, (status[1],), status[1])
        return _Value(*self._column(word))

    def _argument(self) -> _Value:
        self._expect("(")
        self._deeper()
        value = self._value()
        self._depth -= 1
        self._expect(")")
        return value

    def _values(self) -> list[_Value]:
        """Values with commas between, up to the closing parenthesis."""
        self._deeper()
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._depth -= 1
        self._expect(")")
        return values

    def _column(self, word: str) -> tuple[str, Type]:
        alias, _, name = word.rpartition(".")
        if alias not in {"", "download"} or name not in COLUMNS:
            raise BadParameter(f"queryOffset: there is no {word[:100]}")
        return COLUMNS[name]

    # -- order and page ----------------------------------------------------------------------------

    def _order(self) -> str:
        self._expect("BY")
        keys = [self._key()]
        while self._take(","):
            keys.append(self._key())
        return ", ".join([*keys, "id"])

    def _key(self) -> str:
        token = self._next()
        if token is None or token.kind != "word":
            raise self._unexpected()
        self._at += 1
        column, _ = self._column(token.text)
        if self._take("DESC"):
            return f"{column} DESC"
        self._take("ASC")
        return column

    def _page(self) -> tuple[int, int]:
        first = self._count()
        return (first, self._count()) if self._take(",") else (0, first)

    def _count(self) -> int:
        token = self._next()
        if token is None or token.kind != "number" or not 0 <= int(token.text) <= LARGEST:
            raise self._unexpected()
        self._at += 1
        return int(token.text)

    # -- tokens ------------------------------------------------------------------------------------

    def _next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _is_at_end(self) -> bool:
        return self._at == len(self._tokens)

    def _is_next(self, *words: str) -> bool:
        token = self._next()
        return token is not None and token.kind in {"word", "sign"} and token.text.upper() in words

    def _take(self, word: str) -> bool:
        if self._is_next(word):
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected()

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadParameter("queryOffset is nested too deeply")

    def _unexpected(self) -> BadParameter:
        token = self._next()
        if token is None:
            return BadParameter("queryOffset ends too early")
        return BadParameter(f"queryOffset: {token.text[:50]!r} is not expected there")


def _as_text(value: _Value) -> _Value:
    return value if value.type is Type.TEXT else _Value(f"({value.sql})::text", Type.TEXT, value.values)


def _alike(*values: _Value) -> list[_Value]:
    """The values as of one type: a text literal stands for the moment, number or truth it is compared with."""
    types = {value.type for value in values if value.literal is None}
    if not types:
        return list(values)
    if len(types) > 1:
        raise BadParameter("queryOffset compares values of different types")
    wanted = types.pop()
    return [_read_as(wanted, value) for value in values]


def _read_as(wanted: Type, value: _Value) -> _Value:
    text = value.literal
    if text is None or wanted is Type.TEXT:
        return value
    if wanted is Type.MOMENT:
        return _moment(text)
    if wanted is Type.NUMBER and re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
        return _Value("%s::bigint", Type.NUMBER, (int(text),))
    if wanted is Type.TRUTH and text.lower() in {"true", "false"}:
        return _Value(text.lower(), Type.TRUTH)
    raise BadParameter(f"queryOffset: {text[:50]!r} is not comparable with what it is compared with")


def _moment(text: str) -> _Value:
    """A moment in UTC, unless it says another zone. The year 0, which clients send for any time, becomes the first."""
    try:
        moment = datetime.fromisoformat(re.sub("^0000-", "0001-", text.strip()))
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadParameter(f"queryOffset: {text[:50]!r} is not a date and time") from None
    return _Value("%s::timestamptz", Type.MOMENT, (moment,))
