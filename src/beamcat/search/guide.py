"""What can be asked of each kind of object: fields by the names people write before a colon, and what they mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from beamcat.access.caller import Caller
from beamcat.catalogue.search import Searches
from beamcat.search.documents import DOCUMENTS
from beamcat.search.fields import DocumentType, Field, Kind
from beamcat.search.language.names import table_of
from beamcat.search.sorting import is_sortable


class Holds(StrEnum):
    """What a field holds, for people."""

    TEXT = "text"
    """Words in a human language."""
    NAME = "name"
    """A short text, of which also the beginning and the middle can be looked for."""
    CODE = "code"
    """An identifier, as a whole or by its beginning."""
    PATH = "path"
    """A path of folders and names."""
    DATE = "date"
    NUMBER = "number"
    CHOICE = "choice"
    """One of a list: an instrument, a type, a technique; by its name, or by its id."""
    FLAG = "flag"
    """`true` or `false`."""
    ID = "id"
    """The id of an object."""


@dataclass(frozen=True, slots=True)
class Guided:
    """A field as people know it."""

    name: str
    """What to write before a colon, in filters, facets and sorts."""
    label: str
    holds: Holds
    several: bool
    """Whether an object may have several of them."""
    counted: bool
    """Whether it can be a facet."""
    sorted: bool
    """Whether hits can be sorted by it."""
    searched: bool
    """Whether words without a field are looked for in it."""
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class GuidedParameter:
    """A parameter type, as far as it can be asked for."""

    name: str
    units: str
    holds: Holds
    description: str | None
    entities: tuple[str, ...]
    """What may have it."""


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    label: str
    unit: str | None = None


MOST_PARAMETERS = 5_000
"""Parameter types that are told of."""

_NAMES: Mapping[str, _Named] = {
    "name": _Named("name", "Name"),
    "title": _Named("title", "Title"),
    "summary": _Named("summary", "Summary"),
    "description": _Named("description", "Description"),
    "doi": _Named("doi", "DOI"),
    "pid": _Named("pid", "Persistent identifier"),
    "visit_id": _Named("visitId", "Visit"),
    "start": _Named("startDate", "Start"),
    "end": _Named("endDate", "End"),
    "date": _Named("date", "Date"),
    "release": _Named("releaseDate", "Release"),
    "size": _Named("fileSize", "Size", "B"),
    "count": _Named("fileCount", "Files"),
    "complete": _Named("complete", "Complete"),
    "facility": _Named("facility", "Facility"),
    "type": _Named("type", "Type"),
    "instruments": _Named("instrument", "Instrument"),
    "cycles": _Named("facilityCycle", "Cycle"),
    "techniques": _Named("technique", "Technique"),
    "parameter_types": _Named("parameter", "Parameters"),
    "people": _Named("user", "People"),
    "keywords": _Named("keywords", "Keywords"),
    "keyword": _Named("keyword", "Keyword"),
    "publications": _Named("publication", "Publications"),
    "publication_dois": _Named("publication.doi", "DOIs of publications"),
    "sample_names": _Named("sample", "Samples"),
    "sample_name": _Named("sample", "Sample"),
    "sample_types": _Named("sample.type", "Types of samples"),
    "sample_type": _Named("sample.type", "Type of the sample"),
    "location": _Named("location", "Folder"),
    "path": _Named("location", "Path"),
    "format": _Named("datafileFormat", "Format"),
    "investigation": _Named("investigation.id", "Investigation"),
    "investigation_name": _Named("investigation.name", "Proposal"),
    "investigation_title": _Named("title", "Title of the investigation"),
    "sample": _Named("sample.id", "Sample"),
    "dataset": _Named("dataset.id", "Dataset"),
    "datasets": _Named("datasets", "Datasets"),
    "full_name": _Named("fullName", "Full name"),
    "kind": _Named("type", "Type"),
    "subject": _Named("subject", "Subjects"),
}
"""Field of a document -> what people call it. Those that are not here serve other questions: values of parameters are
asked for by the names of these, `instrument` asks for those of the investigation too."""
_KINDS: Mapping[Kind, Holds] = {
    Kind.MOMENT: Holds.DATE,
    Kind.AMOUNT: Holds.NUMBER,
    Kind.WORDS: Holds.TEXT,
    Kind.NAME: Holds.NAME,
    Kind.CODE: Holds.CODE,
    Kind.PATH: Holds.PATH,
}


def guide(entities: Iterable[str]) -> Mapping[str, tuple[Guided, ...]]:
    """Entity -> the fields of its documents."""
    return {entity: fields_of(DOCUMENTS[entity].type) for entity in entities}


def fields_of(document: DocumentType) -> tuple[Guided, ...]:
    """The fields of one kind of document."""
    return tuple(_guided(document, field) for name, field in document.fields.items() if name in _NAMES)


async def parameter_guide(
    searches: Searches, caller: Caller, entities: Collection[str]
) -> tuple[list[GuidedParameter], bool]:
    """The parameter types of these entities that the caller may read, by name; and whether there are still more."""
    rows: Any = (await searches.search(caller, _TYPES)).rows
    found = [
        GuidedParameter(
            name,
            units,
            _VALUES[value_type],
            description,
            tuple(entity for entity, does in zip(_APPLICABLE, applies, strict=True) if does),
        )
        for name, units, value_type, description, *applies in rows[:MOST_PARAMETERS]
    ]
    return [one for one in found if not set(entities).isdisjoint(one.entities)], len(rows) > MOST_PARAMETERS


_APPLICABLE = ("Investigation", "Dataset", "Datafile", "Sample")
_TYPES = (  # a query in ICAT's language
    "SELECT t.name, t.units, t.valueType, t.description, "  # noqa: S608
    + ", ".join(f"t.applicableTo{entity}" for entity in _APPLICABLE)
    + f" FROM ParameterType t ORDER BY t.name, t.units LIMIT 0, {MOST_PARAMETERS + 1}"
)
_VALUES = {"NUMERIC": Holds.NUMBER, "STRING": Holds.TEXT, "DATE_AND_TIME": Holds.DATE}


def _guided(document: DocumentType, field: Field) -> Guided:
    named = _NAMES[field.name]
    return Guided(
        named.name,
        named.label,
        _holds(document, field),
        several=field.several,
        counted=field.counted or field.kind in (Kind.MOMENT, Kind.AMOUNT),
        sorted=is_sortable(field) and field.kind is not Kind.ID,  # the order of ids says nothing
        searched=field.name in document.asked,
        unit=named.unit,
    )


def _holds(document: DocumentType, field: Field) -> Holds:
    if field.kind is not Kind.ID:
        return _KINDS[field.kind]
    if field.name == "complete":
        return Holds.FLAG
    return Holds.ID if table_of(document.entity, field.name) is None else Holds.CHOICE
