"""The tables as SQL, derived from the model.

Every string column sorts by code point (`COLLATE "C"`), whatever the database prefers, so that answers and prefix
searches are the same everywhere. Partitioned tables differ only in their keys: see `partitions`.
"""

from __future__ import annotations

from collections.abc import Iterator

from beamcat.database.beside import INFRASTRUCTURE
from beamcat.database.naming import column_name, quoted, table_name
from beamcat.model import BASE_ATTRIBUTES, ENTITIES, Attribute, Entity, Kind, ToOne

LONGEST_NAME = 63
"""Bytes of an identifier that PostgreSQL keeps."""

PARTITION_KEYS = {"Datafile": "id", "DatafileParameter": "datafile_id"}
"""The entities that can be partitioned, and the column whose ranges make the partitions."""

DERIVED_COLUMNS = {"Datafile": ("investigation_id",)}
"""Columns beyond the model, `bigint`: the investigation of a datafile is copied from its dataset."""

FILL_PERCENT = {"Dataset": 85, "Investigation": 85}
"""How full pages are made of tables whose counters change with every datafile: the change then stays on its page."""

TYPES = {
    Kind.STRING: 'text COLLATE "C"',
    Kind.ENUM: 'text COLLATE "C"',
    Kind.LONG: "bigint",
    Kind.INTEGER: "integer",
    Kind.DOUBLE: "double precision",
    Kind.BOOLEAN: "boolean",
    Kind.DATETIME: "timestamptz(3)",
}

_VALUES = ("(type_id, numeric_value)", "(type_id, left(string_value, 80))")

ACCESS_PATHS: dict[str, dict[str, str]] = {
    "Investigation": {
        "name": "(name)",
        "visit_id": "(visit_id)",
        "start_date": "(start_date DESC, id)",
        "release_date": "(release_date)",
        "doi": "(doi) WHERE doi IS NOT NULL",
    },
    "Dataset": {
        "by_start_date": "(investigation_id, start_date)",
        "by_id": "(investigation_id, id)",
        "doi": "(doi) WHERE doi IS NOT NULL",
    },
    "Datafile": {
        "by_id": "(dataset_id, id)",
        "by_create_time": "(dataset_id, datafile_create_time, id)",
        "by_mod_time": "(dataset_id, datafile_mod_time, id)",
        "of_investigation": "(investigation_id, id)",
        "location": "(location) WHERE location IS NOT NULL",
        "doi": "(doi) WHERE doi IS NOT NULL",
    },
    "DataCollection": {"doi": "(doi) WHERE doi IS NOT NULL"},
    "ParameterType": {"name": "(name)"},
    "Sample": {"name": "(name)"},
    **{
        owner: dict(zip(("numeric_value", "string_value"), _VALUES, strict=True))
        for owner in ("InvestigationParameter", "SampleParameter", "DatasetParameter")
    },
}
"""Indexes for the questions clients ask most, besides one for every unique constraint and every foreign key."""


def schema_statements(*, partitioned: bool = False) -> Iterator[str]:
    """The statements that make an empty catalogue: sequences, tables, foreign keys, indexes.

    With `partitioned`, `datafile` and `datafile_parameter` are partitioned tables that have no partition yet.
    """
    for entity in ENTITIES.values():
        yield from table_statements(entity, partitioned=partitioned)
    for entity in ENTITIES.values():
        yield from foreign_key_statements(entity)
    for entity in ENTITIES.values():
        yield from index_statements(entity)
    yield from INFRASTRUCTURE


def table_statements(entity: Entity, *, partitioned: bool = False) -> Iterator[str]:
    """The sequence and the table of one entity, without its foreign keys."""
    table = table_name(entity)
    sequence = quoted(f"{table}_id_seq")
    partition_key = PARTITION_KEYS.get(entity.name) if partitioned else None
    parts = [
        f"id bigint NOT NULL DEFAULT nextval('{sequence}')",
        *(f"{quoted(column_name(base))} {TYPES[base.kind]} NOT NULL" for base in BASE_ATTRIBUTES if base.name != "id"),
        *(_column(member) for member in (*entity.attributes, *entity.hidden)),
        *(f"{quoted(column_name(one))} bigint{' NOT NULL' if one.required else ''}" for one in entity.to_one),
        *(f"{quoted(column)} bigint" for column in DERIVED_COLUMNS.get(entity.name, ())),
        _primary_key(table, partition_key),
        *_unique(entity, partition_key),
        *(check for member in (*entity.attributes, *entity.hidden) for check in _checks(table, member)),
    ]
    fill = FILL_PERCENT.get(entity.name)
    tail = f" PARTITION BY RANGE ({partition_key})" if partition_key else f" WITH (fillfactor = {fill})" if fill else ""
    yield f"CREATE SEQUENCE {sequence} AS bigint"
    yield f"CREATE TABLE {quoted(table)} (\n    " + ",\n    ".join(parts) + f"\n){tail}"
    yield f"ALTER SEQUENCE {sequence} OWNED BY {quoted(table)}.id"


def foreign_key_statements(entity: Entity) -> Iterator[str]:
    """The foreign keys of one entity; deleting what they point to deletes the row."""
    table = table_name(entity)
    for relation in entity.to_one:
        column = column_name(relation)
        name = _named(f"{table}_{column}_fkey")
        target = quoted(table_name(ENTITIES[relation.target]))
        yield (
            f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {name} "
            f"FOREIGN KEY ({quoted(column)}) REFERENCES {target} (id) ON DELETE CASCADE"
        )


def index_statements(entity: Entity) -> Iterator[str]:
    """The indexes of one entity: its access paths, and one for each foreign key that nothing else begins with."""
    table = table_name(entity)
    paths = ACCESS_PATHS.get(entity.name, {})
    for name, definition in paths.items():
        yield f"CREATE INDEX {_named(f'{table}_{name}_idx')} ON {quoted(table)} {definition}"
    covered = {definition[1:].split(",")[0].rstrip(")") for definition in paths.values()}
    covered.update(unique_columns(entity)[:1])
    for relation in entity.to_one:
        column = column_name(relation)
        if column not in covered:
            yield f"CREATE INDEX {_named(f'{table}_{column}_idx')} ON {quoted(table)} ({quoted(column)})"


def unique_columns(entity: Entity) -> tuple[str, ...]:
    """The columns of the constraint `<table>_key`, in the order of the model; empty when there is none."""
    members = (entity.fields[name] for name in entity.unique)
    return tuple(column_name(member) for member in members if isinstance(member, Attribute | ToOne))


def _column(attribute: Attribute) -> str:
    text = f"{quoted(column_name(attribute))} {TYPES[attribute.kind]}"
    if attribute.required or attribute.kind is Kind.BOOLEAN:
        text += " NOT NULL"
    if attribute.default is not None:
        text += f" DEFAULT {str(attribute.default).lower()}"
    return text


def _primary_key(table: str, partition_key: str | None) -> str:
    columns = "id" if partition_key in {None, "id"} else f"id, {partition_key}"
    return f"CONSTRAINT {_named(f'{table}_pkey')} PRIMARY KEY ({columns})"


def _unique(entity: Entity, partition_key: str | None) -> Iterator[str]:
    """A unique constraint without the partition key is kept by each partition and a trigger: see `partitions`."""
    columns = unique_columns(entity)
    if columns and (partition_key is None or partition_key in columns):
        names = ", ".join(map(quoted, columns))
        yield f"CONSTRAINT {_named(f'{table_name(entity)}_key')} UNIQUE ({names})"


def _checks(table: str, attribute: Attribute) -> Iterator[str]:
    column = column_name(attribute)
    if attribute.length is not None:
        name = _named(f"{table}_{column}_length")
        yield f"CONSTRAINT {name} CHECK (char_length({quoted(column)}) <= {attribute.length})"
    if attribute.enumeration is not None:
        values = ", ".join(f"'{value}'" for value in attribute.enumeration.values)
        yield f"CONSTRAINT {_named(f'{table}_{column}_values')} CHECK ({quoted(column)} IN ({values}))"


def _named(name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise ValueError(f"{name} is longer than {LONGEST_NAME} bytes, PostgreSQL would cut it")
    return quoted(name)


FIRST_ROWS = """INSERT INTO rulebook_version (version, changed_by) VALUES (1, '0')"""
"""What the infrastructure holds from the beginning, but for `catalogue_option`, which the settings give."""
