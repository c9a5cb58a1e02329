"""The tables say what the model says, and the migrations make the tables."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from beamcat.config import DatabaseSettings
from beamcat.database import tables
from beamcat.database.beside import INFRASTRUCTURE
from beamcat.database.naming import column_name, table_name
from beamcat.database.schema import initialise
from beamcat.database.tables import schema_statements, unique_columns
from beamcat.model import BASE_ATTRIBUTES, ENTITIES
from tests.conftest import TestServer

TRIGGERS = sorted((Path(tables.__file__).parent / "triggers").glob("*.sql"))

CATALOGUE_QUERIES = {
    "columns": """
        SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               co.collname, pg_get_expr(d.adbin, d.adrelid)
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_collation co ON co.oid = a.attcollation
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')""",
    "order of columns": """
        SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') GROUP BY c.relname""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace""",
    "storage": "SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "sequences": "SELECT sequencename, data_type::text, start_value, increment_by FROM pg_sequences",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled FROM pg_trigger
         WHERE NOT tgisinternal""",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "first rows": "SELECT maintain_file_counts, datafile_partition_rows FROM catalogue_option",
    "version": "SELECT version, changed_by::text FROM rulebook_version",
}


def made_afresh(url: str, settings: DatabaseSettings) -> None:
    """What `tables` and `triggers` make of an empty database."""
    with psycopg.connect(url) as conn:
        for statement in schema_statements(partitioned=settings.datafile_partition_rows > 0):
            conn.execute(statement)
        conn.execute(tables.FIRST_ROWS)
        for file in TRIGGERS:
            conn.execute(file.read_text())
        conn.execute(
            "INSERT INTO catalogue_option (maintain_file_counts, datafile_partition_rows) VALUES (%s, %s)",
            (settings.maintain_file_counts, settings.datafile_partition_rows),
        )
        conn.execute("SELECT ensure_datafile_partitions(0)")


def catalogue(url: str) -> dict[str, list[str]]:
    with psycopg.connect(url) as conn:
        found = {title: sorted(map(repr, conn.execute(query).fetchall())) for title, query in CATALOGUE_QUERIES.items()}
    return {title: [line for line in lines if "alembic_version" not in line] for title, lines in found.items()}


@pytest.mark.parametrize("rows", [0, 1000], ids=["plain", "partitioned"])
def test_all_migrations_make_what_the_model_says(server: TestServer, rows: int) -> None:
    settings = DatabaseSettings(datafile_partition_rows=rows)
    migrated, fresh = server.create(), server.create()
    initialise(server.url(migrated), settings)
    made_afresh(server.url(fresh), settings)
    by_migration, by_model = catalogue(server.url(migrated)), catalogue(server.url(fresh))
    for title in CATALOGUE_QUERIES:
        assert by_migration[title] == by_model[title], f"{title} differ: write a migration"
        assert by_migration[title]
    server.drop(migrated)
    server.drop(fresh)


def test_every_entity_has_its_columns_key_and_sequence(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        for entity in ENTITIES.values():
            table = table_name(entity)
            columns = {
                row[0]
                for row in conn.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0",
                    (f'"{table}"',),
                )
            }
            members = [*BASE_ATTRIBUTES, *entity.attributes, *entity.hidden, *entity.to_one]
            assert columns - {"investigation_id"} == {column_name(m) for m in members} - {"investigation_id"}
            key = conn.execute(
                """SELECT array_agg(a.attname::text ORDER BY k.position)
                     FROM pg_constraint c, unnest(c.conkey) WITH ORDINALITY AS k (attnum, position), pg_attribute a
                    WHERE c.conname = %s AND a.attrelid = c.conrelid AND a.attnum = k.attnum""",
                (f"{table}_key",),
            ).fetchone()
            assert key is not None
            assert tuple(key[0] or ()) == unique_columns(entity)
            assert conn.execute(f"SELECT nextval('{table}_id_seq')").fetchone() == (1,)


def test_every_foreign_key_cascades_and_begins_an_index(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        keys = conn.execute(
            """SELECT c.conrelid::regclass::text, a.attname, c.confdeltype,
                      EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1]
                                 AND i.indpred IS NULL)
                 FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                WHERE c.contype = 'f'"""
        ).fetchall()
    beside_the_model = sum(statement.count("REFERENCES") for statement in INFRASTRUCTURE)
    assert len(keys) == sum(len(entity.to_one) for entity in ENTITIES.values()) + beside_the_model
    assert [key for key in keys if key[2] != "c" or not key[3]] == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("name = repeat('x', 256)", "facility_name_length"),
        ("name = NULL", "null value"),
        ("days_until_release = 2147483648", "out of range"),
    ],
)
def test_a_value_the_model_forbids_is_refused(database_url: str, change: str, problem: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO facility (create_id, create_time, mod_id, mod_time, name)"
            " VALUES ('a', now(), 'a', now(), repeat('\u00e9', 255))"
        )
        with pytest.raises(psycopg.Error, match=problem):
            conn.execute(f"UPDATE facility SET {change}")


def test_a_word_that_is_not_of_the_enumeration_is_refused(database_url: str) -> None:
    insert = (
        "INSERT INTO study (create_id, create_time, mod_id, mod_time, name, status)"
        " VALUES ('a', now(), 'a', now(), 'x', %s)"
    )
    with psycopg.connect(database_url) as conn:
        conn.execute(insert, ("IN_PROGRESS",))
        with pytest.raises(psycopg.errors.CheckViolation, match="study_status_values"):
            conn.execute(insert, ("in progress",))


def test_moments_are_kept_to_the_millisecond(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        row = conn.execute(
            "INSERT INTO facility (create_id, create_time, mod_id, mod_time, name)"
            " VALUES ('a', '2024-01-01 00:00:00.1239Z', 'a', now(), 'x')"
            " RETURNING extract(microseconds FROM create_time)"
        ).fetchone()
    assert row == (124000,)


def test_strings_sort_by_code_point(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        for name in ("b", "\u00e9", "B", "a"):
            conn.execute(
                "INSERT INTO facility (create_id, create_time, mod_id, mod_time, name)"
                " VALUES ('a', now(), 'a', now(), %s)",
                (name,),
            )
        found = [row[0] for row in conn.execute("SELECT name FROM facility ORDER BY name")]
    assert found == ["B", "a", "b", "\u00e9"]
