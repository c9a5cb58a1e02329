"""What is typed into filters, as conditions of the query language."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial

from beamcat.portal.lists.declaring import Column, Kind, ListOf
from beamcat.portal.lists.state import State
from beamcat.portal.reading import text as quoted

ESCAPE = "$"
FACTORS: dict[str, int] = {
    unit: 1000**power for power, unit in enumerate(("b", "kb", "mb", "gb", "tb", "pb", "eb"))
} | {unit: 1024**power for power, unit in enumerate(("", "kib", "mib", "gib", "tib", "pib", "eib"))}
_AT_LEAST = re.compile(r"^(?:≥|>=|>|≤|<=|<|=)\s*")
_AMOUNT = re.compile(r"^(-?[0-9][0-9 '\u202f\u00a0]*(?:[.,][0-9]+)?)\s*([A-Za-z]*)$")
_DATE = re.compile(r"^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$")


class Unclear(ValueError):
    """What was typed is none of the kind; `args[0]` names the words that say so."""


def conditions_of(list_: ListOf, state: State, zone: tzinfo) -> tuple[list[str], dict[str, str]]:
    """The conditions of all filters, and by column the words for what is wrong with those left out."""
    asked: list[tuple[str, Callable[[Column], str]]] = []
    for key, typed in state.texts.items():
        asked.append((key, partial(text_condition, typed=typed, how=state.hows.get(key, "has"))))
    asked += [(key, partial(choice_condition, values=values, zone=zone)) for key, values in state.chosen.items()]
    asked += [(key, partial(low_condition, typed=typed, zone=zone)) for key, typed in state.lows.items()]
    asked += [(key, partial(high_condition, typed=typed, zone=zone)) for key, typed in state.highs.items()]
    conditions: list[str] = []
    wrong: dict[str, str] = {}
    for key, condition_of in asked:
        column = list_.column(key)
        assert column is not None
        try:
            conditions.append(condition_of(column))
        except Unclear as error:
            wrong[key] = str(error)
    return conditions, wrong


def text_condition(column: Column, typed: str, how: str) -> str:
    """`has` and `not` look for a part, whatever its case; `is` wants all of it exactly. No character is special."""
    if column.kind is not Kind.TEXT:
        raise Unclear("lists.wrong.text")
    if how == "is":
        return _wrapped(column, f"{column.path} = {quoted(typed)}")
    pattern = re.sub(r"[$%_]", lambda special: ESCAPE + special[0], typed)
    found = f"LOWER({column.path}) LIKE LOWER({quoted(f'%{pattern}%')}) ESCAPE '{ESCAPE}'"
    if how == "has":
        return _wrapped(column, found)
    if column.within:
        return f"NOT ({_wrapped(column, found)})"
    return f"({column.path} IS NULL OR NOT ({found}))"


def choice_condition(column: Column, values: tuple[str, ...], zone: tzinfo) -> str:
    """One of the values."""
    if column.years:
        ends = [days(value) for value in values]
        spans = [
            f"({column.years} >= {moment_literal(first, zone)} AND {column.years} < {moment_literal(last, zone)})"
            for first, last in ends
        ]
        return f"({' OR '.join(spans)})"
    by_value = {option.value: option for option in column.options}
    parts = []
    for value in values:
        option = by_value.get(value)
        if option is not None and option.condition:
            parts.append(f"({option.condition})")
        elif column.path:
            parts.append(_wrapped(column, f"{column.path} = {quoted(value)}"))
        else:
            raise Unclear("lists.wrong.choice")
    return f"({' OR '.join(parts)})"


def low_condition(column: Column, typed: str, zone: tzinfo) -> str:
    """At least what was typed: a date from its first moment."""
    match column.kind:
        case Kind.DATE:
            return _wrapped(column, f"{column.path} >= {moment_literal(days(typed)[0], zone)}")
        case Kind.SIZE:
            return _wrapped(column, f"{column.path} >= {size_of(typed)}")
        case Kind.NUMBER:
            return _wrapped(column, f"{column.path} >= {number_of(typed)}")
        case _:
            raise Unclear("lists.wrong.text")


def high_condition(column: Column, typed: str, zone: tzinfo) -> str:
    """At most what was typed: a date counts to the end of its day, month or year."""
    match column.kind:
        case Kind.DATE:
            return _wrapped(column, f"{column.path} < {moment_literal(days(typed)[1], zone)}")
        case Kind.SIZE:
            return _wrapped(column, f"{column.path} <= {size_of(typed)}")
        case Kind.NUMBER:
            return _wrapped(column, f"{column.path} <= {number_of(typed)}")
        case _:
            raise Unclear("lists.wrong.text")


def _wrapped(column: Column, condition: str) -> str:
    return column.within.replace("{}", condition) if column.within else f"({condition})"


def days(typed: str) -> tuple[date, date]:
    """The first day of what was typed, `2024`, `2024-01` or `2024-01-31`, and the first day after it."""
    match = _DATE.match(_AT_LEAST.sub("", typed).strip())
    if match is None:
        raise Unclear("lists.wrong.date")
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        assert year is not None
        first = date(year, month or 1, day or 1)
        if day is not None:
            return first, first + timedelta(days=1)
        if month is not None:
            return first, date(year + month // 12, month % 12 + 1, 1)
        return first, date(year + 1, 1, 1)
    except (ValueError, OverflowError):
        raise Unclear("lists.wrong.date") from None


def moment_literal(day: date, zone: tzinfo) -> str:
    """The beginning of a day in a zone, as a string that is compared with a date."""
    try:
        moment = datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:
        raise Unclear("lists.wrong.date") from None
    return quoted(moment.isoformat())


def size_of(typed: str) -> int:
    """The bytes of `1 TB`, `≥ 1,5 GiB` or `4096`."""
    match = _AMOUNT.match(_AT_LEAST.sub("", typed).strip())
    factor = None if match is None else FACTORS.get(match[2].lower(), FACTORS.get(f"{match[2].lower()}b"))
    if match is None or factor is None:
        raise Unclear("lists.wrong.size")
    size = round(_number(match[1]) * factor)
    if abs(size) >= 2**63:
        raise Unclear("lists.wrong.size")
    return size


def number_of(typed: str) -> float | int:
    """`1 200`, `≥ 3` or `2.5`."""
    match = _AMOUNT.match(_AT_LEAST.sub("", typed).strip())
    if match is None or match[2]:
        raise Unclear("lists.wrong.number")
    number = _number(match[1])
    if abs(number) >= 2**63:
        raise Unclear("lists.wrong.number")
    return int(number) if number == int(number) else number


def _number(written: str) -> float:
    return float(re.sub(r"[ '\u202f\u00a0]", "", written).replace(",", "."))
