"""Documents of datasets."""

from __future__ import annotations

from beamcat.search.documents.statement import PARAMETER_VALUES, Documents, Part, ids_of, moment, parameters
from beamcat.search.documents.vocabulary import (
    COUNT,
    CYCLES,
    DATE,
    DESCRIPTION,
    DOI,
    END,
    FACILITY,
    INSTRUMENTS,
    INVESTIGATION,
    NAME,
    PARAMETERS,
    SIZE,
    START,
    TECHNIQUES,
    TYPE,
    by_name,
)
from beamcat.search.fields import DocumentType, Field, Kind, Owner

_TYPE = DocumentType(
    "Dataset",
    by_name(
        NAME,
        DESCRIPTION,
        DOI,
        Field("location", Kind.PATH),
        START,
        END,
        DATE,
        SIZE,
        COUNT,
        Field("complete", Kind.ID, counted=True),
        TYPE,
        FACILITY,
        INVESTIGATION,
        Field("investigation_name", Kind.WORDS, owner=Owner("investigation", "Investigation", "name")),
        Field("investigation_title", Kind.WORDS, owner=Owner("investigation", "Investigation", "title")),
        Field("visit_id", Kind.CODE, owner=Owner("investigation", "Investigation", "visit_id")),
        Field("sample", Kind.ID, counted=True),
        Field("sample_name", Kind.WORDS, weight=2, owner=Owner("sample", "Sample", "name")),
        Field("sample_type", Kind.ID, counted=True),
        INSTRUMENTS,
        Field("investigation_instruments", Kind.ID, several=True, counted=True),
        CYCLES,
        TECHNIQUES,
        *PARAMETERS,
    ),
    asked=(
        "name",
        "description",
        "doi",
        "location",
        "sample_name",
        "investigation_name",
        "investigation_title",
        "visit_id",
    ),
)


def _of_investigation(name: str, table: str, child: str) -> Part:
    return Part(
        name,
        f"SELECT dataset.id AS of, array_agg(DISTINCT {child}) AS ids FROM dataset"  # noqa: S608
        f" JOIN {table} ON {table}.investigation_id = dataset.investigation_id WHERE [[dataset.id]] GROUP BY 1",
    )


DATASET_DOCUMENTS = Documents(
    _TYPE,
    table="dataset",
    values={
        "name": "it.name",
        "description": "it.description",
        "doi": "it.doi",
        "location": "it.location",
        "start": moment("coalesce(it.start_date, it.create_time)"),
        "end": moment("coalesce(it.end_date, it.mod_time)"),
        "date": moment("coalesce(it.start_date, it.create_time)"),
        "size": "it.file_size",
        "count": "it.file_count",
        "complete": "it.complete::int",
        "type": "it.type_id",
        "facility": "investigation.facility_id",
        "investigation": "it.investigation_id",
        "investigation_name": "investigation.name",
        "investigation_title": "investigation.title",
        "visit_id": "investigation.visit_id",
        "sample": "it.sample_id",
        "sample_name": "sample.name",
        "sample_type": "sample.type_id",
        "instruments": "instrument.ids",
        "investigation_instruments": "investigation_instrument.ids",
        "cycles": "cycle.ids",
        "techniques": "technique.ids",
        **PARAMETER_VALUES,
    },
    joins=("JOIN investigation ON investigation.id = it.investigation_id LEFT JOIN sample ON sample.id = it.sample_id"),
    parts=(
        ids_of("instrument", "dataset_instrument", "dataset_id", "instrument_id"),
        _of_investigation("investigation_instrument", "investigation_instrument", "instrument_id"),
        _of_investigation("cycle", "investigation_facility_cycle", "facility_cycle_id"),
        ids_of("technique", "dataset_technique", "dataset_id", "technique_id"),
        parameters("dataset_parameter", "dataset_id"),
    ),
    reads=(
        "investigation",
        "investigation.investigationInstruments",
        "investigation.investigationFacilityCycles",
        "sample",
        "datasetInstruments",
        "datasetTechniques",
        "parameters",
    ),
    counts=("datafiles",),
)
