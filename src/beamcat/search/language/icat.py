"""What ICAT's own question means for our documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any as Json

from beamcat.errors import BadParameter
from beamcat.search.fields import Kind
from beamcat.search.icat_query import IcatParameter, IcatQuery
from beamcat.search.language import names
from beamcat.search.language.lookups import Lookups, OtherDocuments
from beamcat.search.language.meaning import (
    All,
    Any,
    Ask,
    Asked,
    Elsewhere,
    Exactly,
    Like,
    LookUp,
    Meaning,
    MomentTest,
    NameTest,
    NumberTest,
    OfParameter,
    Reading,
    Table,
    Understood,
)
from beamcat.search.language.names import Called, Key, Own, Through
from beamcat.search.language.reading import LUCENE, Language, read, read_for
from beamcat.search.language.settling import settled
from beamcat.search.language.text_fields import is_exactly
from beamcat.search.question import AllOf, Between, Everything, Nothing, OneOf, Predicate, Unranked

_JOINS = frozenset(
    (
        *("investigationinstrument", "investigationfacilitycycle", "investigationuser", "investigationtechnique"),
        *("datasettechnique", "datasetinstrument", "instrumentscientist"),
    )
)
"""Entities between two others, which ICAT's names of fields begin with and ours do not."""
_OWNERS = {name.lower(): name for name in ("Investigation", "Dataset", "Datafile", "Sample")}
_MOST_VALUES = 1_000


def counted(target: str, of: str, dimension: str, language: Language) -> tuple[str, Table | None] | None:
    """The field of the target's documents that a dimension of a facet counts, and the table that has its labels.

    None where the documents do not hold it, or hold no values that could be counted.
    """
    spelt = dimension.lower()
    owner = of.lower().removesuffix("parameter")
    if owner != of.lower():
        if owner not in (target.lower(), "sample"):
            return None
        field = "parameter_types" if owner == target.lower() else "sample_parameter_types"
        held = field if spelt == "type.name" else None
    else:
        if of.lower() not in (target.lower(), *_JOINS) and not spelt.startswith(f"{of.lower()}."):
            spelt = f"{of.lower()}.{spelt}"
        match names.target(language.documents, target, spelt):
            case Own((held,)) | Called((held, *_)) | Key(held):
                pass
            case _:
                return None
    document = language.documents[target]
    if held is None or held not in document.fields or not document.fields[held].counted:
        return None
    return held, names.table_of(target, held)


async def icat_match(query: IcatQuery, language: Language, lookups: Lookups, others: OtherDocuments) -> Understood:
    """The question as a question's `match`. Raises `BadParameter` for a text or a filter that cannot be read."""
    text, narrowing = icat_reading(query, language)
    match = await settled(text, query.target, language, lookups, others)
    if narrowing == Ask(Everything()):
        return match
    narrowed = await settled(Reading(narrowing), query.target, language, lookups, others)
    if query.text is None:
        return narrowed
    return Understood(AllOf((match.predicate, Unranked(narrowed.predicate))), match.notes)


def icat_reading(query: IcatQuery, language: Language) -> tuple[Reading, Meaning]:
    """The text, which ranks, and all the rest, which only narrows."""
    text = Reading(Ask(Everything())) if query.text is None else read(query.text, query.target, language, LUCENE)
    narrowing = [
        *_people(query, language),
        *_dates(query),
        *(_parameter(parameter) for parameter in query.parameters),
        *_samples(query, language),
        *(filtered(query.target, name, value, language) for name, value in query.filter.items()),
        *_others(query, language),
    ]
    return text, All(tuple(narrowing)) if narrowing else Ask(Everything())


def filtered(target: str, name: str, value: Json, language: Language) -> Meaning:
    """A filter: exact values, ranges, or several conditions on one parameter or sample. Raises `BadParameter`."""
    start, dot, rest = name.lower().partition(".")
    if not dot and isinstance(value, list) and any(isinstance(one, dict) and "filter" in one for one in value):
        return All(tuple(filtered(target, name, one, language) for one in value[:_MOST_VALUES]))
    if isinstance(value, dict) and "filter" in value:
        return _nested(target, start, value["filter"], language)
    if start in _JOINS:
        return _valued(target, rest, value, language, name)
    owner = start.removesuffix("parameter")
    if dot and owner != start and owner in _OWNERS:
        return _of(target, _OWNERS[owner], lambda entity: _valued(entity, f"parameter.{rest}", value, language, name))
    if dot and start in _OWNERS and (start != "sample" or rest.startswith("sample.")):
        theirs = rest.removeprefix("sample.") if start == "sample" else rest
        spelt = theirs if start == target.lower() else f"{start}.{theirs}"
        return _valued(target, spelt, value, language, name)
    return _valued(target, name, value, language, name)


def _people(query: IcatQuery, language: Language) -> list[Meaning]:
    found: list[Meaning] = []
    if query.user is not None:
        asked = Asked(Table.INVESTIGATION_OF_USER, Exactly(query.user), "name")
        found.append(LookUp(names.INVESTIGATION_IDS[query.target], asked))
    if query.user_full_name is not None:
        found.append(read_for("people", query.user_full_name, query.target, language))
    return found


def _dates(query: IcatQuery) -> list[Meaning]:
    """Both ends of what has two have to be within."""
    if query.lower is None and query.upper is None:
        return []
    fields = ("date",) if query.target == "Datafile" else ("start", "end")
    return [Ask(Between(field, query.lower, query.upper)) for field in fields]


def _parameter(parameter: IcatParameter) -> Meaning:
    return OfParameter(
        Like(parameter.name),
        number=None if parameter.numbers is None else NumberTest(*parameter.numbers),
        moment=None if parameter.moments is None else MomentTest(*parameter.moments),
        text=None if parameter.string is None else _pattern(parameter.string),
        units=Like(parameter.units, case=True),
        written=parameter.name,
    )


def _pattern(text: str) -> NameTest:
    return Like(text) if re.search(r"[*?\\]", text) else Exactly(text)


def _samples(query: IcatQuery, language: Language) -> list[Meaning]:
    if query.target != "Investigation":
        return []
    return [
        Any(tuple(read_for(name, sample, query.target, language) for name in ("sample.name", "sample.type.name")))
        for sample in query.samples
    ]


def _others(query: IcatQuery, language: Language) -> list[Meaning]:
    return [
        filtered(query.target, name, value, language)
        for name, value in query.others.items()
        if isinstance(value, str | int | float | list)
        and names.target(language.documents, query.target, name) is not None
    ]


def _of(target: str, owner: str, asked: Callable[[str], Meaning]) -> Meaning:
    """What is asked of the documents of the owner, as a condition on those of the target."""
    meaning = asked(owner)
    for step in reversed(names.steps_to(target, owner)):
        meaning = Elsewhere(step.field, step.entity, meaning, step.theirs)
    return meaning


def _nested(target: str, start: str, conditions: Json, language: Language) -> Meaning:
    if not isinstance(conditions, list) or not all(
        isinstance(one, dict) and isinstance(one.get("field"), str) for one in conditions
    ):
        raise BadParameter("filter is a list of objects with a field")
    owner = start.removesuffix("parameter")
    if start in _JOINS:
        return All(tuple(filtered(target, f"{start}.{one['field']}", _of_one(one), language) for one in conditions))
    if owner not in _OWNERS:
        raise BadParameter(f"there is no filter '{start}'")
    if owner != start:
        return _of(target, _OWNERS[owner], lambda _: _one_parameter(conditions))
    return _of(
        target,
        _OWNERS[owner],
        lambda entity: All(
            tuple(_valued(entity, one["field"], _of_one(one), language, one["field"]) for one in conditions)
        ),
    )


def _of_one(condition: Mapping[str, Json]) -> Json:
    """The value or the range of a nested condition."""
    if "value" in condition:
        return condition["value"]
    if "exact" in condition:
        return {"from": condition["exact"], "to": condition["exact"]}
    return {"from": condition.get("from"), "to": condition.get("to")}


def _one_parameter(conditions: list[Mapping[str, Json]]) -> Meaning:
    by_field = {str(condition["field"]).lower(): condition for condition in conditions}
    name = by_field.get("type.name", {}).get("value")
    if not isinstance(name, str):
        raise BadParameter("a filter on a parameter needs its type.name")
    units, string = by_field.get("type.units", {}).get("value"), by_field.get("stringvalue", {}).get("value")
    number, moment = by_field.get("numericvalue"), by_field.get("datetimevalue")
    bounds = None if moment is None else _bounds(_of_one(moment), "dateTimeValue")
    return OfParameter(
        Exactly(name),
        number=None if number is None else _number(number),
        moment=None if bounds is None else MomentTest(_whole(bounds[0]), _whole(bounds[1])),
        text=None if string is None else Exactly(str(string)),
        units=None if units is None else Like(re.sub(r"[*?\\]", r"\\\g<0>", str(units)), case=True),
        written=name,
    )


def _number(condition: Mapping[str, Json]) -> NumberTest:
    low, high = _bounds(_of_one(condition), "numericValue")
    units = condition.get("units")
    return NumberTest(low, high, unit=units if isinstance(units, str) and units else None)


def _whole(bound: float | None) -> int | None:
    return None if bound is None else int(bound)


def _bounds(value: Json, name: str) -> tuple[float | None, float | None]:
    bounds = [value.get("from"), value.get("to")] if isinstance(value, dict) else [value, value]
    if any(isinstance(one, bool) or not isinstance(one, int | float | None) for one in bounds):
        raise BadParameter(f"{name} lies between numbers")
    return bounds[0], bounds[1]


def _valued(entity: str, spelt: str, value: Json, language: Language, name: str) -> Meaning:
    """An exact value, one of several, or a range, of what a name means."""
    if isinstance(value, list):
        if len(value) > _MOST_VALUES:
            raise BadParameter(f"filter {name} has {len(value)} values; at most {_MOST_VALUES} are taken")
        return Any(tuple(_valued(entity, spelt, one, language, name) for one in value)) if value else Ask(Nothing())
    if not isinstance(value, str | int | float | dict):
        raise BadParameter(f"filter object values should be STRING or OBJECT, but that of {name} is not")
    match names.target(language.documents, entity, spelt):
        case Own(fields):
            held = language.documents[entity].fields
            found = [_exact(held[one].kind, one, value, language, entity) for one in fields]
            return Any(tuple(Ask(one) for one in found))
        case Called(fields, table, member):
            asked = Asked(table, Exactly(str(value)), member)
            return Any(tuple(LookUp(one, asked) for one in fields))
        case Key(field):
            return Ask(OneOf(field, (int(str(value)),)) if _is_id(value) else Nothing())
        case Through(field, other, theirs_name, theirs):
            return Elsewhere(field, other, _valued(other, theirs_name, value, language, name), theirs)
        case None:
            raise BadParameter(f"there is no field '{name}' to filter by")


def _exact(kind: Kind, field: str, value: Json, language: Language, entity: str) -> Predicate:
    if kind in (Kind.MOMENT, Kind.AMOUNT):
        low, high = _bounds(int(value) if _is_id(value) else value, field)
        return Between(field, low, high)
    if not isinstance(value, str | int | float):
        raise BadParameter(f"{field} is text: it cannot be filtered by a range")
    return is_exactly(language.documents[entity].fields[field], str(value)) or Nothing()


def _is_id(value: Json) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value) is not None)
