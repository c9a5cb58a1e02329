"""Documents of datafiles. There may be billions: of what they belong to they hold ids and nothing else."""

from __future__ import annotations

from beamcat.search.documents.statement import PARAMETER_VALUES, Documents, moment, parameters
from beamcat.search.documents.vocabulary import (
    DATE,
    DESCRIPTION,
    DOI,
    INVESTIGATION,
    NAME,
    PARAMETERS,
    SIZE,
    by_name,
)
from beamcat.search.fields import DocumentType, Field, Kind

_TYPE = DocumentType(
    "Datafile",
    by_name(
        NAME,
        Field("path", Kind.PATH, several=True, ends_in="name"),
        DESCRIPTION,
        DOI,
        DATE,
        SIZE,
        Field("dataset", Kind.ID, counted=True),
        INVESTIGATION,
        Field("format", Kind.ID, counted=True),
        *PARAMETERS,
    ),
    asked=("name", "path", "description", "doi"),
    large=True,
)

LOCATION = "regexp_replace(it.location, ' [0-9A-F]{64}$', '')"
"""Without the signature that clients are not to see (data service, B.4)."""
_MADE_UP = r"it.location ~ '^[0-9]+/[0-9]+/[0-9a-f-]{36}( [0-9A-F]{64})?$'"
"""Locations that Beamcat itself gave: nobody looks for them."""

DATAFILE_DOCUMENTS = Documents(
    _TYPE,
    table="datafile",
    values={
        "name": "it.name",
        "path": (
            f"CASE WHEN it.location IS NULL OR {_MADE_UP} THEN ARRAY[it.name]"
            f" WHEN right({LOCATION}, length(it.name)) = it.name THEN ARRAY[{LOCATION}]"
            f" ELSE ARRAY[{LOCATION}, it.name] END"
        ),
        "description": "it.description",
        "doi": "it.doi",
        "date": moment("coalesce(it.datafile_mod_time, it.datafile_create_time, it.mod_time)"),
        "size": "it.file_size",
        "dataset": "it.dataset_id",
        "investigation": "it.investigation_id",
        "format": "it.datafile_format_id",
        **PARAMETER_VALUES,
    },
    parts=(parameters("datafile_parameter", "datafile_id"),),
    reads=("parameters",),
    links=("dataset.investigation",),
)
