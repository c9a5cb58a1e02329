"""Filters and facets as they stand in a URL: `instrument:ML07`, `-type:calibration`, `temperature:10..20 K`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from beamcat.errors import BadParameter
from beamcat.search.wanted import FacetAsked, Filter

QUOTED = r'"((?:[^"\\]|\\.)*)"'
_NAME = re.compile(rf"(-?+)(?:{QUOTED}|([^:\"]+)):(.*)", re.DOTALL)
_FACET = re.compile(rf"(?:{QUOTED}|([^:\"]+))(?::(.*))?", re.DOTALL)
_WHOLE = re.compile(QUOTED, re.DOTALL)
_RANGE = re.compile(r"([^\s.<]\S*?)?\.\.(<?)([^\s.<]\S*)?(?:\s+(\S.*))?", re.DOTALL)
_COLUMNS = re.compile(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)(?:\s+(\S.*))?", re.DOTALL)
_ID = re.compile(r"#([0-9]{1,18})", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_INTERVALS = ("year", "month", "day")
MOST_VALUES = 1_000


def filters_in(texts: Iterable[str]) -> tuple[Filter, ...]:
    """The filters; those for values of the same field are one: any of the values is enough."""
    ranges: list[Filter] = []
    values: dict[tuple[str, bool], list[int | str]] = {}
    for text in texts:
        read = _filter(text)
        if read.values:
            values.setdefault((read.field, read.without), []).extend(read.values)
        else:
            ranges.append(read)
    chosen = [Filter(name, tuple(dict.fromkeys(found)), without=without) for (name, without), found in values.items()]
    return (*chosen, *ranges)


def filter_text(name: str, value: int | str) -> str:
    """A filter as it stands in a URL, for a value that a facet has told."""
    return f"{_written(name)}:#{value}" if isinstance(value, int) else f"{_written(name)}:{_quoted(value)}"


def range_text(name: str, low: float | str | None, high: float | str | None, unit: str | None) -> str:
    """The same for a range, which its upper end does not belong to."""
    until = "" if high is None else f"<{_bound_text(high)}"
    return f"{_written(name)}:{'' if low is None else _bound_text(low)}..{until}{f' {unit}' if unit else ''}"


def facet_in(text: str, most: int) -> FacetAsked:
    """A facet: `instrument`, `date:month`, `temperature:10 K` for columns that are so wide."""
    match = _FACET.fullmatch(text)
    if match is None:
        raise BadParameter(f"facet {text[:100]!r}: say NAME, NAME:year, NAME:month, NAME:day or NAME:WIDTH UNIT")
    name = _unquoted(match[1]) if match[1] is not None else match[2].strip()
    how = match[3]
    if not how:
        return FacetAsked(name, most)
    for interval in _INTERVALS:
        if how == interval:
            return FacetAsked(name, most, interval=interval)  # type: ignore[arg-type]
    columns = _COLUMNS.fullmatch(how)
    if columns is None or not _NUMBER.fullmatch(columns[1]):
        raise BadParameter(f"facet {text[:100]!r}: behind the colon stands year, month, day, or how wide columns are")
    return FacetAsked(name, most, width=float(columns[1]), unit=columns[2])


def _filter(text: str) -> Filter:
    match = _NAME.fullmatch(text)
    if match is None:
        raise BadParameter(f"filter {text[:100]!r}: say NAME:VALUE, NAME:#ID or NAME:LOW..HIGH UNIT")
    name = _unquoted(match[2]) if match[2] is not None else match[3].strip()
    value, without = match[4], match[1] == "-"
    if not name or not value:
        raise BadParameter(f"filter {text[:100]!r}: say what {'value' if name else 'field'} is meant")
    if (whole := _WHOLE.fullmatch(value)) is not None:
        return Filter(name, (_unquoted(whole[1]),), without=without)
    if (known := _ID.fullmatch(value)) is not None:
        return Filter(name, (int(known[1]),), without=without)
    bounds = _RANGE.fullmatch(value)
    if bounds is None or (bounds[1] is None and bounds[3] is None):
        return Filter(name, (value,), without=without)
    low, high = _bound(bounds[1]), _bound(bounds[3])
    return Filter(name, low=low, high=high, includes_high=not bounds[2], unit=bounds[4], without=without)


def _bound(text: str | None) -> float | str | None:
    """A number, or a date; four digits may be either, which the field decides."""
    if text is None or _YEAR.fullmatch(text) or not _NUMBER.fullmatch(text):
        return text
    return float(text)


def _bound_text(bound: float | str) -> str:
    return bound if isinstance(bound, str) else f"{bound:.15g}"


def _written(name: str) -> str:
    return _quoted(name) if name.startswith(("-", '"')) or ":" in name or '"' in name else name


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
