"""Fields that documents of several entities have."""

from __future__ import annotations

from beamcat.search.fields import Field, Kind

DIGEST = Field("digest", Kind.AMOUNT)
"""32 bits of a digest of all the rest of a document, which a check compares with what the database makes now."""


def by_name(*fields: Field) -> dict[str, Field]:
    """Fields as documents declare them, and the digest, which all have."""
    return {field.name: field for field in (*fields, DIGEST)}


NAME = Field("name", Kind.NAME, weight=3)
DESCRIPTION = Field("description", Kind.WORDS)
DOI = Field("doi", Kind.CODE)
SIZE = Field("size", Kind.AMOUNT)
COUNT = Field("count", Kind.AMOUNT)
START = Field("start", Kind.MOMENT)
END = Field("end", Kind.MOMENT)
DATE = Field("date", Kind.MOMENT)
FACILITY = Field("facility", Kind.ID, counted=True)
TYPE = Field("type", Kind.ID, counted=True)
INVESTIGATION = Field("investigation", Kind.ID, counted=True)
INSTRUMENTS = Field("instruments", Kind.ID, several=True, counted=True)
CYCLES = Field("cycles", Kind.ID, several=True, counted=True)
TECHNIQUES = Field("techniques", Kind.ID, several=True, counted=True)
PARAMETERS = (
    Field("numbers", Kind.NUMBERS),
    Field("strings", Kind.STRINGS),
    Field("moments", Kind.MOMENTS),
    Field("parameter_types", Kind.ID, several=True, counted=True),
)
