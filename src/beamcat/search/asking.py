"""Hits of one entity as the caller may read them: blocks of an engine's answers, looked up in the database.

Most often one block is enough. More are asked for where hits drop out: they are no longer there, the engine's rights
are wider than the caller's, or what it found does not hold what was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson

from beamcat.access.caller import Caller
from beamcat.search.all_ids import BLOCK, all_ids
from beamcat.search.cursors import After
from beamcat.search.documents import DOCUMENTS
from beamcat.search.documents.making import made
from beamcat.search.matching import Matching
from beamcat.search.pages import Row
from beamcat.search.parts import Parts
from beamcat.search.question import (
    AllOf,
    Answer,
    Bucket,
    Facet,
    Hit,
    OneOf,
    Predicate,
    Question,
    Sort,
    Unranked,
)
from beamcat.search.seen import as_seen
from beamcat.search.wanted import HowMany

COUNT_UP_TO = 10_000
"""Hits that are counted: of more, only that there are more is told."""
LOOKED_AT = 10_000
"""Hits that are looked up one by one where the engine's rights are wider than the caller's."""
LARGEST_BLOCK = 1_000
"""Hits of which the rows are read at once, unless more are wanted."""


@dataclass(frozen=True)
class EntityWanted:
    """What is wanted of one entity. `until` is the moment (of `time.monotonic`) when no further block is asked for."""

    entity: str
    match: Predicate
    filters: Mapping[str, Predicate] = field(default_factory=dict)
    sort: Sort = field(default_factory=Sort)
    limit: int = 20
    after: After | None = None
    facets: tuple[tuple[Facet, ...], ...] = ()
    """In rounds: no two of a round have one name."""
    fields: tuple[str, ...] | None = None
    texts: bool = False
    until: float = float("inf")
    count_up_to: int | None = COUNT_UP_TO
    enough: int | None = None
    """So many hits are enough to ask for no further block."""


@dataclass(frozen=True)
class EntityFound:
    """Hits that the caller may read, with what is to be told of them.

    `more`: there are, or may be, further hits behind them, to be asked for from `reached` on: the place of the last
    hit that was looked at.
    """

    hits: tuple[tuple[Hit, Row], ...] = ()
    counted: HowMany = field(default_factory=lambda: HowMany(0))
    facets: tuple[Mapping[str, tuple[Bucket, ...]], ...] = ()
    """Round by round; none where there were too many hits to look up what the caller may read of them."""
    more: bool = False
    reached: After | None = None


def place_of(hit: Hit, sort: Sort) -> After:
    """Where a hit stands among all of them."""
    return (hit.score if sort.field is None else hit.sort_value, hit.id)


async def ask(parts: Parts, caller: Caller, wanted: EntityWanted) -> EntityFound:
    """The hits from `after` on, at most `limit`, how many there are in all, and the facets."""
    match, *narrowing = await as_seen(parts, caller, wanted.entity, (wanted.match, *wanted.filters.values()))
    wanted = replace(wanted, match=match, filters=dict(zip(wanted.filters, narrowing, strict=True)))
    allowed = await parts.rights.allowed(caller, wanted.entity)
    question = Question(
        wanted.entity,
        match=wanted.match,
        allowed=allowed.predicate,
        filters=wanted.filters,
        sort=wanted.sort,
        limit=min(wanted.limit + 1, BLOCK),
        after=wanted.after,
        count_up_to=wanted.count_up_to,
        facets=wanted.facets[0] if wanted.facets else (),
    )
    exactly = allowed.exact
    if not exactly:
        known = await _looked_up(parts, caller, question)
        if known is not None:
            question, exactly = replace(question, allowed=OneOf("id", known)), True
        else:
            question = replace(question, facets=())
    found = await _pages(parts, caller, wanted, question, exactly=exactly)
    if not exactly or not wanted.facets:
        return replace(found, facets=())
    further = [
        (await parts.engine.ask(replace(question, limit=0, count_up_to=0, facets=some))).facets
        for some in wanted.facets[1:]
    ]
    return replace(found, facets=(*found.facets, *further))


async def _looked_up(parts: Parts, caller: Caller, question: Question) -> Sequence[int] | None:
    """All that match and that the caller may read, without regard to filters; none: too many match to look at."""
    filters = {} if question.facets else question.filters
    every = replace(question, match=AllOf((Unranked(question.match), *filters.values())), filters={})
    ids = await all_ids(parts.engine, every, LOOKED_AT + 1)
    if len(ids) > LOOKED_AT:
        return None
    return sorted(await parts.readable.of(caller, question.entity, ids))


async def _pages(
    parts: Parts, caller: Caller, wanted: EntityWanted, question: Question, *, exactly: bool
) -> EntityFound:
    if not exactly:
        question = replace(question, limit=max(question.limit, min(LARGEST_BLOCK, 4 * question.limit)))
    first = answer = await parts.engine.ask(question if wanted.limit else replace(question, limit=0))
    gathered: list[tuple[Hit, Row]] = []
    reached = wanted.after
    more = looked_at_all = False
    while answer.hits:
        rows = await _rows(parts, caller, wanted, answer)
        for hit in answer.hits:
            if len(gathered) == wanted.limit:
                more = more or hit.id in rows
                if more:
                    break
                continue
            reached = place_of(hit, wanted.sort)
            if hit.id in rows:
                gathered.append((hit, rows[hit.id]))
        looked_at_all = len(answer.hits) < question.limit
        if more or looked_at_all:
            break
        is_enough = wanted.enough is not None and len(gathered) >= wanted.enough
        if is_enough or time.monotonic() > wanted.until:
            more = True
            break
        last = place_of(answer.hits[-1], wanted.sort)
        size = min(2 * question.limit, max(LARGEST_BLOCK, wanted.limit + 1), BLOCK)
        question = replace(question, after=last, limit=size, facets=())
        answer = await parts.engine.ask(question)
    counted = _counted(first, len(gathered), wanted, exactly=exactly, all_seen=wanted.after is None and not more)
    return EntityFound(tuple(gathered), counted, (first.facets,), more, reached)


def _counted(answer: Answer, seen: int, wanted: EntityWanted, *, exactly: bool, all_seen: bool) -> HowMany:
    """How many there are. Of what the caller may not read, not even the number is told."""
    if all_seen and wanted.limit:
        return HowMany(seen)
    if not exactly:
        return HowMany(seen, more=True, estimate=True)
    return HowMany(answer.counted.hits, answer.counted.more, estimate=answer.candidates)


async def _rows(parts: Parts, caller: Caller, wanted: EntityWanted, answer: Answer) -> Mapping[int, Row]:
    """What is to be told of the hits that the caller may read, and that hold what was asked for."""
    ids = [hit.id for hit in answer.hits]
    rows = await parts.pages.read(caller, wanted.entity, ids, wanted.fields, texts=wanted.texts)
    if not answer.candidates or not rows:
        return rows
    predicate = AllOf((wanted.match, *wanted.filters.values()))
    matching = Matching(DOCUMENTS[wanted.entity].type)
    held: set[int] = set()
    async with parts.database.connection() as connection:
        async for some in made(connection, DOCUMENTS[wanted.entity].of_ids(rows)):
            documents = [orjson.loads(one) for one in some]
            held.update(document["id"] for document in documents if matching.matches(document, predicate))
    return {id_: row for id_, row in rows.items() if id_ in held}
