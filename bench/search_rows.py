"""Rows of datafiles as a synchrotron has them, in one table of PostgreSQL, which is a peer itself.

Investigations come one after the other in time, each with a hundred files in datasets of forty. Of four datasets three
have names such as `insulin-17_12_00023.cbf`, which repeat words, and one has names that hold a random number.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import psycopg

from beamcat.search.documents import DOCUMENTS

ROWS = int(os.environ.get("BENCH_SEARCH_DOCUMENTS", "5000000"))
INVESTIGATIONS = max(ROWS // 100, 1)
INSTRUMENTS = 33
YEARS = range(2010, 2024)
FIRST_DAY_MS = 1_262_304_000_000
"""The beginning of the first year."""
SPAN_MS = len(YEARS) * 31_557_600_000
SAMPLES = (
    *("insulin", "lysozyme", "thaumatin", "ferritin", "protein", "ribosome", "virus", "capsid", "vesicle", "micelle"),
    *("perovskite", "zeolite", "graphene", "silicon", "titania", "ceria", "kaolin", "basalt", "olivine", "quartz"),
    *("steel", "copper", "nickel", "bronze", "alloy", "enamel", "amber", "bone", "tooth", "leaf", "wing", "wood"),
    *("cement", "polymer", "gel", "foam", "membrane", "nanotube", "battery", "cathode", "anode", "catalyst", "solvent"),
    *("buffer", "starch", "paper", "pigment", "parchment", "ink", "glass"),
)
KINDS = ("raw", "processed", "processing", "tmp")

_TABLE = f"""
CREATE EXTENSION pg_trgm;
CREATE TABLE file AS
SELECT k AS id, name,
       '/dls/i' || lpad((inv % {INSTRUMENTS})::text, 2, '0') || '/data/'
       || {YEARS[0]} + inv * {len(YEARS)} / {INVESTIGATIONS} || '/mx' || inv || '-1/'
       || ('{{{",".join(KINDS)}}}'::text[])[1 + d % {len(KINDS)}] || '/' || sample || '/' || name AS path,
       (hashint8(k) & 268435455)::bigint AS size,
       {FIRST_DAY_MS} + (k * {SPAN_MS}::numeric / {ROWS + 1})::bigint + (hashint8(k + 7) & 16777215) AS date,
       d AS dataset, d % 7 AS format, inv AS investigation
  FROM (SELECT *, CASE WHEN d % 4 = 3 THEN 'scan_' || lpad((k % 977)::text, 5, '0') || '_' || to_hex(hashint8(k))
                       ELSE sample || '_' || lpad((k % 40)::text, 5, '0') END
               || ('{{.cbf,.h5,.nxs,.tif}}'::text[])[1 + d % 4] AS name
          FROM (SELECT *, ('{{{",".join(SAMPLES)}}}'::text[])[1 + d * 31 % {len(SAMPLES)}]
                       || '-' || d % 97 || '_' || d % 50 AS sample
                  FROM (SELECT k, (k / 40)::int AS d, ((k - 1) * {INVESTIGATIONS} / {ROWS})::int AS inv
                          FROM generate_series(1::bigint, {ROWS}) k) of_number) of_sample) named;
CREATE INDEX file_id ON file (id);
VACUUM ANALYZE file
"""
WORDS = "to_tsvector('simple', translate(path, '/._-', '    '))"
_INDICES = (
    "CREATE INDEX file_investigation ON file (investigation)",
    "CREATE INDEX file_name ON file (name text_pattern_ops)",
    "CREATE INDEX file_date ON file (date, id)",
    "CREATE INDEX file_path ON file (path text_pattern_ops)",
    "CREATE INDEX file_trigrams ON file USING gin (name gin_trgm_ops)",
    f"CREATE INDEX file_words ON file USING gin ({WORDS})",
    "ANALYZE file",
)
_COLUMNS = ("name", "date", "size", "dataset", "investigation", "format")
_DATAFILE = DOCUMENTS["Datafile"]
AS_DOCUMENTS = replace(
    _DATAFILE,
    table="file",
    values={
        **dict.fromkeys(_DATAFILE.values, "NULL"),
        **{name: f"it.{name}" for name in _COLUMNS},
        "path": "ARRAY[it.path]",
    },
    parts=(),
)
"""The documents of these rows, made as the catalogue makes its."""


def make(connection: psycopg.Connection) -> None:
    """The table, with the index by which it is read."""
    for statement in _TABLE.split(";\n"):
        connection.execute(statement.encode())


def index(connection: psycopg.Connection) -> None:
    """What PostgreSQL needs to answer the questions."""
    for statement in _INDICES:
        connection.execute(statement.encode())


def lines(connection: psycopg.Connection) -> Iterator[bytes]:
    """The rows with tabs between their values."""
    columns = "id, name, path, size, date, dataset, investigation, format"
    with connection.cursor() as cursor, cursor.copy(f"COPY (SELECT {columns} FROM file ORDER BY id) TO STDOUT") as rows:
        for row in rows:
            yield bytes(row)


def of_instrument(instrument: int) -> list[int]:
    """The investigations at an instrument."""
    return list(range(instrument, INVESTIGATIONS, INSTRUMENTS))
