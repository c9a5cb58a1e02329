"""ICAT's own question to its search engine: the JSON of `search/documents`, `facet/documents` and `lucene/data`.

ICAT API specification B.8. Its errors are in ICAT's words. Only `text` counts in ranking.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any as Json

import orjson

from beamcat.errors import BadParameter

TARGETS = ("Investigation", "Dataset", "Datafile")

_MEMBERS = frozenset(
    ("target", "user", "userFullName", "text", "lower", "upper", "parameters", "samples", "filter", "facets")
)
_MINUTE = re.compile(r"([0-9]{4,9})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TO_THE_END_OF_THE_MINUTE = 59_999
_LATEST_YEAR = 9999


@dataclass(frozen=True, slots=True)
class IcatParameter:
    """A condition on a parameter: one of a text, two moments in milliseconds since 1970, or two numbers."""

    name: str
    units: str
    string: str | None = None
    moments: tuple[int | None, int | None] | None = None
    numbers: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class IcatRange:
    """A range of a facet; none: open."""

    key: str | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class IcatDimension:
    """What a facet counts; no ranges: each value."""

    name: str
    ranges: tuple[IcatRange, ...] = ()


@dataclass(frozen=True, slots=True)
class IcatFacet:
    """Dimensions of one entity; without any, those that are usual for it."""

    target: str
    dimensions: tuple[IcatDimension, ...] = ()


@dataclass(frozen=True, slots=True)
class IcatQuery:
    """The question. Moments are in milliseconds since 1970 UTC; none: open."""

    target: str
    text: str | None = None
    user: str | None = None
    user_full_name: str | None = None
    lower: int | None = None
    upper: int | None = None
    parameters: tuple[IcatParameter, ...] = ()
    samples: tuple[str, ...] = ()
    filter: Mapping[str, Json] = field(default_factory=dict)
    others: Mapping[str, Json] = field(default_factory=dict)
    """Any other member: an exact value of a field."""
    facets: tuple[IcatFacet, ...] = ()


def read_icat_query(text: str | None, *, old: bool = False) -> IcatQuery:
    """The question in the parameter `query`. `old` is `lucene/data`, which words one error differently.

    Raises `BadParameter`.
    """
    if not text:
        raise BadParameter("query is not set")
    try:
        query = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadParameter(f"query is no JSON: {error}") from error
    if not isinstance(query, dict):
        raise BadParameter("query is not a JSON object")
    return IcatQuery(
        parameters=tuple(_parameter(parameter, old) for parameter in _list(query, "parameters")),
        target=_target(query),
        text=_string(query, "text"),
        user=_string(query, "user"),
        user_full_name=_string(query, "userFullName"),
        lower=_moment(query, "lower", 0),
        upper=_moment(query, "upper", _TO_THE_END_OF_THE_MINUTE),
        samples=tuple(_samples(query)),
        filter=_object(query, "filter"),
        others={name: value for name, value in query.items() if name not in _MEMBERS},
        facets=tuple(_facet(facet) for facet in _list(query, "facets")),
    )


def _target(query: Mapping[str, Json]) -> str:
    target = query.get("target")
    if target not in TARGETS:
        raise BadParameter(f"target:{'null' if target is None else target} is not expected")
    return str(target)


def _parameter(given: Json, old: bool) -> IcatParameter:
    if not isinstance(given, dict):
        raise BadParameter("parameters is a list of JSON objects")
    name, units = _string(given, "name"), _string(given, "units")
    if name is None:
        raise BadParameter("name not set in one of parameters")
    if units is None:
        raise BadParameter(f"units not set in parameter '{name}'")
    if "stringValue" in given:
        return IcatParameter(name, units, string=_string(given, "stringValue") or "")
    if "lowerDateValue" in given and "upperDateValue" in given:
        low = _moment(given, "lowerDateValue", 0)
        high = _moment(given, "upperDateValue", _TO_THE_END_OF_THE_MINUTE)
        return IcatParameter(name, units, moments=(low, high))
    if "lowerNumericValue" in given and "upperNumericValue" in given:
        bounds = _number(given, "lowerNumericValue"), _number(given, "upperNumericValue")
        return IcatParameter(name, units, numbers=bounds)
    raise BadParameter(orjson.dumps(given).decode() if old else f"value not set in parameter '{name}'")


def _samples(query: Mapping[str, Json]) -> list[str]:
    samples = _list(query, "samples")
    if not all(isinstance(sample, str) for sample in samples):
        raise BadParameter("samples is a list of strings")
    return samples


def _facet(given: Json) -> IcatFacet:
    if not isinstance(given, dict) or not isinstance(given.get("target"), str):
        raise BadParameter("'target' not specified for facet request")
    return IcatFacet(given["target"], tuple(_dimension(dimension) for dimension in _list(given, "dimensions")))


def _dimension(given: Json) -> IcatDimension:
    if not isinstance(given, dict) or not isinstance(given.get("dimension"), str):
        raise BadParameter("'dimension' not specified for facet request")
    return IcatDimension(given["dimension"], tuple(_range(one) for one in _list(given, "ranges")))


def _range(given: Json) -> IcatRange:
    if not isinstance(given, dict):
        raise BadParameter("ranges is a list of JSON objects")
    bounds = (None if given.get(name) is None else _number(given, name) for name in ("from", "to"))
    return IcatRange(_string(given, "key"), *bounds)


def _moment(given: Mapping[str, Json], name: str, within_the_minute: int) -> int | None:
    """Milliseconds since 1970, or `yyyyMMddHHmm`. A year beyond those that people mean is an open end."""
    value = given.get(name)
    match value:
        case None:
            return None
        case bool():
            pass
        case int():
            return value
        case float():
            return int(value)
        case str():
            return _minute(value, within_the_minute)
    kind = "true or false" if isinstance(value, bool) else "a list" if isinstance(value, list) else "an object"
    raise BadParameter(f"Dates should be represented by a NUMBER or STRING JsonValue, but {name} is {kind}")


def _minute(text: str, within_the_minute: int) -> int | None:
    match = _MINUTE.fullmatch(text)
    problem = BadParameter(f"Could not parse date {text[:40]} using expected format yyyyMMddHHmm")
    if match is None:
        raise problem
    year, month, day, hour, minute = (int(part) for part in match.groups())
    if not 0 < year <= _LATEST_YEAR:
        return None
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError as error:
        raise problem from error
    return round((moment - _EPOCH).total_seconds() * 1000) + within_the_minute


def _string(given: Mapping[str, Json], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise BadParameter(f"{name} is a string")
    return value


def _number(given: Mapping[str, Json], name: str) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadParameter(f"{name} is a number")
    return float(value)


def _list(given: Mapping[str, Json], name: str) -> list[Json]:
    value = given.get(name)
    if value is not None and not isinstance(value, list):
        raise BadParameter(f"{name} is a list")
    return value or []


def _object(given: Mapping[str, Json], name: str) -> dict[str, Json]:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise BadParameter(f"{name} is a JSON object")
    return value or {}
