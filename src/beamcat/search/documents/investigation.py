"""Documents of investigations."""

from __future__ import annotations

from beamcat.search.documents.statement import PARAMETER_VALUES, Documents, Part, ids_of, moment, parameters
from beamcat.search.documents.vocabulary import (
    COUNT,
    CYCLES,
    DATE,
    DOI,
    END,
    FACILITY,
    INSTRUMENTS,
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
    "Investigation",
    by_name(
        NAME,
        Field("visit_id", Kind.CODE, weight=2),
        Field("title", Kind.WORDS, sorted=True, weight=2),
        Field("summary", Kind.WORDS),
        DOI,
        START,
        END,
        DATE,
        Field("release", Kind.MOMENT),
        SIZE,
        COUNT,
        FACILITY,
        TYPE,
        INSTRUMENTS,
        CYCLES,
        TECHNIQUES,
        Field("people", Kind.WORDS, several=True, weight=2),
        Field("samples", Kind.ID, several=True),
        Field("sample_names", Kind.WORDS, several=True, owner=Owner("samples", "Sample", "name")),
        Field("sample_types", Kind.ID, several=True, counted=True),
        Field("sample_parameter_types", Kind.ID, several=True, counted=True),
        Field("keywords", Kind.WORDS, several=True, weight=2),
        Field("keyword", Kind.CODE, several=True, counted=True),
        Field("publications", Kind.WORDS, several=True),
        Field("publication_dois", Kind.CODE, several=True),
        *PARAMETERS,
    ),
    asked=(
        "name",
        "visit_id",
        "title",
        "summary",
        "doi",
        "people",
        "sample_names",
        "keywords",
        "publications",
        "publication_dois",
    ),
)

INVESTIGATION_DOCUMENTS = Documents(
    _TYPE,
    table="investigation",
    values={
        "name": "it.name",
        "visit_id": "it.visit_id",
        "title": "it.title",
        "summary": "it.summary",
        "doi": "it.doi",
        # what ICAT takes for the dates of an investigation that has none: section B.8 of its API
        "start": moment("coalesce(it.start_date, it.create_time)"),
        "end": moment("coalesce(it.end_date, it.mod_time)"),
        "date": moment("coalesce(it.start_date, it.create_time)"),
        "release": moment("it.release_date"),
        "size": "it.file_size",
        "count": "it.file_count",
        "facility": "it.facility_id",
        "type": "it.type_id",
        "instruments": "instrument.ids",
        "cycles": "cycle.ids",
        "techniques": "technique.ids",
        "people": "person.names",
        "samples": "sample.ids",
        "sample_names": "sample.names",
        "sample_types": "sample.types",
        "sample_parameter_types": "sample_parameter.ids",
        "keywords": "keyword.names",
        "keyword": "keyword.names",
        "publications": "publication.texts",
        "publication_dois": "publication.dois",
        **PARAMETER_VALUES,
    },
    parts=(
        ids_of("instrument", "investigation_instrument", "investigation_id", "instrument_id"),
        ids_of("cycle", "investigation_facility_cycle", "investigation_id", "facility_cycle_id"),
        Part(
            "technique",
            "SELECT dataset.investigation_id AS of, array_agg(DISTINCT technique_id) AS ids FROM dataset_technique"
            " JOIN dataset ON dataset.id = dataset_id WHERE [[dataset.investigation_id]] GROUP BY 1",
        ),
        Part(
            "person",
            "SELECT investigation_id AS of, array_agg(DISTINCT coalesce(person.full_name, person.name)) AS names"
            ' FROM investigation_user JOIN "user" AS person ON person.id = user_id'
            " WHERE [[investigation_id]] GROUP BY 1",
        ),
        Part(
            "sample",
            "SELECT investigation_id AS of, array_agg(id ORDER BY id) AS ids, array_agg(DISTINCT name) AS names,"
            " array_agg(DISTINCT type_id) FILTER (WHERE type_id IS NOT NULL) AS types"
            " FROM sample WHERE [[investigation_id]] GROUP BY 1",
        ),
        Part(
            "sample_parameter",
            "SELECT sample.investigation_id AS of, array_agg(DISTINCT sample_parameter.type_id) AS ids"
            " FROM sample_parameter JOIN sample ON sample.id = sample_id WHERE [[sample.investigation_id]] GROUP BY 1",
        ),
        Part(
            "keyword",
            "SELECT investigation_id AS of, array_agg(name ORDER BY name) AS names FROM keyword"
            " WHERE [[investigation_id]] GROUP BY 1",
        ),
        Part(
            "publication",
            "SELECT investigation_id AS of, array_agg(full_reference ORDER BY id) AS texts,"
            " array_agg(DISTINCT doi) FILTER (WHERE doi IS NOT NULL) AS dois"
            " FROM publication WHERE [[investigation_id]] GROUP BY 1",
        ),
        parameters("investigation_parameter", "investigation_id"),
    ),
    reads=(
        "investigationInstruments",
        "investigationFacilityCycles",
        "datasets.datasetTechniques",
        "investigationUsers",
        "investigationUsers.user",
        "samples",
        "samples.parameters",
        "keywords",
        "publications",
        "parameters",
    ),
    counts=("datasets.datafiles",),
)
