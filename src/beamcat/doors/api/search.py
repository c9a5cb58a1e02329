"""Search: `/api/search` and what helps to ask it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from beamcat.doors.api.calls import AnyCall, Asking, Call, Nothing
from beamcat.doors.api.search_answers import (
    ENTITY_OF,
    KIND_OF,
    meant_told,
    related_told,
    search_answer,
    suggestion_told,
)
from beamcat.doors.api.search_models import (
    FieldsAnswer,
    FieldsParameters,
    FieldTold,
    KindOfObject,
    MeaningAnswer,
    MeaningParameters,
    ParameterTold,
    SearchAnswer,
    SearchBody,
    SearchParameters,
    SimilarAnswer,
    SimilarParameters,
    SuggestionParameters,
    Suggestions,
)
from beamcat.doors.core import Core
from beamcat.doors.search_words import facet_in, filters_in
from beamcat.errors import Unavailable
from beamcat.search import wanted
from beamcat.search.alike import Alike
from beamcat.search.guide import guide, parameter_guide
from beamcat.search.service import Search
from beamcat.search.wanted import SortAsked, Wanted

SUBJECT = "Search"
NOT_THERE = "Search is not available on this server; its log says why"


async def find(asking: Asking[SearchParameters, None]) -> SearchAnswer:
    """GET /api/search."""
    asked = asking.parameters
    filters = filters_in(asked.filter)
    facets = tuple(facet_in(text, asked.facet_values) for text in asked.facet)
    return await _found(asking.core, asking, asked, filters, facets)


async def find_long(asking: Asking[Nothing, SearchBody]) -> SearchAnswer:
    """POST /api/search."""
    asked = asking.body
    filters = tuple(wanted.Filter(**dict(one)) for one in asked.filters)
    facets = tuple(
        wanted.FacetAsked(**{**dict(one), "ranges": tuple(wanted.RangeAsked(**dict(each)) for each in one.ranges)})
        for one in asked.facets
    )
    return await _found(asking.core, asking, asked, filters, facets)


async def _found(
    core: Core,
    asking: Asking[Any, Any],
    asked: SearchParameters | SearchBody,
    filters: tuple[wanted.Filter, ...],
    facets: tuple[wanted.FacetAsked, ...],
) -> SearchAnswer:
    found = await _search(core).find(
        asking.caller,
        Wanted(
            text=asked.q,
            entities=_entities(asked.kind),
            manner=asked.manner,
            filters=filters,
            facets=facets,
            sort=SortAsked.read(asked.sort),
            limit=asked.limit,
            after=asked.after,
            highlight=asked.highlight,
            source=asked.fields or None,
            mine=asked.mine,
        ),
    )
    return search_answer(found, highlight=asked.highlight)


async def suggest(asking: Asking[SuggestionParameters, None]) -> Suggestions:
    """GET /api/search/suggestions."""
    asked = asking.parameters
    entity = None if asked.kind is None else ENTITY_OF[asked.kind]
    found = await _search(asking.core).suggest(asking.caller, entity, asked.q, asked.limit)
    return Suggestions(suggestions=tuple(suggestion_told(each) for each in found))


async def similar(asking: Asking[SimilarParameters, None]) -> SimilarAnswer:
    """GET /api/search/similar."""
    asked = asking.parameters
    found = await _alike(asking.core).related(asking.caller, ENTITY_OF[asked.kind], asked.id, asked.limit)
    return SimilarAnswer(hits=tuple(related_told(each) for each in found))


async def by_meaning(asking: Asking[MeaningParameters, None]) -> MeaningAnswer:
    """GET /api/search/by-meaning."""
    asked = asking.parameters
    meant = await _alike(asking.core).by_meaning(asking.caller, _entities(asked.kind), asked.q, asked.limit)
    hits = tuple(meant_told(each) for each in meant.hits)
    return MeaningAnswer(hits=hits, unknown=meant.unknown, complete=meant.complete)


async def fields(asking: Asking[FieldsParameters, None]) -> FieldsAnswer:
    """GET /api/search/fields."""
    core = asking.core
    indexed = core.settings.search.entities
    entities = [entity for entity in _entities(asking.parameters.kind) or indexed if entity in indexed]
    described = {
        KIND_OF[entity]: tuple(
            FieldTold(
                name=field.name,
                label=field.label,
                holds=field.holds,
                unit=field.unit,
                several=field.several,
                facet=field.counted,
                sort=field.sorted,
                searched=field.searched,
            )
            for field in found
        )
        for entity, found in guide(entities).items()
    }
    parameters, more = await parameter_guide(core.searches, asking.caller, entities)
    told = [
        ParameterTold(
            name=one.name,
            units=one.units,
            holds=one.holds,
            description=one.description,
            kinds=tuple(KIND_OF[entity] for entity in one.entities),
        )
        for one in parameters
    ]
    return FieldsAnswer(kinds=described, parameters=tuple(told), more_parameters=more)


def _search(core: Core) -> Search:
    if core.search is None:
        raise Unavailable(NOT_THERE)
    return core.search


def _alike(core: Core) -> Alike:
    if core.alike is None:
        raise Unavailable(NOT_THERE)
    return core.alike


def _entities(kinds: Iterable[KindOfObject]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ENTITY_OF[kind] for kind in kinds))


CALLS: tuple[AnyCall, ...] = (
    Call(
        method="GET",
        path="/search",
        name="search",
        summary="Search",
        description="Objects that a text and filters find, a page at a time, with counts.",
        subject=SUBJECT,
        answer=find,
        parameters=SearchParameters,
        examples=(
            "q=perovskite&kind=investigation",
            "q=temperature+%3C+20+K&kind=dataset&sort=-date&highlight=true",
            "facet=instrument&facet=date:year&filter=type:experiment&limit=0&kind=investigation",
        ),
        told=SearchAnswer,
    ),
    Call(
        method="POST",
        path="/search",
        name="search_long",
        summary="Search, for long questions",
        description="The same as a JSON body; filters and facets say more here than fits into a URL.",
        subject=SUBJECT,
        answer=find_long,
        parameters=Nothing,
        body=SearchBody,
        told=SearchAnswer,
    ),
    Call(
        method="GET",
        path="/search/suggestions",
        name="search_suggestions",
        summary="What a text could go on to",
        subject=SUBJECT,
        answer=suggest,
        parameters=SuggestionParameters,
        told=Suggestions,
    ),
    Call(
        method="GET",
        path="/search/similar",
        name="search_similar",
        summary="What has to do with an object",
        description="The most like it first, with the reasons: what they share, as far as the caller may read it.",
        subject=SUBJECT,
        answer=similar,
        parameters=SimilarParameters,
        told=SimilarAnswer,
        may_fail=(404,),
    ),
    Call(
        method="GET",
        path="/search/by-meaning",
        name="search_by_meaning",
        summary="Search by meaning",
        description="Objects whose texts mean what is asked for, whatever words they use; where it is enabled.",
        subject=SUBJECT,
        answer=by_meaning,
        parameters=MeaningParameters,
        told=MeaningAnswer,
    ),
    Call(
        method="GET",
        path="/search/fields",
        name="search_fields",
        summary="What can be asked for",
        description="The fields and parameters that can stand in texts, filters, facets and sorts, with their units.",
        subject=SUBJECT,
        answer=fields,
        parameters=FieldsParameters,
        told=FieldsAnswer,
    ),
)
