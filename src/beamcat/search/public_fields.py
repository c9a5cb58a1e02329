"""What is shown of what was found, by ICAT's names (section B.8 of its API), and what may be seen of it.

A field is shown only where each relation that leads to it is open to the caller: its target is public, or the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from beamcat.search.documents.datafile import LOCATION
from beamcat.search.documents.statement import moment

MOST_RELATED = 100
"""Related objects of one kind that are shown of a hit."""


@dataclass(frozen=True, slots=True)
class PublicField:
    """A field of a hit: an expression over the table, called `it`, and over a join if it needs one.

    `steps` are the relations that lead to it, as `Entity.relation`. `of` is the field of the document that holds the
    same text, whose words are looked for in it. One that is not `told` only serves that.
    """

    name: str
    sql: str
    steps: tuple[str, ...] = ()
    join: str | None = None
    of: str | None = None
    told: bool = True


@dataclass(frozen=True, slots=True)
class Join:
    """A table beside `it`, and the joins it needs before it."""

    clause: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublicFields:
    """What is shown of an entity. Of several fields of one name, the last one that may be seen is shown."""

    table: str
    joins: Mapping[str, Join]
    fields: tuple[PublicField, ...]


def _plain(*names: str, of: Mapping[str, str] | None = None) -> list[PublicField]:
    """Members of the entity itself: `name`, or `visitId=visit_id`."""
    fields = []
    for each in names:
        name, _, column = each.partition("=")
        fields.append(PublicField(name, f"it.{column or name}", of=(of or {}).get(name)))
    return fields


def _moments(**expressions: str) -> list[PublicField]:
    return [PublicField(name, moment(expression)) for name, expression in expressions.items()]


def _to_one(name: str, join: str, *steps: str, of: str | None = None, sql: str | None = None) -> PublicField:
    """A member of something it belongs to."""
    return PublicField(name, sql or f"{join}.{name.rpartition('.')[2]}", steps, join, of)


def _several(name: str, members: Mapping[str, str], source: str, *steps: str) -> PublicField:
    """A list of objects with these members."""
    pairs = ", ".join(f"'{member}', {expression}" for member, expression in members.items())
    columns = f"SELECT json_strip_nulls(json_build_object({pairs})) AS one"
    sql = f"(SELECT json_agg(found.one) FROM ({columns} {source} LIMIT {MOST_RELATED}) found)"  # noqa: S608
    return PublicField(name, sql, steps)


def _texts(name: str, of: str, expression: str, source: str, *steps: str) -> PublicField:
    """Texts of related objects, in which words are looked for."""
    sql = f"(SELECT json_agg(found.one) FROM (SELECT {expression} AS one {source} LIMIT {MOST_RELATED}) found)"  # noqa: S608
    return PublicField(name, sql, steps, of=of, told=False)


def _parameters(owner: str, entity: str) -> list[PublicField]:
    table = f"{owner}_parameter"
    source = f"FROM {table} one WHERE one.{owner}_id = it.id ORDER BY one.id"
    values = {
        "stringValue": "one.string_value",
        "numericValue": "one.numeric_value",
        "dateTimeValue": moment("one.date_time_value"),
    }
    named = f"FROM {table} one JOIN parameter_type type ON type.id = one.type_id WHERE one.{owner}_id = it.id"
    with_type = {"type.name": "type.name", "type.units": "type.units", **values}
    return [
        _several(f"{entity.lower()}parameter", values, source, f"{entity}.parameters"),
        _several(
            f"{entity.lower()}parameter",
            with_type,
            f"{named} ORDER BY one.id",
            f"{entity}.parameters",
            f"{entity}Parameter.type",
        ),
    ]


_CYCLES = {"facilityCycle.id": "one.facility_cycle_id"}
_INSTRUMENTS = {
    "instrument.id": "instrument.id",
    "instrument.name": "instrument.name",
    "instrument.fullName": "instrument.full_name",
}


def _of_visit(investigation: str, *steps: str) -> list[PublicField]:
    """Cycles and instruments of the investigation."""
    cycles = f"FROM investigation_facility_cycle one WHERE one.investigation_id = {investigation} ORDER BY one.id"
    instruments = (
        "FROM investigation_instrument one JOIN instrument ON instrument.id = one.instrument_id"
        f" WHERE one.investigation_id = {investigation} ORDER BY one.id"
    )
    return [
        _several("investigationfacilitycycle", _CYCLES, cycles, *steps, "Investigation.investigationFacilityCycles"),
        _several(
            "investigationinstrument",
            _INSTRUMENTS,
            instruments,
            *steps,
            "Investigation.investigationInstruments",
            "InvestigationInstrument.instrument",
        ),
    ]


_INVESTIGATION = PublicFields(
    "investigation",
    {
        "facility": Join("JOIN facility ON facility.id = it.facility_id"),
        "type": Join("JOIN investigation_type type ON type.id = it.type_id"),
    },
    (
        *_plain(
            "id",
            "name",
            "visitId=visit_id",
            "title",
            "summary",
            "doi",
            of={
                "name": "name",
                "visitId": "visit_id",
                "title": "title",
                "summary": "summary",
                "doi": "doi",
            },
        ),
        *_moments(
            startDate="coalesce(it.start_date, it.create_time)",
            endDate="coalesce(it.end_date, it.mod_time)",
            date="coalesce(it.start_date, it.create_time)",
        ),
        *_plain("fileSize=file_size", "fileCount=file_count", "facility.id=facility_id", "type.id=type_id"),
        _to_one("facility.name", "facility", "Investigation.facility"),
        _to_one("type.name", "type", "Investigation.type"),
        *_of_visit("it.id"),
        *_parameters("investigation", "Investigation"),
        _several(
            "sample",
            {"sample.id": "one.id", "sample.name": "one.name"},
            "FROM sample one WHERE one.investigation_id = it.id ORDER BY one.id",
            "Investigation.samples",
        ),
        _several(
            "sample",
            {"sample.id": "one.id", "sample.name": "one.name", "sample.type.name": "type.name"},
            "FROM sample one LEFT JOIN sample_type type ON type.id = one.type_id"
            " WHERE one.investigation_id = it.id ORDER BY one.id",
            "Investigation.samples",
            "Sample.type",
        ),
        _texts(
            "sample.name",
            "sample_names",
            "one.name",
            "FROM sample one WHERE one.investigation_id = it.id ORDER BY one.id",
            "Investigation.samples",
        ),
        _texts(
            "user.fullName",
            "people",
            "coalesce(person.full_name, person.name)",
            'FROM investigation_user one JOIN "user" person ON person.id = one.user_id'
            " WHERE one.investigation_id = it.id ORDER BY one.id",
            "Investigation.investigationUsers",
            "InvestigationUser.user",
        ),
        _texts(
            "keyword.name",
            "keywords",
            "one.name",
            "FROM keyword one WHERE one.investigation_id = it.id ORDER BY one.name",
            "Investigation.keywords",
        ),
        _texts(
            "publication.fullReference",
            "publications",
            "one.full_reference",
            "FROM publication one WHERE one.investigation_id = it.id ORDER BY one.id",
            "Investigation.publications",
        ),
        _texts(
            "publication.doi",
            "publication_dois",
            "one.doi",
            "FROM publication one WHERE one.investigation_id = it.id AND one.doi IS NOT NULL ORDER BY one.id",
            "Investigation.publications",
        ),
    ),
)

_DATASET = PublicFields(
    "dataset",
    {
        "investigation": Join("JOIN investigation ON investigation.id = it.investigation_id"),
        "sample": Join("LEFT JOIN sample ON sample.id = it.sample_id"),
        "sample_type": Join("LEFT JOIN sample_type ON sample_type.id = sample.type_id", ("sample",)),
        "type": Join("JOIN dataset_type type ON type.id = it.type_id"),
    },
    (
        *_plain(
            "id",
            "name",
            "description",
            "doi",
            "location",
            of={
                "name": "name",
                "description": "description",
                "doi": "doi",
                "location": "location",
            },
        ),
        *_moments(
            startDate="coalesce(it.start_date, it.create_time)",
            endDate="coalesce(it.end_date, it.mod_time)",
            date="coalesce(it.start_date, it.create_time)",
        ),
        *_plain("fileSize=file_size", "fileCount=file_count", "investigation.id=investigation_id"),
        *_plain("sample.id=sample_id", "type.id=type_id"),
        _to_one("investigation.title", "investigation", "Dataset.investigation", of="investigation_title"),
        _to_one("investigation.name", "investigation", "Dataset.investigation", of="investigation_name"),
        _to_one(
            "investigation.startDate",
            "investigation",
            "Dataset.investigation",
            sql=moment("coalesce(investigation.start_date, investigation.create_time)"),
        ),
        _to_one("visitId", "investigation", "Dataset.investigation", of="visit_id", sql="investigation.visit_id"),
        _to_one("sample.name", "sample", "Dataset.sample", of="sample_name"),
        _to_one("sample.investigation.id", "sample", "Dataset.sample", sql="sample.investigation_id"),
        _to_one("sample.type.id", "sample", "Dataset.sample", sql="sample.type_id"),
        _to_one("sample.type.name", "sample_type", "Dataset.sample", "Sample.type"),
        _to_one("type.name", "type", "Dataset.type"),
        *_of_visit("it.investigation_id", "Dataset.investigation"),
        *_parameters("dataset", "Dataset"),
    ),
)

_DATAFILE = PublicFields(
    "datafile",
    {
        "dataset": Join("JOIN dataset ON dataset.id = it.dataset_id"),
        "investigation": Join("JOIN investigation ON investigation.id = dataset.investigation_id", ("dataset",)),
        "sample": Join("LEFT JOIN sample ON sample.id = dataset.sample_id", ("dataset",)),
        "sample_type": Join("LEFT JOIN sample_type ON sample_type.id = sample.type_id", ("dataset", "sample")),
        "format": Join("LEFT JOIN datafile_format format ON format.id = it.datafile_format_id"),
    },
    (
        *_plain("id", "name", "description", "doi", of={"name": "name", "description": "description", "doi": "doi"}),
        PublicField("location", LOCATION, of="path"),
        *_moments(date="coalesce(it.datafile_mod_time, it.datafile_create_time, it.mod_time)"),
        *_plain("fileSize=file_size"),
        PublicField("fileCount", "1"),
        *_plain("dataset.id=dataset_id", "datafileFormat.id=datafile_format_id"),
        _to_one("dataset.name", "dataset", "Datafile.dataset"),
        _to_one("sample.id", "dataset", "Datafile.dataset", sql="dataset.sample_id"),
        _to_one("investigation.id", "dataset", "Datafile.dataset", sql="dataset.investigation_id"),
        _to_one("investigation.name", "investigation", "Datafile.dataset", "Dataset.investigation"),
        _to_one(
            "investigation.startDate",
            "investigation",
            "Datafile.dataset",
            "Dataset.investigation",
            sql=moment("coalesce(investigation.start_date, investigation.create_time)"),
        ),
        _to_one("visitId", "investigation", "Datafile.dataset", "Dataset.investigation", sql="investigation.visit_id"),
        _to_one("sample.name", "sample", "Datafile.dataset", "Dataset.sample"),
        _to_one(
            "sample.investigation.id", "sample", "Datafile.dataset", "Dataset.sample", sql="sample.investigation_id"
        ),
        _to_one("sample.type.id", "sample", "Datafile.dataset", "Dataset.sample", sql="sample.type_id"),
        _to_one("sample.type.name", "sample_type", "Datafile.dataset", "Dataset.sample", "Sample.type"),
        _to_one("datafileFormat.name", "format", "Datafile.datafileFormat"),
        *_of_visit("it.investigation_id", "Datafile.dataset", "Dataset.investigation"),
        *_parameters("datafile", "Datafile"),
    ),
)

_SAMPLE = PublicFields(
    "sample",
    {
        "investigation": Join("JOIN investigation ON investigation.id = it.investigation_id"),
        "type": Join("LEFT JOIN sample_type type ON type.id = it.type_id"),
    },
    (
        *_plain("id", "name", "pid", of={"name": "name", "pid": "pid"}),
        *_moments(date="it.mod_time"),
        *_plain("type.id=type_id", "investigation.id=investigation_id"),
        _to_one("type.name", "type", "Sample.type"),
        _to_one("investigation.name", "investigation", "Sample.investigation", of="investigation_name"),
        _to_one("investigation.title", "investigation", "Sample.investigation", of="investigation_title"),
        _to_one("visitId", "investigation", "Sample.investigation", sql="investigation.visit_id"),
        *_parameters("sample", "Sample"),
    ),
)

_INSTRUMENT = PublicFields(
    "instrument",
    {"facility": Join("JOIN facility ON facility.id = it.facility_id")},
    (
        *_plain(
            "id",
            "name",
            "fullName=full_name",
            "description",
            "type",
            "pid",
            "url",
            of={
                "name": "name",
                "fullName": "full_name",
                "description": "description",
                "type": "kind",
                "pid": "pid",
            },
        ),
        *_moments(startDate="it.start_date", endDate="it.end_date"),
        *_plain("facility.id=facility_id"),
        _to_one("facility.name", "facility", "Instrument.facility"),
    ),
)

_PUBLICATION = PublicFields(
    "data_publication",
    {
        "facility": Join("JOIN facility ON facility.id = it.facility_id"),
        "type": Join("LEFT JOIN data_publication_type type ON type.id = it.type_id"),
    },
    (
        *_plain(
            "id",
            "title",
            "pid",
            "description",
            "subject",
            of={
                "title": "title",
                "pid": "pid",
                "description": "description",
                "subject": "subject",
            },
        ),
        *_moments(date="coalesce(it.publication_date, it.create_time)"),
        *_plain("facility.id=facility_id", "type.id=type_id", "content.id=content_id"),
        _to_one("facility.name", "facility", "DataPublication.facility"),
        _to_one("type.name", "type", "DataPublication.type"),
        _several(
            "datapublicationuser",
            {"fullName": "one.full_name", "contributorType": "one.contributor_type"},
            "FROM data_publication_user one WHERE one.publication_id = it.id ORDER BY one.order_key, one.id",
            "DataPublication.users",
        ),
        _texts(
            "user.fullName",
            "people",
            "one.full_name",
            "FROM data_publication_user one WHERE one.publication_id = it.id AND one.full_name IS NOT NULL"
            " ORDER BY one.order_key, one.id",
            "DataPublication.users",
        ),
    ),
)

PUBLIC_FIELDS: Mapping[str, PublicFields] = {
    "Investigation": _INVESTIGATION,
    "Dataset": _DATASET,
    "Datafile": _DATAFILE,
    "Sample": _SAMPLE,
    "Instrument": _INSTRUMENT,
    "DataPublication": _PUBLICATION,
}
"""Entity -> what is shown of it."""
