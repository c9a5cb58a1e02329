"""Objects of the catalogue as a model reads them: names instead of keys, and nothing that is empty."""

from __future__ import annotations

from typing import Any

from beamcat.database.instants import moment
from beamcat.model import BASE_ATTRIBUTES, Kind
from beamcat.query.result import Record, stored_attributes

BASE = frozenset(attribute.name for attribute in BASE_ATTRIBUTES)
LONGEST_TEXT = 4000
"""Characters of one value."""

KINDS = {
    "investigation": "Investigation",
    "dataset": "Dataset",
    "datafile": "Datafile",
    "sample": "Sample",
    "instrument": "Instrument",
    "publication": "DataPublication",
}
"""What a model calls them, and their entities."""

INCLUDED = {
    "Investigation": (
        "type",
        "facility",
        "investigationInstruments.instrument",
        "parameters.type",
        "samples",
        "keywords",
        "publications",
    ),
    "Dataset": (
        "type",
        "investigation",
        "sample",
        "parameters.type",
        "datasetInstruments.instrument",
        "datasetTechniques.technique",
    ),
    "Datafile": ("dataset.investigation", "datafileFormat", "parameters.type"),
    "Sample": ("investigation", "type", "parameters.type"),
    "Instrument": ("facility",),
    "DataPublication": ("facility", "users", "dates"),
}
"""What comes with an object."""


def page_of(kind: str, identifier: int) -> str:
    """The page of the portal about an object."""
    return f"/{kind}s/{identifier}"


def told(record: Record) -> dict[str, Any]:
    """The values of an object, and those of what was included."""
    values: dict[str, Any] = {"id": record.id}
    for attribute, value in zip(stored_attributes(record.entity), record.values, strict=False):
        if value is None or attribute.name in BASE:
            continue
        if attribute.kind is Kind.DATETIME and isinstance(value, int):
            values[attribute.name] = moment(value).isoformat()
        else:
            values[attribute.name] = value[:LONGEST_TEXT] if isinstance(value, str) else value
    for name, related in record.related.items():
        if isinstance(related, Record):
            values[name] = told(related)
        elif name == "parameters":
            values[name] = [_parameter(one) for one in related]
        else:
            values[name] = [told(one) for one in related]
    return values


def _parameter(record: Record) -> dict[str, Any]:
    """`{"name": "temperature", "value": 293.15, "unit": "K"}`."""
    values = told(record)
    kind = values.get("type", {})
    value = next((values[name] for name in ("numericValue", "stringValue", "dateTimeValue") if name in values), None)
    unit = kind.get("units")
    return {"name": kind.get("name"), "value": value, **({"unit": unit} if unit else {})}
