"""Foreign keys, unique constraints and indexes set aside while tables are loaded, and made again afterwards.

Making them on full tables is several times faster than keeping them up row by row, and checks every row as well. What
there is is asked of the database, so it holds for every version of the schema. Primary keys stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

_SCHEMA = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"

_CONSTRAINTS = f"""
SELECT c.contype = 'f',
       format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
  FROM pg_constraint c
  JOIN pg_class t ON t.oid = c.conrelid
 WHERE t.relnamespace = {_SCHEMA} AND c.conparentid = 0
   AND (c.contype = 'f' OR c.contype IN ('u', 'x') AND t.relkind = 'r')
 ORDER BY c.contype = 'f' DESC, t.relname, c.conname
"""
# An index of a partitioned table is shown as that of the table alone: see `_of_all_partitions`.
_INDEXES = f"""
SELECT false, format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
  FROM pg_index i
  JOIN pg_class x ON x.oid = i.indexrelid
 WHERE x.relnamespace = {_SCHEMA} AND NOT x.relispartition
   AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
 ORDER BY x.relname
"""


@dataclass(frozen=True, slots=True)
class SetAside:
    """The statements that make again what was dropped, in their order: foreign keys come last."""

    statements: tuple[str, ...]


def set_aside(conn: psycopg.Connection[Any]) -> SetAside:
    """Drop them. Call it inside the transaction that loads."""
    found = [*conn.execute(_CONSTRAINTS).fetchall(), *conn.execute(_INDEXES).fetchall()]
    for _, drop, _ in found:
        conn.execute(drop)
    keys = [_of_all_partitions(make) for is_foreign, _, make in found if not is_foreign]
    foreign = [make for is_foreign, _, make in found if is_foreign]
    return SetAside((*keys, *foreign))


def _of_all_partitions(statement: str) -> str:
    return statement.replace(" ON ONLY ", " ON ", 1)
