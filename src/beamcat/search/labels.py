"""What the values of facets are called: names of instruments, types, techniques, told to who may read them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from beamcat.access.caller import Caller
from beamcat.search.language.meaning import Table
from beamcat.search.language.names import table_of
from beamcat.search.parts import Parts

FLAGS = {0: "false", 1: "true"}
_OBJECTS = {"dataset": "Dataset", "investigation": "Investigation", "sample": "Sample"}
_VISIT = ("Investigation.investigationInstruments", "InvestigationInstrument.instrument")
_CYCLE = ("Investigation.investigationFacilityCycles", "InvestigationFacilityCycle.facilityCycle")
_TECHNIQUES = ("Dataset.datasetTechniques", "DatasetTechnique.technique")

STEPS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Investigation": {
        "facility": ("Investigation.facility",),
        "type": ("Investigation.type",),
        "instruments": _VISIT,
        "cycles": _CYCLE,
        "techniques": ("Investigation.datasets", *_TECHNIQUES),
        "sample_types": ("Investigation.samples", "Sample.type"),
        "parameter_types": ("Investigation.parameters", "InvestigationParameter.type"),
        "sample_parameter_types": ("Investigation.samples", "Sample.parameters", "SampleParameter.type"),
    },
    "Dataset": {
        "facility": ("Dataset.investigation", "Investigation.facility"),
        "type": ("Dataset.type",),
        "instruments": ("Dataset.datasetInstruments", "DatasetInstrument.instrument"),
        "investigation_instruments": ("Dataset.investigation", *_VISIT),
        "cycles": ("Dataset.investigation", *_CYCLE),
        "techniques": _TECHNIQUES,
        "sample_type": ("Dataset.sample", "Sample.type"),
        "parameter_types": ("Dataset.parameters", "DatasetParameter.type"),
        "investigation": ("Dataset.investigation",),
        "sample": ("Dataset.sample",),
    },
    "Datafile": {
        "format": ("Datafile.datafileFormat",),
        "parameter_types": ("Datafile.parameters", "DatafileParameter.type"),
        "dataset": ("Datafile.dataset",),
        "investigation": ("Datafile.dataset", "Dataset.investigation"),
    },
    "Sample": {
        "facility": ("Sample.investigation", "Investigation.facility"),
        "type": ("Sample.type",),
        "parameter_types": ("Sample.parameters", "SampleParameter.type"),
        "investigation": ("Sample.investigation",),
    },
    "Instrument": {"facility": ("Instrument.facility",)},
    "DataPublication": {"facility": ("DataPublication.facility",), "type": ("DataPublication.type",)},
}
"""Entity, and field of its documents -> the relations that lead to what the ids in it are."""


async def labels(
    parts: Parts, caller: Caller, entity: str, field: str, ids: Collection[int], *, units: bool = True
) -> dict[int, str]:
    """What the ids in a field are called; only of those that the caller may read, or that lie beyond open relations.

    Types of parameters are told with their `units`.
    """
    if field == "complete":
        return {id_: FLAGS[id_] for id_ in ids if id_ in FLAGS}
    table = table_of(entity, field)
    steps = STEPS.get(entity, {}).get(field)
    beyond = steps is not None and await parts.readable.are_open(caller, steps)
    if table is None:
        other = _OBJECTS[field]
        names = ("name", "visitId") if other == "Investigation" else ("name",)
        rows = await parts.pages.read(caller, other, list(ids), names)
        return {id_: " ".join(str(text) for text in row.source.values()) for id_, row in rows.items()}
    known = (await parts.tables.one(table)).rows
    readable = set(ids) if beyond else await parts.readable.of(caller, table.value, ids)
    with_units = units and table is Table.PARAMETER_TYPE
    return {id_: _called(known[id_].texts, with_units) for id_ in ids if id_ in readable and id_ in known}


def _called(texts: Mapping[str, str], with_units: bool) -> str:
    name, units = texts.get("name", ""), texts.get("units", "")
    return f"{name} ({units})" if with_units and units else name
