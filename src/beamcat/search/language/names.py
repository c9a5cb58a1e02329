"""What a name before a colon means for the documents of an entity: their own fields, ICAT's names for them, and others.

Names are compared without regard to case and underscores. What a document does not hold is looked for in the documents
of what it belongs to: `title` of a dataset is that of its investigation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from beamcat.errors import BadParameter
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.language.meaning import Table


@dataclass(frozen=True, slots=True)
class Own:
    """Fields of the document: any of them may match."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """An ID field, by its numbers."""

    field: str


@dataclass(frozen=True, slots=True)
class Called:
    """ID fields, by what rows of a small table are called."""

    fields: tuple[str, ...]
    table: Table
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Through:
    """A name of other documents, whose ids, or those in their field `theirs`, the ID field holds."""

    field: str
    entity: str
    name: str
    theirs: str | None = None


Target = Own | Key | Called | Through

TABLES: Mapping[str, Mapping[str, Table]] = {
    "*": {
        "facility": Table.FACILITY,
        "instruments": Table.INSTRUMENT,
        "investigation_instruments": Table.INSTRUMENT,
        "cycles": Table.FACILITY_CYCLE,
        "techniques": Table.TECHNIQUE,
        "format": Table.DATAFILE_FORMAT,
        "sample_type": Table.SAMPLE_TYPE,
        "sample_types": Table.SAMPLE_TYPE,
        "parameter_types": Table.PARAMETER_TYPE,
        "sample_parameter_types": Table.PARAMETER_TYPE,
    },
    "Investigation": {"type": Table.INVESTIGATION_TYPE},
    "Dataset": {"type": Table.DATASET_TYPE},
    "Sample": {"type": Table.SAMPLE_TYPE},
    "DataPublication": {"type": Table.PUBLICATION_TYPE},
}
"""Entity, or `*`, and ID field -> the small table whose ids are in it."""

FREE = frozenset(TABLES["*"]) - {"parameter_types", "sample_parameter_types"} | {"type"}
"""The ID fields that a word without a field is looked up for. Names of parameters are in too many documents."""

INVESTIGATION_IDS = {
    "Investigation": "id",
    "Dataset": "investigation",
    "Datafile": "investigation",
    "Sample": "investigation",
}
"""Entity -> the field with the id of its investigation."""

_ALIASES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "*": {
        "visit": ("visit_id",),
        "startdate": ("start",),
        "enddate": ("end",),
        "from": ("start",),
        "filesize": ("size",),
        "filecount": ("count",),
        "files": ("count",),
        "releasedate": ("release",),
        "cycle": ("cycles",),
        "facilitycycle": ("cycles",),
        "instrument": ("instruments",),
        "beamline": ("instruments",),
        "technique": ("techniques",),
        "parameter": ("parameter_types",),
        "parameter.type": ("parameter_types",),
        "parametertype": ("parameter_types",),
        "datafileformat": ("format",),
        "keywords.name": ("keywords",),
        "keyword.name": ("keywords",),
        "tag": ("keywords",),
        "publication": ("publications",),
        "publication.fullreference": ("publications",),
        "publication.doi": ("publication_dois",),
        **dict.fromkeys(
            ("user", "user.fullname", "person", "author", "participant", "investigationuser.user.fullname"), ("people",)
        ),
    },
    "Investigation": {
        "pid": ("doi",),
        "description": ("summary",),
        "proposal": ("name", "visit_id"),
        "sample": ("sample_names",),
        "sample.name": ("sample_names",),
        "sample.type": ("sample_types",),
        "sample.type.name": ("sample_types",),
        "sampletype": ("sample_types",),
    },
    "Dataset": {
        "pid": ("doi",),
        "path": ("location",),
        "folder": ("location",),
        "instrument": ("instruments", "investigation_instruments"),
        "beamline": ("instruments", "investigation_instruments"),
        "title": ("investigation_title",),
        "proposal": ("investigation_name", "visit_id"),
        "investigation": ("investigation_name", "visit_id"),
        "investigation.name": ("investigation_name",),
        "investigation.title": ("investigation_title",),
        "investigation.visitid": ("visit_id",),
        "investigation.facility": ("facility",),
        "sample": ("sample_name",),
        "sample.name": ("sample_name",),
        "sample.type": ("sample_type",),
        "sample.type.name": ("sample_type",),
    },
    "Datafile": {
        "pid": ("doi",),
        "location": ("path",),
        "file": ("path",),
        "filename": ("name",),
        "folder": ("path",),
        "directory": ("path",),
        "start": ("date",),
        "end": ("date",),
        "startdate": ("date",),
        "enddate": ("date",),
    },
    "Sample": {
        "title": ("investigation_title",),
        "investigation": ("investigation_name",),
        "proposal": ("investigation_name",),
        "sampletype": ("type",),
    },
    "Instrument": {"fullname": ("full_name",), "type": ("kind",), "doi": ("pid",)},
    "DataPublication": {"doi": ("pid",), "name": ("title",), "keyword": ("subject",), "keywords": ("subject",)},
}
_RELATIONS: Mapping[str, Mapping[str, Through]] = {
    "Investigation": {
        "sample": Through("samples", "Sample", ""),
        "dataset": Through("id", "Dataset", "", "investigation"),
    },
    "Dataset": {
        "investigation": Through("investigation", "Investigation", ""),
        "sample": Through("sample", "Sample", ""),
    },
    "Datafile": {
        "dataset": Through("dataset", "Dataset", ""),
        "investigation": Through("investigation", "Investigation", ""),
    },
    "Sample": {
        "investigation": Through("investigation", "Investigation", ""),
        "dataset": Through("id", "Dataset", "", "sample"),
    },
}
_OF_DATASETS = frozenset(("type", "sample", "technique", "techniques", "complete", "dataset", "sampletype"))
"""What a datafile asks its dataset for; for all else, its investigation, of which there are fewer."""
_MEMBERS = {"name": "name", "fullname": "fullName", "pid": "pid", "description": "description"}


def target(documents: Mapping[str, DocumentType], entity: str, name: str) -> Target | None:
    """What a name means there; none if nothing."""
    spelt = name.replace("_", "").lower()
    return _target(documents, entity, spelt.removeprefix(f"{entity.lower()}."))


def table_of(entity: str, field: str) -> Table | None:
    """The small table whose ids a field holds."""
    return TABLES.get(entity, {}).get(field) or TABLES["*"].get(field)


def steps_to(entity: str, other: str) -> tuple[Through, ...]:
    """How documents of an entity lead to those of another; empty for itself. Raises `BadParameter` if they do not."""
    if entity == other:
        return ()
    relations = _RELATIONS.get(entity, {})
    if (step := relations.get(other.lower())) is not None:
        return (step,)
    if entity == "Datafile" and other == "Sample":
        return (relations["dataset"], _RELATIONS["Dataset"]["sample"])
    raise BadParameter(f"{other} cannot be asked for together with {entity}")


def known_names(document: DocumentType) -> list[str]:
    """The names to tell somebody who used another."""
    internal = {"numbers", "strings", "moments", "parameter_types", "keyword", "digest"}
    return sorted(set(document.fields) - internal)


def _target(documents: Mapping[str, DocumentType], entity: str, spelt: str) -> Target | None:
    if spelt == "id":
        return Key("id")
    own = _own(documents[entity], spelt)
    if own is None or (isinstance(own, Key) and spelt in _RELATIONS.get(entity, {})):
        own = _related(entity, spelt) or own
    return own or _above(documents, entity, spelt)


def _own(document: DocumentType, spelt: str) -> Target | None:
    aliases = (
        _ALIASES.get(document.entity, {}),
        _ALIASES["*"],
        {name.replace("_", ""): (name,) for name in document.fields},
    )
    if (fields := _first(aliases, spelt, document)) is not None:
        return _of_kind(document, fields, None)
    start, dot, member = spelt.rpartition(".")
    fields = _first(aliases, start, document) if dot else None
    if fields is None or document.fields[fields[0]].kind is not Kind.ID:
        return None
    if member == "id":
        return Key(fields[0])
    if member not in _MEMBERS or table_of(document.entity, fields[0]) is None:
        return None
    return _of_kind(document, fields, _MEMBERS[member])


def _first(
    aliases: Iterable[Mapping[str, tuple[str, ...]]], spelt: str, document: DocumentType
) -> tuple[str, ...] | None:
    for names in aliases:
        fields = names.get(spelt)
        if fields is not None and (held := tuple(field for field in fields if field in document.fields)):
            return held
    return None


def _of_kind(document: DocumentType, fields: tuple[str, ...], member: str | None) -> Target:
    table = table_of(document.entity, fields[0])
    if document.fields[fields[0]].kind is not Kind.ID:
        return Own(fields)
    return Key(fields[0]) if table is None else Called(fields, table, member)


def _related(entity: str, spelt: str) -> Target | None:
    start, dot, rest = spelt.partition(".")
    relation = _RELATIONS.get(entity, {}).get(start)
    if relation is None:
        return None
    if not dot:
        return Through(relation.field, relation.entity, "name", relation.theirs)
    if rest == "id" and relation.theirs is None:
        return Key(relation.field)
    return Through(relation.field, relation.entity, rest, relation.theirs)


def _above(documents: Mapping[str, DocumentType], entity: str, spelt: str) -> Target | None:
    """The same name of what it belongs to."""
    if entity not in ("Dataset", "Datafile", "Sample"):
        return None
    above = "Dataset" if entity == "Datafile" and spelt.partition(".")[0] in _OF_DATASETS else "Investigation"
    if _target(documents, above, spelt) is None:
        return None
    return Through(above.lower(), above, spelt)
