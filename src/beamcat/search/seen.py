"""Words that documents hold of what they belong to, found only by who may read that.

The document of a dataset holds the title of its investigation, so that a word of it finds the dataset. Whoever may read
the dataset and not the investigation must not find it so: the investigations that have what is asked for and that the
caller may read are looked up once, and the words count in documents of these alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from beamcat.access.caller import Caller
from beamcat.search.all_ids import all_ids
from beamcat.search.documents import DOCUMENTS
from beamcat.search.fields import Field, Owner
from beamcat.search.parts import Parts
from beamcat.search.question import (
    AllOf,
    AnyOf,
    Begins,
    Contains,
    Everything,
    Has,
    Not,
    Nothing,
    OneOf,
    Phrase,
    Predicate,
    Question,
    Same,
    Similar,
    Unranked,
    Weighted,
    Word,
    WordLike,
)

Owned = Same | Begins | Contains | Has | Word | Phrase | WordLike | Similar
"""What can be asked of words that belong to something else."""


@dataclass(frozen=True, slots=True)
class _Whose:
    """Objects of an entity, by the ID field that tells which of them a document belongs to, or has.

    What belongs to one object is looked up together; of `several`, some may be seen and others not, so that each
    question (`asked`) is one of its own.
    """

    by: str
    entity: str
    asked: Owned | None


async def as_seen(parts: Parts, caller: Caller, entity: str, predicates: Sequence[Predicate]) -> list[Predicate]:
    """The same questions to documents of an entity, as if these did not hold what the caller may not read."""
    whose: dict[Owned, _Whose] = {}
    asked: dict[_Whose, list[Predicate]] = {}
    for predicate in predicates:
        for leaf, owner in _owned(predicate, DOCUMENTS[entity].type.fields):
            if leaf not in whose:
                several = DOCUMENTS[entity].type.fields[owner.by].several
                whose[leaf] = _Whose(owner.by, owner.entity, leaf if several else None)
                asked.setdefault(whose[leaf], []).append(replace(leaf, field=owner.field))
    if not asked:
        return list(predicates)
    each = await asyncio.gather(*(_seen(parts, caller, one, AnyOf(tuple(all_))) for one, all_ in asked.items()))
    seen = dict(zip(asked, each, strict=True))
    by_leaf = {leaf: seen[one] for leaf, one in whose.items()}
    return [_narrowed(predicate, by_leaf) for predicate in predicates]


async def _seen(parts: Parts, caller: Caller, whose: _Whose, asked: Predicate) -> Predicate:
    """Documents that belong to objects the caller may read, of those that have any of what is asked for."""
    allowed = await parts.rights.allowed(caller, whose.entity)
    if allowed.exact and allowed.predicate == Everything():
        return Everything()
    if allowed.predicate == Nothing() or whose.entity not in parts.settings.entities:
        return Nothing()
    most = parts.settings.related_ids
    ids = await all_ids(parts.engine, Question(whose.entity, match=asked, allowed=allowed.predicate), most + 1)
    if len(ids) <= most:
        if not allowed.exact:
            readable = await parts.readable.of(caller, whose.entity, ids)
            ids = [id_ for id_ in ids if id_ in readable]
        return OneOf(whose.by, ids) if ids else Nothing()
    if allowed.exact:
        # of very many that have it, there may be few that are hidden
        hidden = Question(whose.entity, match=asked, allowed=Not(allowed.predicate))
        ids = await all_ids(parts.engine, hidden, most + 1)
        if len(ids) <= most:
            return Not(OneOf(whose.by, ids)) if ids else Everything()
    return Nothing()


def _owned(predicate: Predicate, fields: Mapping[str, Field]) -> Iterator[tuple[Owned, Owner]]:
    match predicate:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _owned(part, fields)
        case Not(part) | Unranked(part) | Weighted(part):
            yield from _owned(part, fields)
        case Same() | Begins() | Contains() | Has() | Word() | Phrase() | WordLike() | Similar():
            if (field := fields.get(predicate.field)) is not None and field.owner is not None:
                yield predicate, field.owner
        case _:
            pass


def _narrowed(predicate: Predicate, seen: Mapping[Owned, Predicate]) -> Predicate:
    match predicate:
        case AllOf(parts):
            return AllOf(tuple(_narrowed(part, seen) for part in parts))
        case AnyOf(parts, least):
            return AnyOf(tuple(_narrowed(part, seen) for part in parts), least)
        case Not(part):
            return Not(_narrowed(part, seen))
        case Unranked(part):
            return Unranked(_narrowed(part, seen))
        case Weighted(part, weight):
            return Weighted(_narrowed(part, seen), weight)
        case Same() | Begins() | Contains() | Has() | Word() | Phrase() | WordLike() | Similar():
            narrow = seen.get(predicate, Everything())
            if narrow == Everything():
                return predicate
            return narrow if narrow == Nothing() else AllOf((predicate, Unranked(narrow)))
        case _:
            return predicate
