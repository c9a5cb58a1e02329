"""What search found, as the models of this interface tell it. Dates are ISO 8601, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from beamcat.doors.api.search_models import (
    FacetTold,
    FacetValueTold,
    HighlightTold,
    HitTold,
    HowManyTold,
    KindOfObject,
    MeantTold,
    NoteTold,
    PassageTold,
    PieceTold,
    ReasonTold,
    SearchAnswer,
    SimilarTold,
    SuggestionTold,
)
from beamcat.doors.search_words import filter_text, range_text
from beamcat.model import ICAT_ENTITIES, Kind
from beamcat.search.alike import MeantHit, RelatedHit
from beamcat.search.wanted import FacetFound, FacetValue, Found, FoundHit, Highlight, HowMany, Suggestion

ENTITY_OF: Mapping[KindOfObject, str] = {
    KindOfObject.INVESTIGATION: "Investigation",
    KindOfObject.DATASET: "Dataset",
    KindOfObject.DATAFILE: "Datafile",
    KindOfObject.SAMPLE: "Sample",
    KindOfObject.INSTRUMENT: "Instrument",
    KindOfObject.PUBLICATION: "DataPublication",
}
KIND_OF: Mapping[str, KindOfObject] = {entity: kind for kind, entity in ENTITY_OF.items()}
MOMENTS = {
    attribute.name
    for entity in ICAT_ENTITIES.values()
    for attribute in entity.attributes
    if attribute.kind is Kind.DATETIME
} | {"date"}
"""Members that are dates, behind the last dot of their names."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def search_answer(found: Found, *, highlight: bool) -> SearchAnswer:
    """What was found."""
    return SearchAnswer(
        hits=tuple(hit_told(hit, highlight=highlight) for hit in found.hits),
        counted=_how_many(found.counted),
        kinds={KIND_OF[entity]: _how_many(number) for entity, number in found.by_entity.items()},
        facets=tuple(_facet(facet) for facet in found.facets),
        notes=tuple(
            NoteTold(
                piece=note.piece,
                start=note.span.start,
                end=note.span.end,
                handling=note.handling,
                what=note.what,
            )
            for note in found.notes
        ),
        some_words=found.some_words,
        next=found.next,
        took_ms=round(found.took_ms, 1),
    )


def hit_told(hit: FoundHit, *, highlight: bool = False) -> HitTold:
    """One object that was found."""
    return HitTold(
        kind=KIND_OF[hit.entity],
        id=hit.id,
        score=hit.score,
        source=_with_dates(hit.source),
        highlights=tuple(_highlight(one) for one in hit.highlights) if highlight else None,
    )


def related_told(related: RelatedHit) -> SimilarTold:
    """One object that has to do with another one."""
    reasons = tuple(ReasonTold(kind=one.kind, names=one.names, more=one.more, text=one.text) for one in related.reasons)
    return SimilarTold(**dict(hit_told(related.hit)), reasons=reasons)


def meant_told(meant: MeantHit) -> MeantTold:
    """One object that means what was asked for."""
    return MeantTold(**dict(hit_told(meant.hit)), closeness=meant.closeness, part=meant.part, text=meant.text)


def suggestion_told(suggestion: Suggestion) -> SuggestionTold:
    """One suggestion."""
    return SuggestionTold(
        what=suggestion.kind,
        text=suggestion.text,
        label=suggestion.label,
        kind=suggestion.entity,
        id=suggestion.id,
        unit=suggestion.unit,
    )


def moment_text(milliseconds: float) -> str:
    """Milliseconds since 1970 as `2025-03-12T11:40:26.000Z`."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z".rjust(24, "0")


def _with_dates(source: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in source.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_with_dates(one) if isinstance(one, dict) else one for one in value]
    if name.rpartition(".")[2] in MOMENTS and isinstance(value, int | float):
        return moment_text(value)
    return value


def _how_many(number: HowMany) -> HowManyTold:
    return HowManyTold(number=number.number, more=number.more, estimate=number.estimate)


def _highlight(found: Highlight) -> HighlightTold:
    passages = zip(found.passages, found.cut_before, found.cut_after, strict=True)
    return HighlightTold(
        field=found.field,
        passages=tuple(
            PassageTold(
                pieces=tuple(PieceTold(text=piece.text, match=piece.match) for piece in pieces),
                cut_before=before,
                cut_after=after,
            )
            for pieces, before, after in passages
        ),
    )


def _facet(facet: FacetFound) -> FacetTold:
    return FacetTold(
        kind=KIND_OF[facet.entity],
        field=facet.field,
        unit=facet.unit,
        values=tuple(_facet_value(facet, value) for value in facet.values),
    )


def _facet_value(facet: FacetFound, value: FacetValue) -> FacetValueTold:
    low, high = _bound(facet, value.low), _bound(facet, value.high)
    is_range = low is not None or high is not None
    return FacetValueTold(
        value=moment_text(value.value) if facet.of_dates and not isinstance(value.value, str) else value.value,
        label=value.label,
        count=value.count,
        low=low,
        high=high,
        chosen=value.chosen,
        filter=range_text(facet.field, low, high, facet.unit)
        if is_range or isinstance(value.value, float)
        else filter_text(facet.field, value.value),
    )


def _bound(facet: FacetFound, bound: float | None) -> float | str | None:
    return moment_text(bound) if bound is not None and facet.of_dates else bound
