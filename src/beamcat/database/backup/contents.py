"""What of a database belongs into a backup, asked of the database itself, so that no new table can be forgotten."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from beamcat.database.backup.manifest import SequenceState
from beamcat.database.schema import RESTORE_MARKER

LEFT_OUT = {
    "alembic_version": "the version of the schema is in the manifest",
    "session": "people sign in again",
    "login_failure": "forgotten after minutes anyway",
    "daily_use": "holds for a day only",
    "restore_under_way": "is counted anew",
    RESTORE_MARKER: "is there only while a restore runs",
    "upload_journal": "bytes that came in after the backup are left alone",
    "unit_lock": "who held a lock then does not hold it now",
    "search_rebuild": "belongs to the index of search, which no backup holds",
    "search_population": "the same",
    "search_mending": "the same",
    "meaning": "is read from the texts again",
    "meaning_model": "is learned again",
}
"""The tables that no backup holds, and why. Every other table of the schema is held."""

Connection = psycopg.Connection[tuple[Any, ...]]

_SCHEMA = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
_OF_AN_EXTENSION = (
    "EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{0}'::regclass AND d.objid = {1}.oid AND d.deptype = 'e')"
)

_TABLES = f"""
SELECT c.relname,
       array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
       c.relkind = 'p',
       coalesce((SELECT sum(pg_table_size(relid)) FROM pg_partition_tree(c.oid)), pg_table_size(c.oid))::bigint
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = {_SCHEMA} AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND NOT {_OF_AN_EXTENSION.format("pg_class", "c")}
 GROUP BY c.oid
 ORDER BY c.relname
"""
_SEQUENCES = f"SELECT relname FROM pg_class WHERE relnamespace = {_SCHEMA} AND relkind = 'S' ORDER BY relname"

_DROPS = f"""
SELECT format('DROP %s IF EXISTS %s CASCADE', kind, name)
  FROM (SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                              WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind,
               c.oid::regclass::text AS name
          FROM pg_class c
         WHERE c.relnamespace = {_SCHEMA} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT c.relispartition
           AND c.relname <> '{RESTORE_MARKER}' AND NOT {_OF_AN_EXTENSION.format("pg_class", "c")}
        UNION ALL
        SELECT 'ROUTINE', p.oid::regprocedure::text
          FROM pg_proc p
         WHERE p.pronamespace = {_SCHEMA} AND NOT {_OF_AN_EXTENSION.format("pg_proc", "p")}
        UNION ALL
        SELECT CASE y.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, y.oid::regtype::text
          FROM pg_type y
         WHERE y.typnamespace = {_SCHEMA} AND NOT {_OF_AN_EXTENSION.format("pg_type", "y")}
           AND (y.typtype IN ('e', 'd', 'r') OR EXISTS (
                    SELECT FROM pg_class c WHERE c.oid = y.typrelid AND c.relkind = 'c'))) o
 ORDER BY kind IN ('ROUTINE', 'TYPE', 'DOMAIN'), kind = 'SEQUENCE', name
"""


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table as it is: `disk_bytes` is an estimate of how long reading it takes."""

    name: str
    columns: tuple[str, ...]
    is_partitioned: bool
    disk_bytes: int


@contextlib.contextmanager
def connected(url: str, purpose: str) -> Iterator[Connection]:
    """A connection that may take its time, in autocommit."""
    with psycopg.connect(url, autocommit=True, application_name=purpose, client_encoding="UTF8") as conn:
        let_take_its_time(conn)
        yield conn


def let_take_its_time(conn: Connection) -> None:
    """Lift the limits that a site may have set on statements and sessions."""
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        conn.execute(f"SET {name} = 0")
    if conn.info.server_version >= 170000:
        conn.execute("SET transaction_timeout = 0")


def tables_of(conn: Connection) -> list[TableShape]:
    """Every table of the schema that a backup holds, by name. Partitions belong to their table."""
    found = conn.execute(_TABLES).fetchall()
    return [TableShape(name, tuple(columns), *rest) for name, columns, *rest in found if name not in LEFT_OUT]


def sequences_of(conn: Connection) -> tuple[SequenceState, ...]:
    """Where every sequence stands. They know no snapshot: read after a snapshot they are never behind it."""
    names = [name for (name,) in conn.execute(_SEQUENCES).fetchall()]
    states = []
    for name in names:
        row = conn.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(name))).fetchone()
        assert row is not None
        states.append(SequenceState(name, *row))
    return tuple(states)


def holds_anything(conn: Connection) -> bool:
    """Whether there is any table, view, sequence or function, but for the marker of a restore."""
    return conn.execute(f"SELECT EXISTS ({_DROPS})").fetchone() == (True,)


def drop_everything(conn: Connection) -> None:
    """Drop all of the schema, but for the marker of a restore and what extensions own."""
    for (statement,) in conn.execute(_DROPS).fetchall():
        conn.execute(statement)


def other_users(conn: Connection, url: str) -> int:
    """Connections of other Beamcats to this database."""
    names = ["beamcat", conninfo_to_dict(url).get("application_name", "beamcat")]
    row = conn.execute(
        """SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = ANY (%s)""",
        (names,),
    ).fetchone()
    assert row is not None
    return int(row[0])
