"""What both engines do alike with counts: check what is asked, and put together what parts of an index told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy

from beamcat.errors import BadParameter
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.question import (
    AllOf,
    Between,
    Bucket,
    Count,
    Counted,
    Facet,
    Has,
    Histogram,
    Interval,
    Predicate,
    Question,
    Range,
    Ranges,
    Terms,
)

MILLISECONDS_PER_DAY = 86_400_000
MOST_VALUES = 10_000
"""So many different values of a facet are counted exactly in each part of an index."""
MOST_COLUMNS = 1_000
"""Columns of a histogram of parameters."""

Counts = Mapping[int | str | float, int]
"""Value, or label of a range, or start of a column, to the number of hits."""


def check(documents: DocumentType, count: Count) -> None:
    """Raises `BadParameter` for what cannot be counted."""
    if isinstance(count, Terms):
        if not documents.field(count.field, Kind.ID, Kind.CODE).counted:
            raise BadParameter(f"values of {count.field} are not counted")
        return
    kind = documents.field(count.field, Kind.AMOUNT, Kind.MOMENT, Kind.NUMBERS, Kind.MOMENTS).kind
    if (kind in {Kind.NUMBERS, Kind.MOMENTS}) != (count.key is not None):
        raise BadParameter(f"{count.field}: the type of a parameter is named for parameters, and for nothing else")
    if isinstance(count, Histogram):
        if isinstance(count.interval, Interval):
            if kind not in {Kind.MOMENT, Kind.MOMENTS}:
                raise BadParameter(f"{count.field} holds no dates")
        elif not count.interval > 0:
            raise BadParameter("the columns of a histogram have a width above 0")


def other_filters(question: Question, facet: Facet) -> tuple[Predicate, ...]:
    """What narrows the hits of a facet: the filters, but for that of its own name."""
    return tuple(part for name, part in question.filters.items() if name != facet.name)


def in_range(count: Ranges, wanted: Range) -> Predicate:
    """What has a value in a range."""
    if wanted.low is None and wanted.high is None:
        return Has(count.field, count.key)
    return Between(count.field, wanted.low, wanted.high, includes_high=False, key=count.key)


def buckets(count: Count, parts: Sequence[Counts]) -> tuple[Bucket, ...]:
    """The facet, from what the parts of an index told of it. Columns of dates are told by days."""
    total: Counter[int | str | float] = Counter()
    for part in parts:
        total.update(part)
    if isinstance(count, Ranges):
        return tuple(Bucket(wanted.label, total[wanted.label]) for wanted in count.ranges)
    if isinstance(count, Histogram):
        if isinstance(count.interval, Interval):
            total = _by_interval(total, count.interval)
        return tuple(Bucket(start, total[start]) for start in sorted(total, key=float) if total[start])
    found = [(value, number) for value, number in total.items() if number]
    found.sort(key=lambda each: (-each[1], each[0]))
    return tuple(Bucket(value, number) for value, number in found[: count.most])


def capped(hits: int, up_to: int | None) -> Counted:
    """How many there are, as far as somebody wants to know."""
    if up_to is None or hits <= up_to:
        return Counted(hits)
    return Counted(up_to, more=True)


def every(*parts: Predicate) -> Predicate:
    """All of these."""
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _by_interval(days: Counter[int | str | float], interval: Interval) -> Counter[int | str | float]:
    unit = {Interval.YEAR: "Y", Interval.MONTH: "M", Interval.DAY: "D"}[interval]
    starts = numpy.fromiter((float(start) for start in days), numpy.float64, len(days))
    day = numpy.floor_divide(starts.round(), MILLISECONDS_PER_DAY).astype(numpy.int64).astype("datetime64[D]")
    first = day.astype(f"datetime64[{unit}]").astype("datetime64[D]").astype(numpy.int64)
    total: Counter[int | str | float] = Counter()
    for of, number in zip(first.tolist(), days.values(), strict=True):
        total[of * MILLISECONDS_PER_DAY] += number
    return total
