"""Documents of samples, instruments and publications of data."""

from __future__ import annotations

from beamcat.search.documents.statement import PARAMETER_VALUES, Documents, Part, moment, parameters
from beamcat.search.documents.vocabulary import (
    DATE,
    DESCRIPTION,
    END,
    FACILITY,
    INVESTIGATION,
    NAME,
    PARAMETERS,
    START,
    TYPE,
    by_name,
)
from beamcat.search.fields import DocumentType, Field, Kind, Owner

_PID = Field("pid", Kind.CODE)

SAMPLE_DOCUMENTS = Documents(
    DocumentType(
        "Sample",
        by_name(
            NAME,
            _PID,
            DATE,
            TYPE,
            FACILITY,
            INVESTIGATION,
            Field("investigation_name", Kind.WORDS, owner=Owner("investigation", "Investigation", "name")),
            Field("investigation_title", Kind.WORDS, owner=Owner("investigation", "Investigation", "title")),
            Field("datasets", Kind.AMOUNT),
            *PARAMETERS,
        ),
        asked=("name", "pid", "investigation_name", "investigation_title"),
    ),
    table="sample",
    values={
        "name": "it.name",
        "pid": "it.pid",
        "date": moment("it.mod_time"),
        "type": "it.type_id",
        "facility": "investigation.facility_id",
        "investigation": "it.investigation_id",
        "investigation_name": "investigation.name",
        "investigation_title": "investigation.title",
        "datasets": "coalesce(dataset.number, 0)",
        **PARAMETER_VALUES,
    },
    joins="JOIN investigation ON investigation.id = it.investigation_id",
    parts=(
        Part("dataset", "SELECT sample_id AS of, count(*) AS number FROM dataset WHERE [[sample_id]] GROUP BY 1"),
        parameters("sample_parameter", "sample_id"),
    ),
    reads=("investigation", "parameters"),
    links=("datasets",),
)

INSTRUMENT_DOCUMENTS = Documents(
    DocumentType(
        "Instrument",
        by_name(
            NAME,
            Field("full_name", Kind.WORDS, weight=2),
            DESCRIPTION,
            Field("kind", Kind.CODE, counted=True),
            _PID,
            START,
            END,
            FACILITY,
        ),
        asked=("name", "full_name", "description", "kind", "pid"),
    ),
    table="instrument",
    values={
        "name": "it.name",
        "full_name": "it.full_name",
        "description": "it.description",
        "kind": "it.type",
        "pid": "it.pid",
        "start": moment("it.start_date"),
        "end": moment("it.end_date"),
        "facility": "it.facility_id",
    },
)

PUBLICATION_DOCUMENTS = Documents(
    DocumentType(
        "DataPublication",
        by_name(
            Field("title", Kind.WORDS, sorted=True, weight=3),
            _PID,
            DESCRIPTION,
            Field("subject", Kind.WORDS, several=True, weight=2),
            Field("people", Kind.WORDS, several=True, weight=2),
            DATE,
            TYPE,
            FACILITY,
            Field("content", Kind.ID),
        ),
        asked=("title", "pid", "description", "subject", "people"),
    ),
    table="data_publication",
    values={
        "title": "it.title",
        "pid": "it.pid",
        "description": "it.description",
        "subject": "array_remove(array_prepend(it.subject, subject.names), NULL)",
        "people": "person.names",
        "date": moment("coalesce(it.publication_date, it.create_time)"),
        "type": "it.type_id",
        "facility": "it.facility_id",
        "content": "it.content_id",
    },
    parts=(
        Part(
            "person",
            "SELECT publication_id AS of,"
            " array_agg(DISTINCT coalesce(role.full_name, person.full_name, person.name)) AS names"
            ' FROM data_publication_user role JOIN "user" AS person ON person.id = user_id'
            " WHERE [[publication_id]] GROUP BY 1",
        ),
        Part(
            "subject",
            "SELECT data_publication_id AS of, array_agg(DISTINCT name) AS names FROM subject"
            " WHERE [[data_publication_id]] GROUP BY 1",
        ),
    ),
    reads=("users", "users.user", "subjects"),
)
