"""Facets as people want them: which fields they count, and what the counts are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

from beamcat.access.caller import Caller
from beamcat.errors import BadParameter
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.filtering import name_of
from beamcat.search.labels import labels
from beamcat.search.language import names
from beamcat.search.language.lookups import Lookups, ParameterType, ValueKind
from beamcat.search.language.meaning import Exactly
from beamcat.search.language.names import Called, Key, Own
from beamcat.search.language.reading import Language
from beamcat.search.language.values import bytes_in, period, quantity
from beamcat.search.parts import Parts
from beamcat.search.question import Bucket, Count, Facet, Histogram, Interval, Range, Ranges, Terms
from beamcat.search.wanted import FacetAsked, FacetFound, FacetValue, Filter, RangeAsked

MOST_TOLD = 1_000
"""Values, or ranges, of one facet that are told at most."""
CONSIDERED = 2_000
"""The most frequent values among which those whose names may be told are looked for."""
MOST_FACETS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Counting:
    """One facet of one entity: the counts of the engine that make it up."""

    asked: FacetAsked
    entity: str
    name: str
    """What a filter on the same is called."""
    counts: tuple[Count, ...]
    kind: Kind
    unit: str | None = None
    ranges: tuple[Range, ...] = ()
    """In the unit that is told."""


async def counting(
    facets: Sequence[FacetAsked], entities: Sequence[str], language: Language, lookups: Lookups
) -> dict[str, list[Counting]]:
    """Entity -> what is counted of it. Raises `BadParameter` for what none of them has, or what cannot be counted."""
    if len(facets) > MOST_FACETS:
        raise BadParameter(f"{len(facets)} facets are asked for; at most {MOST_FACETS} are told at once")
    found: dict[str, list[Counting]] = {entity: [] for entity in entities}
    for asked in facets:
        _check(asked)
        types = await lookups.parameter_types([Exactly(asked.field)])
        held = 0
        for entity in entities:
            one = _counting(asked, entity, language, types.get(Exactly(asked.field), ()))
            if one is not None:
                found[entity].append(one)
                held += 1
        if not held:
            raise BadParameter(f"facet {asked.field}: there is no such field, or it cannot be counted")
    return found


def rounds(countings: Iterable[Counting]) -> list[list[tuple[Counting, Facet]]]:
    """The facets an engine can be asked for at once: no two of a name."""
    found: list[list[tuple[Counting, Facet]]] = [[]]
    for one in countings:
        for count in one.counts:
            free = next((some for some in found if all(facet.name != one.name for _, facet in some)), None)
            if free is None:
                found.append(free := [])
            free.append((one, Facet(one.name, count)))
    return found


async def told(
    parts: Parts, caller: Caller, one: Counting, buckets: Sequence[tuple[Bucket, ...]], filters: Sequence[Filter]
) -> FacetFound:
    """A facet as people are told of it, from what was counted for each of its counts."""
    first = one.counts[0]
    match first:
        case Terms():
            values = await _terms(parts, caller, one, buckets, filters)
        case Ranges():
            values = _ranges(one, buckets)
        case Histogram(_, interval):
            values = [_column(bucket, interval) for bucket in buckets[0][:MOST_TOLD]]
        case _:
            assert_never(first)
    of_dates = one.kind in {Kind.MOMENT, Kind.MOMENTS}
    return FacetFound(one.entity, one.asked.field, tuple(values), one.unit, of_dates)


async def _terms(
    parts: Parts,
    caller: Caller,
    one: Counting,
    buckets: Sequence[tuple[Bucket, ...]],
    filters: Sequence[Filter],
) -> list[FacetValue]:
    # what two fields hold (instruments of a dataset, and of its investigation) is mostly the same: not their sum
    counts: dict[int | str | float, int] = {}
    for some in buckets:
        for bucket in some:
            counts[bucket.value] = max(bucket.count, counts.get(bucket.value, 0))
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    chosen = {value for each in filters if each.field == one.asked.field and not each.without for value in each.values}
    if one.kind is not Kind.ID:
        texts = [(value, str(value), number) for value, number in ranked]
    else:
        ids = [int(value) for value, _ in ranked]
        called = await labels(parts, caller, one.entity, one.counts[0].field, ids)
        texts = [(value, called[int(value)], number) for value, number in ranked if int(value) in called]
    marked = [
        FacetValue(value, label, number, chosen=value in chosen or label in chosen) for value, label, number in texts
    ]
    most = max(1, min(one.asked.most, MOST_TOLD))
    return marked[:most] + [value for value in marked[most:] if value.chosen]


def _ranges(one: Counting, buckets: Sequence[tuple[Bucket, ...]]) -> list[FacetValue]:
    total = [sum(some[at].count for some in buckets) for at in range(len(one.ranges))]
    return [
        FacetValue(wanted.label, wanted.label, number, wanted.low, wanted.high)
        for wanted, number in zip(one.ranges, total, strict=True)
    ]


def _column(bucket: Bucket, interval: Interval | float) -> FacetValue:
    start = float(bucket.value)
    if not isinstance(interval, Interval):
        return FacetValue(start, f"{start:g}", bucket.count, start, start + interval)
    first = _EPOCH + timedelta(milliseconds=start)
    match interval:
        case Interval.YEAR:
            label, after = f"{first:%Y}", first.replace(year=first.year + 1)
        case Interval.MONTH:
            label = f"{first:%Y-%m}"
            after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        case Interval.DAY:
            label, after = f"{first:%Y-%m-%d}", first + timedelta(days=1)
        case _:
            assert_never(interval)
    return FacetValue(int(start), label, bucket.count, start, float((after - _EPOCH) // _MILLISECOND))


def _check(asked: FacetAsked) -> None:
    if sum((bool(asked.ranges), asked.interval is not None, asked.width is not None)) > 1:
        raise BadParameter(f"facet {asked.field}: either ranges, or an interval, or a width")
    if len(asked.ranges) > MOST_TOLD:
        raise BadParameter(f"facet {asked.field}: at most {MOST_TOLD} ranges")
    if asked.width is not None and not asked.width > 0:
        raise BadParameter(f"facet {asked.field}: a width is above 0")


def _counting(asked: FacetAsked, entity: str, language: Language, types: Sequence[ParameterType]) -> Counting | None:
    document = language.documents[entity]
    fields = _fields(asked.field, document, language)
    name = name_of(entity, asked.field, language)
    if not fields:
        return _of_parameter(asked, entity, name, language, types)
    kind = document.fields[fields[0]].kind
    if kind in {Kind.MOMENT, Kind.AMOUNT}:
        count, ranges = _of_numbers(asked, fields[0], kind)
        return None if count is None else Counting(asked, entity, name, (count,), kind, ranges=ranges)
    if not document.fields[fields[0]].counted or asked.ranges or asked.interval or asked.width:
        return None
    counts = tuple(Terms(field, CONSIDERED) for field in fields if document.fields[field].counted)
    return Counting(asked, entity, name, counts, kind)


def _fields(name: str, document: DocumentType, language: Language) -> tuple[str, ...]:
    """The fields of documents that are counted; none: it is no field."""
    if name in document.fields and document.fields[name].counted:
        return (name,)
    match names.target(language.documents, document.entity, name):
        case Own(fields) | Called(fields):
            return fields
        case Key(field) if field != "id":
            return (field,)
        case _:
            return ()


def _of_numbers(asked: FacetAsked, field: str, kind: Kind) -> tuple[Count | None, tuple[Range, ...]]:
    if asked.ranges:
        ranges = tuple(_range(one, kind, asked.field) for one in asked.ranges)
        return Ranges(field, ranges), ranges
    if kind is Kind.MOMENT:
        return (None if asked.width else Histogram(field, Interval(asked.interval or "year"))), ()
    return (None if asked.width is None else Histogram(field, asked.width)), ()


def _of_parameter(
    asked: FacetAsked, entity: str, name: str, language: Language, types: Sequence[ParameterType]
) -> Counting | None:
    """Values of a parameter: those of one type in columns, those in all units that fit in ranges."""
    document = language.documents[entity]
    held = {field.kind: field.name for field in document.fields.values()}
    if not types or Kind.NUMBERS not in held:
        return None
    moments = [known for known in types if known.kind is ValueKind.DATE_AND_TIME]
    numeric = [known for known in types if known.kind is ValueKind.NUMERIC]
    if not numeric and moments:
        count, ranges = _of_numbers(asked, held[Kind.MOMENTS], Kind.MOMENT)
        if count is None:
            return None
        counts = tuple(_under(count, known.id) for known in moments)
        return Counting(asked, entity, name, counts if ranges else counts[:1], Kind.MOMENTS, ranges=ranges)
    unit = asked.unit if asked.unit is not None else (numeric[0].units if numeric else "")
    fitting = [known for known in numeric if language.units.convert(1.0, unit, known.units) is not None]
    same = [known for known in fitting if known.units == unit]
    if asked.ranges and fitting:
        ranges = tuple(_range(one, Kind.NUMBERS, asked.field) for one in asked.ranges)
        counts = tuple(
            Ranges(held[Kind.NUMBERS], tuple(_converted(one, unit, known, language) for one in ranges), known.id)
            for known in fitting
        )
        return Counting(asked, entity, name, counts, Kind.NUMBERS, unit, ranges)
    if asked.width is not None and same:
        return Counting(
            asked, entity, name, (Histogram(held[Kind.NUMBERS], asked.width, same[0].id),), Kind.NUMBERS, unit
        )
    return None


def _under(count: Count, key: int) -> Count:
    match count:
        case Ranges(field, ranges):
            return Ranges(field, ranges, key)
        case Histogram(field, interval):
            return Histogram(field, interval, key)
        case _:
            return count


def _converted(one: Range, unit: str, known: ParameterType, language: Language) -> Range:
    low, high = (
        None if bound is None else language.units.convert(bound, unit, known.units) for bound in (one.low, one.high)
    )
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Range(one.label, low, high)


def _range(asked: RangeAsked, kind: Kind, name: str) -> Range:
    low, high = (_bound(bound, kind, name) for bound in (asked.low, asked.high))
    shown = asked.label or f"{_shown(asked.low)}..{_shown(asked.high)}"
    return Range(shown, low, high)


def _shown(bound: float | str | None) -> str:
    return "" if bound is None else bound if isinstance(bound, str) else f"{bound:g}"


def _bound(bound: float | str | None, kind: Kind, name: str) -> float | None:
    if bound is None or not isinstance(bound, str):
        return bound
    if kind is Kind.MOMENT:
        when = period(bound)
        if when is not None:
            return when.first
    else:
        counted = quantity(bound)
        factor = None if counted is None else 1 if kind is Kind.NUMBERS else bytes_in(counted[1])
        if counted is not None and factor is not None:
            return counted[0] * factor
    raise BadParameter(f"facet {name}: {bound} is not a bound of its values")
