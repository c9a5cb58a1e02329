"""What documents hold of what rules ask: ids of what their objects are related to, and values of their own.

Only what a document says exactly as the database does, for every value and for none, is named here. Strings are not:
they are compared without regard to case and accents in an index, and with regard to them in rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from beamcat.errors import BadParameter
from beamcat.model import Entity, ToMany, ToOne, icat_entity

Way = tuple[str, ...]
"""The relations followed from the object of a document."""


@dataclass(frozen=True, slots=True)
class Held:
    """A field of ids. `always`: every document has a value; `several`: it may have more than one."""

    field: str
    always: bool
    several: bool


_OF_INVESTIGATION: Mapping[Way, str] = {
    ("investigation",): "investigation",
    ("investigation", "facility"): "facility",
}

IDS: Mapping[str, Mapping[Way, str]] = {
    "Investigation": {
        (): "id",
        ("facility",): "facility",
        ("type",): "type",
        ("investigationInstruments", "instrument"): "instruments",
        ("investigationFacilityCycles", "facilityCycle"): "cycles",
        ("datasets", "datasetTechniques", "technique"): "techniques",
        ("samples", "type"): "sample_types",
        ("samples", "parameters", "type"): "sample_parameter_types",
        ("parameters", "type"): "parameter_types",
    },
    "Dataset": {
        (): "id",
        **_OF_INVESTIGATION,
        ("type",): "type",
        ("sample",): "sample",
        ("sample", "type"): "sample_type",
        ("datasetInstruments", "instrument"): "instruments",
        ("investigation", "investigationInstruments", "instrument"): "investigation_instruments",
        ("investigation", "investigationFacilityCycles", "facilityCycle"): "cycles",
        ("datasetTechniques", "technique"): "techniques",
        ("parameters", "type"): "parameter_types",
    },
    "Datafile": {
        (): "id",
        ("dataset",): "dataset",
        ("dataset", "investigation"): "investigation",
        ("datafileFormat",): "format",
        ("parameters", "type"): "parameter_types",
    },
    "Sample": {(): "id", **_OF_INVESTIGATION, ("type",): "type", ("parameters", "type"): "parameter_types"},
    "Instrument": {(): "id", ("facility",): "facility"},
    "DataPublication": {(): "id", ("facility",): "facility", ("type",): "type", ("content",): "content"},
}
"""Entity -> way from its objects -> field of its documents with the ids of what lies there."""

OWN: Mapping[str, Mapping[str, str]] = {
    "Investigation": {"releaseDate": "release"},
    "Dataset": {"complete": "complete", "sample": "sample"},
    "Datafile": {"fileSize": "size", "datafileFormat": "format"},
    "Sample": {"type": "type"},
    "Instrument": {"startDate": "start", "endDate": "end"},
    "DataPublication": {"type": "type"},
}
"""Entity -> member of the object -> field of its document that says the same.

Counts and sizes of what holds files change with every file; documents may follow a little later.
"""


def check_is_searched(entity: str) -> None:
    """Raise `BadParameter` unless there are documents of the entity."""
    if entity not in IDS:
        raise BadParameter(f"{entity} cannot be searched for")


def held(entity: str, way: Way) -> Held | None:
    """The field that holds the ids of what the way leads to."""
    field = IDS[entity].get(way)
    if field is None:
        return None
    relations = _relations(icat_entity(entity), way)
    always = all(isinstance(relation, ToOne) and relation.required for relation in relations)
    return Held(field, always, any(isinstance(relation, ToMany) for relation in relations))


def leads_somewhere(entity: str, way: Way) -> bool:
    """Whether a field holds the ids of what this way leads to, or one that goes on from there."""
    return any(known[: len(way)] == way for known in IDS[entity])


def is_sure(entity: str, way: Way) -> bool:
    """Whether there is exactly one object at the end, for every document."""
    return all(isinstance(each, ToOne) and each.required for each in _relations(icat_entity(entity), way))


def is_branched(entity: str, way: Way) -> bool:
    """Whether there may be several objects at the end."""
    return any(isinstance(relation, ToMany) for relation in _relations(icat_entity(entity), way))


def _relations(entity: Entity, way: Way) -> list[ToOne | ToMany]:
    relations = []
    for step in way:
        relation = entity.fields[step]
        assert isinstance(relation, ToOne | ToMany)
        relations.append(relation)
        entity = icat_entity(relation.target)
    return relations
