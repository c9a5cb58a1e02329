"""What a search box finds: a text and filters, asked of one kind of object or of several."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from beamcat.access.caller import Caller
from beamcat.errors import BadParameter
from beamcat.search import cursors
from beamcat.search.asking import EntityFound, EntityWanted, ask, place_of
from beamcat.search.cursors import After, Cursor
from beamcat.search.faceting import Counting, counting, rounds, told
from beamcat.search.filtering import filtered
from beamcat.search.highlighting import Highlighting
from beamcat.search.language import names
from beamcat.search.language.lookups import Lookups
from beamcat.search.language.lookups import OtherDocuments as Others
from beamcat.search.language.meaning import Asked as LookedUp
from beamcat.search.language.meaning import Exactly, Handling, Note, Table
from beamcat.search.language.names import Key, Own
from beamcat.search.language.reading import BOX, BOX_ANY, LUCENE, Language, read
from beamcat.search.language.reading import Manner as Reads
from beamcat.search.language.settling import settled
from beamcat.search.lookups import CatalogueLookups, OtherDocuments
from beamcat.search.pages import Row
from beamcat.search.parts import Parts
from beamcat.search.public_fields import PUBLIC_FIELDS
from beamcat.search.question import Bucket, Hit, Nothing, OneOf, Predicate, Sort
from beamcat.search.sorting import is_sortable, rank
from beamcat.search.wanted import FacetFound, Found, FoundHit, HowMany, Manner, SortAsked, Wanted

_LEFT = (Handling.NOTHING, Handling.IGNORED)
MINE = "mine"
"""What the filter for one's own data is called; no field is."""
FILLING = 0.5
"""Part of the time for a question in which pages are filled up by further blocks."""


@dataclass(frozen=True)
class _Asked:
    """What is asked of one entity."""

    entity: str
    match: Predicate
    filters: Mapping[str, Predicate]
    sort: Sort
    notes: Sequence[Note]


class Finding:
    """One search of one caller."""

    def __init__(self, parts: Parts, caller: Caller, wanted: Wanted, language: Language) -> None:
        self._parts, self._caller, self._wanted, self._language = parts, caller, wanted, language
        self._lookups: Lookups = CatalogueLookups(parts, caller)
        self._others: Others = OtherDocuments(parts, caller)
        self._entities = _entities(wanted, parts)
        self._until = time.monotonic() + FILLING * parts.settings.timeout_s
        limit = parts.settings.max_page
        if not 0 <= wanted.limit <= limit:
            raise BadParameter(f"limit is from 0 to {limit}")

    async def found(self) -> Found:
        """The page."""
        wanted = self._wanted
        cursor = cursors.read(wanted)
        countings = await counting(wanted.facets, self._entities, self._language, self._lookups)
        if wanted.manner is Manner.LUCENE:
            return await self._page(LUCENE, cursor, countings)
        if cursor is not None:
            return await self._page(BOX_ANY if cursor.some_words else BOX, cursor, countings)
        found = await self._page(BOX, None, countings)
        if found.counted.number or found.counted.more or found.hits or len(wanted.text.split()) < 2:
            return found
        again = await self._page(BOX_ANY, None, countings)
        return again if again.hits or again.counted.number else found

    async def _page(self, manner: Reads, cursor: Cursor | None, countings: Mapping[str, list[Counting]]) -> Found:
        asked = await self._asked(manner)
        after = {} if cursor is None else cursor.after
        found = await asyncio.gather(*(self._ask(one, after, countings[one.entity]) for one in asked))
        page = self._page_of(asked, found)
        next_ = _next(asked, found, page, after) if self._wanted.limit else None
        by_entity = {one.entity: each for one, each in zip(asked, found, strict=True)}
        some_words = manner is BOX_ANY
        return Found(
            hits=self._hits(page),
            counted=_total(each.counted for each in found),
            by_entity={entity: each.counted for entity, each in by_entity.items()},
            facets=await self._facets(by_entity, countings),
            notes=_notes(asked),
            some_words=some_words,
            next=None if next_ is None else cursors.written(Cursor(next_, some_words), self._wanted),
        )

    async def _asked(self, manner: Reads) -> list[_Asked]:
        """What is asked of each entity. What makes no sense for one of several is left out for it."""
        for entity in self._entities:
            sort_of(self._wanted.sort, entity, self._language)
        asked: list[_Asked] = []
        problems: list[BadParameter] = []
        for entity in self._entities:
            try:
                asked.append(await self._asked_of(entity, manner))
            except BadParameter as error:
                problems.append(error)
        if not asked:
            raise problems[0]
        return asked

    async def _asked_of(self, entity: str, manner: Reads) -> _Asked:
        wanted, language = self._wanted, self._language
        sort = sort_of(wanted.sort, entity, language)
        reading = read(wanted.text, entity, language, manner)
        understood = await settled(reading, entity, language, self._lookups, self._others)
        filters = await filtered(wanted.filters, entity, language, self._lookups, self._others)
        if wanted.mine:
            filters = {**filters, MINE: await self._own(entity)}
        return _Asked(entity, understood.predicate, filters, sort, understood.notes)

    async def _own(self, entity: str) -> Predicate:
        """What belongs to investigations of the caller."""
        field = names.INVESTIGATION_IDS.get(entity)
        if field is None:
            return Nothing()
        asked = LookedUp(Table.INVESTIGATION_OF_USER, Exactly(self._caller.name))
        ids = (await self._lookups.find([asked]))[asked].ids
        return OneOf(field, ids) if ids else Nothing()

    async def _ask(self, asked: _Asked, after: Mapping[str, After], countings: Sequence[Counting]) -> EntityFound:
        wanted = self._wanted
        return await ask(
            self._parts,
            self._caller,
            EntityWanted(
                asked.entity,
                asked.match,
                asked.filters,
                asked.sort,
                wanted.limit,
                after.get(asked.entity),
                tuple(tuple(facet for _, facet in some) for some in rounds(countings) if some),
                _fields(asked.entity, wanted),
                texts=wanted.highlight,
                until=self._until,
            ),
        )

    def _page_of(self, asked: Sequence[_Asked], found: Sequence[EntityFound]) -> list[tuple[_Asked, Hit, Row]]:
        """The first hits of all entities together."""
        every = [
            (_rank(hit, one.sort, at), one, hit, row)
            for at, (one, each) in enumerate(zip(asked, found, strict=True))
            for hit, row in each.hits
        ]
        every.sort(key=lambda each: each[0])
        return [(one, hit, row) for _, one, hit, row in every[: self._wanted.limit]]

    def _hits(self, page: Sequence[tuple[_Asked, Hit, Row]]) -> tuple[FoundHit, ...]:
        sought = {one.entity: one.match for one, _, _ in page} if self._wanted.highlight else {}
        highlighting = {of: Highlighting(self._language.documents[of], match) for of, match in sought.items()}
        return tuple(
            FoundHit(
                hit.id,
                one.entity,
                hit.score if one.sort.field is None else None,
                row.source,
                highlighting[one.entity].of(row.texts) if self._wanted.highlight else (),
            )
            for one, hit, row in page
        )

    async def _facets(
        self, found: Mapping[str, EntityFound], countings: Mapping[str, Sequence[Counting]]
    ) -> tuple[FacetFound, ...]:
        facets: list[FacetFound] = []
        for entity, each in found.items():
            if not each.facets:
                continue
            buckets: dict[Counting, list[tuple[Bucket, ...]]] = {}
            for some, counts in zip(rounds(countings[entity]), each.facets, strict=False):
                for one, facet in some:
                    buckets.setdefault(one, []).append(counts[facet.name])
            facets += [
                await told(self._parts, self._caller, one, buckets[one], self._wanted.filters)
                for one in countings[entity]
            ]
        return tuple(facets)


def _entities(wanted: Wanted, parts: Parts) -> tuple[str, ...]:
    indexed = parts.settings.entities
    unknown = [entity for entity in wanted.entities if entity not in indexed]
    if unknown:
        raise BadParameter(f"{unknown[0]} is not searched; there are {', '.join(indexed)}")
    return tuple(dict.fromkeys(wanted.entities)) or tuple(indexed)


def sort_of(sort: SortAsked | None, entity: str, language: Language) -> Sort:
    """What an engine sorts by. Raises `BadParameter` for a field that hits cannot be sorted by."""
    if sort is None:
        return Sort()
    if sort.field == "id":
        return Sort("id", sort.descending)
    document = language.documents[entity]
    match names.target(language.documents, entity, sort.field):
        case Own((held, *_)) | Key(held) if held in document.fields and is_sortable(document.fields[held]):
            then = None if sort.then is None else sort_of(sort.then, entity, language)
            return Sort(held, sort.descending, then)
        case _:
            raise BadParameter(f"hits of {entity} cannot be sorted by {sort.field}")


def _fields(entity: str, wanted: Wanted) -> tuple[str, ...] | None:
    """The fields that are told; of several entities, each has its own."""
    if wanted.source is None or len(wanted.entities) == 1:
        return wanted.source
    known = {field.name for field in PUBLIC_FIELDS[entity].fields if field.told}
    return tuple(name for name in wanted.source if name in known)


def _rank(hit: Hit, sort: Sort, at: int) -> tuple[object, ...]:
    """What hits of several entities are put into order by: as an engine orders those of one."""
    if sort.field is None:
        return (-(hit.score or 0.0), at, hit.id)
    return (rank(hit.id if sort.field == "id" else hit.sort_value, sort), at, hit.id)


def _next(
    asked: Sequence[_Asked],
    found: Sequence[EntityFound],
    page: Sequence[tuple[_Asked, Hit, Row]],
    before: Mapping[str, After],
) -> dict[str, After] | None:
    """Where the next page begins in each entity; none: there is none."""
    after = dict(before)
    more = False
    for one, each in zip(asked, found, strict=True):
        told_hits = [hit for of, hit, _ in page if of is one]
        if len(told_hits) < len(each.hits):
            more = True
            if told_hits:
                after[one.entity] = place_of(told_hits[-1], one.sort)
        else:
            more = more or each.more
            if each.reached is not None:
                after[one.entity] = each.reached
    return after if more else None


def _notes(asked: Sequence[_Asked]) -> tuple[Note, ...]:
    """What became of each piece: what one kind of object could make nothing of, another may have understood."""
    every = [note for one in asked for note in one.notes]
    understood = {note.span for note in every if note.handling not in _LEFT}
    return tuple(dict.fromkeys(note for note in every if note.handling not in _LEFT or note.span not in understood))


def _total(each: Iterable[HowMany]) -> HowMany:
    every = list(each)
    return HowMany(sum(one.number for one in every), any(one.more for one in every), any(one.estimate for one in every))
