"""Filters: the values and bounds that people chose, as predicates on the documents of one entity."""

from __future__ import annotations

from collections.abc import Iterable

from beamcat.errors import BadParameter
from beamcat.search.fields import Kind
from beamcat.search.language import names
from beamcat.search.language.lookups import Lookups
from beamcat.search.language.lookups import OtherDocuments as Others
from beamcat.search.language.meaning import All, Any, Ask, Elsewhere, Meaning, Reading, Without
from beamcat.search.language.names import Called, Key, Own, Through
from beamcat.search.language.reading import Language, Manner, Operator, Unknown, read
from beamcat.search.language.settling import settled
from beamcat.search.language.tree import Compared, Named, Range, written
from beamcat.search.question import Between, Nothing, OneOf, Predicate
from beamcat.search.wanted import Filter

STRICTLY = Manner(Operator.ALL, strict=True, unknown=Unknown.REFUSE)
"""A filter that cannot be understood is an error."""
MOST_VALUES = 1_000
"""Values of one filter."""
_BEYOND = 1 << 63


def name_of(entity: str, field: str, language: Language) -> str:
    """What filters and facets of a field have in common: the field of the documents, or the parameter."""
    if field in language.documents[entity].fields:
        return field
    match names.target(language.documents, entity, field):
        case Own((held, *_)) | Called((held, *_)) | Key(held):
            return held
        case Through():
            return f"through {field.lower()}"
        case _:
            return f"parameter {field.lower()}"


async def filtered(
    filters: Iterable[Filter], entity: str, language: Language, lookups: Lookups, others: Others
) -> dict[str, Predicate]:
    """The filters as predicates, by `name_of` their fields. Raises `BadParameter` for what makes no sense."""
    meanings: dict[str, list[Meaning]] = {}
    for one in filters:
        meanings.setdefault(name_of(entity, one.field, language), []).append(_meaning(one, entity, one.field, language))
    found: dict[str, Predicate] = {}
    for name, parts in meanings.items():
        try:
            understood = await settled(Reading(All(tuple(parts))), entity, language, lookups, others)
        except BadParameter as error:
            raise _told(name, error) from error
        found[name] = understood.predicate
    return found


def _meaning(one: Filter, entity: str, field: str, language: Language) -> Meaning:
    target = names.target(language.documents, entity, field)
    held = language.documents[entity].fields.get(field)
    if held is not None and held.kind is Kind.ID and all(isinstance(value, int) for value in one.values):
        target = target if isinstance(target, Called) else Key(field)
    if isinstance(target, Through):
        inner = _meaning(one, target.entity, target.name, language)
        return Elsewhere(target.field, target.entity, inner, target.theirs)
    if len(one.values) > MOST_VALUES:
        raise BadParameter(f"filter {one.field} has {len(one.values)} values; at most {MOST_VALUES} are taken")
    parts: list[Meaning] = []
    ids = tuple(value for value in one.values if isinstance(value, int))
    if any(not -_BEYOND <= value < _BEYOND for value in ids):
        raise BadParameter(f"filter {one.field}: there are no such ids")
    if ids and isinstance(target, Called | Key):
        fields = target.fields if isinstance(target, Called) else (target.field,)
        parts += [Ask(OneOf(held, ids)) for held in fields]
    else:
        parts += [_read(one, entity, field, Compared("=", str(value), one.unit), language) for value in ids]
    parts += [
        _read(one, entity, field, Compared("=", value, one.unit), language)
        for value in one.values
        if isinstance(value, str)
    ]
    if one.low is not None or one.high is not None:
        parts.append(_range(one, entity, field, language))
    if not parts:
        return Ask(Nothing())
    meaning = parts[0] if len(parts) == 1 else Any(tuple(parts))
    return Without(meaning) if one.without else meaning


def _range(one: Filter, entity: str, field: str, language: Language) -> Meaning:
    low, high = one.low, one.high
    match names.target(language.documents, entity, field):
        case Own((held,)) if not isinstance(low, str) and not isinstance(high, str) and one.unit is None:
            if language.documents[entity].fields[held].kind in {Kind.MOMENT, Kind.AMOUNT}:
                return Ask(Between(held, low, high, one.includes_low, one.includes_high))
        case _:
            pass
    bounds = Range(_text(low), _text(high), one.includes_low, one.includes_high, one.unit)
    return _read(one, entity, field, bounds, language)


def _read(one: Filter, entity: str, field: str, part: Compared | Range, language: Language) -> Meaning:
    """What it would mean behind a colon."""
    try:
        return read(written(Named(field, part)), entity, language, STRICTLY).meaning
    except BadParameter as error:
        raise _told(one.field, error) from error


def _text(bound: float | str | None) -> str | None:
    return bound if bound is None or isinstance(bound, str) else repr(bound)


def _told(field: str, error: BadParameter) -> BadParameter:
    start, _, why = error.message.partition("': ")
    return BadParameter(f"filter {field}: {why if start.startswith('Cannot read the search text') else error.message}")
