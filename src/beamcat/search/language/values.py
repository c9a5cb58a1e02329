"""Dates, sizes and numbers as people write them. All times are in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from beamcat.search.language.tree import NUMBER

_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{1,2})(?:-(?P<day>[0-9]{1,2})"
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]{1,9})?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?"
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2})?)?")
_MILLISECONDS = re.compile(r"-?[0-9]{13}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_QUANTITY = re.compile(rf"({NUMBER.pattern})\s*(.*)", re.DOTALL)
_BYTES = {
    "": 1,
    "b": 1,
    "byte": 1,
    "bytes": 1,
    **{f"{prefix}{unit}": 1000**power for power, prefix in enumerate("kmgtpe", 1) for unit in ("", "b")},
    **{f"{prefix}i{unit}": 1024**power for power, prefix in enumerate("kmgtpe", 1) for unit in ("", "b")},
}


@dataclass(frozen=True, slots=True)
class Period:
    """From the first to the last millisecond of what was said: `2024-03` is a month."""

    first: int
    last: int


def period(text: str) -> Period | None:
    """The time that a date says: `2024`, `2024-03`, `2024-03-05`, `20240305`, `2024-03-05T12:30`, or milliseconds."""
    text = text.strip()
    if _MILLISECONDS.fullmatch(text):
        return Period(int(text), int(text))
    try:
        if (match := _COMPACT.fullmatch(text)) is not None:
            year, month, day, hour, minute, second = match.groups()
            return _period(int(year), month, day, hour, minute, second, None)
        if (match := _DATE.fullmatch(text)) is not None:
            return _period(int(match["year"]), *match.group("month", "day", "hour", "minute", "second", "zone"))
    except (ValueError, OverflowError):  # no such day, or a year beyond reach
        pass
    return None


def periods(text: str) -> tuple[Period | None, Period | None] | None:
    """The two ends of `2024-03..2024-05`, `2024..` or `..2024`; none is open. One date is both of its ends."""
    low, dots, high = text.partition("..")
    if not dots:
        one = period(text)
        return None if one is None else (one, one)
    ends = tuple(None if bound.strip() in ("", "*") else period(bound) for bound in (low, high))
    missing = [bound.strip() not in ("", "*") and end is None for bound, end in zip((low, high), ends, strict=True)]
    return None if any(missing) or ends == (None, None) else (ends[0], ends[1])


def number(text: str) -> float | None:
    """A finite number."""
    if NUMBER.fullmatch(text.strip()) is None:
        return None
    value = float(text)
    return value if abs(value) != float("inf") else None


def quantity(text: str) -> tuple[float, str | None] | None:
    """A number, and the unit behind it if there is one: `20 K`, `20K`."""
    match = _QUANTITY.fullmatch(text.strip())
    value = None if match is None else number(match[1])
    return None if match is None or value is None else (value, match[2].strip() or None)


def bytes_in(unit: str | None) -> int | None:
    """How many bytes one of it is: `GB` a thousand million, `GiB` 2 to the 30; none if it is no such unit."""
    return _BYTES.get((unit or "").strip().lower())


def _period(year: int, *rest: str | None) -> Period:
    month, day, hour, minute, second, zone = rest
    numbers = (int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
    given = datetime(year, *numbers, tzinfo=UTC)
    if zone is not None and zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        given -= sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    if month is None:
        end = given.replace(year=year + 1)
    elif day is None:
        end = given.replace(year=year + int(month) // 12, month=int(month) % 12 + 1)
    elif hour is None:
        end = given + timedelta(days=1)
    else:
        end = given + (timedelta(minutes=1) if second is None else timedelta(seconds=1))
    return Period((given - _EPOCH) // _MILLISECOND, (end - _EPOCH) // _MILLISECOND - 1)
