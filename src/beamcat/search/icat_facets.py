"""Facets as ICAT's clients ask for them: by entity and member, with labels or ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from beamcat.access.caller import Caller
from beamcat.search.asking import EntityWanted, ask
from beamcat.search.faceting import CONSIDERED
from beamcat.search.fields import Kind
from beamcat.search.icat_query import IcatDimension, IcatFacet, IcatQuery, IcatRange
from beamcat.search.labels import labels
from beamcat.search.language import names
from beamcat.search.language.icat import counted
from beamcat.search.language.lookups import ValueKind
from beamcat.search.language.meaning import Table
from beamcat.search.language.names import Own
from beamcat.search.language.reading import Language
from beamcat.search.parts import Parts
from beamcat.search.question import AllOf, AnyOf, Between, Bucket, Facet, Predicate, Range, Ranges, Terms, Unranked
from beamcat.search.wanted import Dimensions

MOST_DIMENSIONS = 50
MOST_RANGES = 100
MOST_TYPES = 1_000
"""Parameter types whose numbers are counted together."""

_LEADING: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Investigation": {
        "InvestigationParameter": ("Investigation.parameters",),
        "InvestigationInstrument": ("Investigation.investigationInstruments",),
        "InvestigationFacilityCycle": ("Investigation.investigationFacilityCycles",),
        "Sample": ("Investigation.samples",),
        "SampleParameter": ("Investigation.samples", "Sample.parameters"),
        "Technique": ("Investigation.datasets", "Dataset.datasetTechniques", "DatasetTechnique.technique"),
        "DatasetTechnique": ("Investigation.datasets", "Dataset.datasetTechniques"),
    },
    "Dataset": {
        "DatasetParameter": ("Dataset.parameters",),
        "DatasetTechnique": ("Dataset.datasetTechniques",),
        "DatasetInstrument": ("Dataset.datasetInstruments",),
        "Technique": ("Dataset.datasetTechniques", "DatasetTechnique.technique"),
        "Sample": ("Dataset.sample",),
        "SampleParameter": ("Dataset.sample", "Sample.parameters"),
        "Investigation": ("Dataset.investigation",),
        "InvestigationInstrument": ("Dataset.investigation", "Investigation.investigationInstruments"),
        "InvestigationFacilityCycle": ("Dataset.investigation", "Investigation.investigationFacilityCycles"),
    },
    "Datafile": {
        "DatafileParameter": ("Datafile.parameters",),
        "Dataset": ("Datafile.dataset",),
        "Investigation": ("Datafile.dataset", "Dataset.investigation"),
    },
}
"""Target of the query, and of a facet -> the relations that lead from one to the other."""
_USUAL: Mapping[str, tuple[str, ...]] = {
    "Investigation": ("type.name", "facility.name"),
    "Dataset": ("type.name",),
    "Datafile": ("datafileFormat.name",),
    "InvestigationInstrument": ("instrument.name",),
    "InvestigationFacilityCycle": ("facilityCycle.name",),
    "DatasetTechnique": ("technique.name",),
    "DatasetInstrument": ("instrument.name",),
    "InvestigationParameter": ("type.name",),
    "DatasetParameter": ("type.name",),
    "DatafileParameter": ("type.name",),
    "SampleParameter": ("type.name",),
    "Sample": ("type.name",),
}
"""Target of a facet -> what is counted when nothing is named."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one dimension is counted: by the engine, or, for numbers of parameters of these types, range by range."""

    name: str
    count: Terms | Ranges | None
    ranges: tuple[IcatRange, ...] = ()
    types: tuple[int, ...] = ()


async def icat_dimensions(
    parts: Parts, caller: Caller, query: IcatQuery, match: Predicate, language: Language
) -> Dimensions:
    """Dimension -> label -> count. What leads over relations that are not open, or is not counted, is left out."""
    plans = [
        plan
        for facet in query.facets
        if await _is_open(parts, caller, query.target, facet)
        for dimension in _dimensions(facet)
        if (plan := await _plan(parts, query, facet.target, dimension, language)) is not None
    ][:MOST_DIMENSIONS]
    facets = tuple(Facet(plan.name, plan.count) for plan in plans if plan.count is not None)
    found = await ask(parts, caller, EntityWanted(query.target, match, limit=0, facets=(facets,) if facets else ()))
    counts = found.facets[0] if found.facets else {}
    told: dict[str, Mapping[str, int | Mapping[str, float | int]]] = {}
    for plan in plans:
        if plan.types:
            told[plan.name] = await _numbers(parts, caller, query.target, match, plan)
        elif plan.name in counts:
            told[plan.name] = await _told(parts, caller, query.target, plan, counts[plan.name])
    return {name: labelled for name, labelled in told.items() if labelled}


async def _is_open(parts: Parts, caller: Caller, target: str, facet: IcatFacet) -> bool:
    if facet.target == target:
        return True
    steps = _LEADING.get(target, {}).get(facet.target)
    return steps is not None and await parts.readable.are_open(caller, steps)


def _dimensions(facet: IcatFacet) -> Sequence[IcatDimension]:
    return facet.dimensions or tuple(IcatDimension(name) for name in _USUAL.get(facet.target, ()))


async def _plan(parts: Parts, query: IcatQuery, of: str, dimension: IcatDimension, language: Language) -> _Plan | None:
    """How a dimension is counted; none if it cannot be."""
    name = f"{of}.{dimension.name}"
    if not dimension.ranges:
        held = counted(query.target, of, dimension.name, language)
        if held is None:
            return None
        of_investigation = f"investigation_{held[0]}"  # a dataset has instruments of its own beside
        is_other = of.startswith("Investigation") and of_investigation in language.documents[query.target].fields
        return _Plan(name, Terms(of_investigation if is_other else held[0], CONSIDERED))
    ranges = dimension.ranges[:MOST_RANGES]
    document = language.documents[query.target]
    if of == f"{query.target}Parameter":
        if dimension.name.lower() != "numericvalue":
            return None
        types = (await parts.tables.one(Table.PARAMETER_TYPE)).rows.values()
        numeric = [row.id for row in types if row.texts["valueType"] == ValueKind.NUMERIC.value]
        return _Plan(name, None, ranges, tuple(numeric[-MOST_TYPES:]))
    match names.target(language.documents, query.target, dimension.name):
        case Own((field,)) if of == query.target and document.kind(field) in {Kind.MOMENT, Kind.AMOUNT}:
            return _Plan(name, Ranges(field, tuple(Range(_label(one), one.low, one.high) for one in ranges)), ranges)
        case _:
            return None


async def _told(
    parts: Parts, caller: Caller, target: str, plan: _Plan, buckets: Sequence[Bucket]
) -> Mapping[str, int | Mapping[str, float | int]]:
    if isinstance(plan.count, Ranges):
        return {_label(one): _range(one, bucket.count) for one, bucket in zip(plan.ranges, buckets, strict=True)}
    assert plan.count is not None
    field = plan.count.field
    if not all(isinstance(bucket.value, int) for bucket in buckets):
        return {str(bucket.value): bucket.count for bucket in buckets}
    called = await labels(parts, caller, target, field, [int(bucket.value) for bucket in buckets], units=False)
    told: dict[str, int] = {}
    for bucket in buckets:
        label = called.get(int(bucket.value))
        if label is not None:  # types of several facilities may have the same name
            told[label] = told.get(label, 0) + bucket.count
    return told


async def _numbers(
    parts: Parts, caller: Caller, target: str, match: Predicate, plan: _Plan
) -> Mapping[str, Mapping[str, float | int]]:
    """How many have a number in a range, whatever the type of the parameter: filters say of which it is to be."""
    told: dict[str, Mapping[str, float | int]] = {}
    for one in plan.ranges:
        within = AnyOf(tuple(Between("numbers", one.low, one.high, includes_high=False, key=key) for key in plan.types))
        wanted = EntityWanted(target, AllOf((match, Unranked(within))), limit=0, count_up_to=None)
        told[_label(one)] = _range(one, (await ask(parts, caller, wanted)).counted.number)
    return told


def _range(one: IcatRange, count: int) -> Mapping[str, float | int]:
    bounds = {"from": one.low, "to": one.high}
    return {**{name: _number(bound) for name, bound in bounds.items() if bound is not None}, "count": count}


def _number(bound: float) -> float | int:
    """As it was written: 10, not 10.0."""
    return int(bound) if bound.is_integer() else bound


def _label(one: IcatRange) -> str:
    if one.key is not None:
        return one.key
    low, high = ("*" if bound is None else str(_number(bound)) for bound in (one.low, one.high))
    return f"{low}-{high}"
