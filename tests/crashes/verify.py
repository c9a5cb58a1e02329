"""Finds what must not be after a crash. Everybody has to be at rest."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import psycopg

from beamcat.database.naming import quoted, table_name
from beamcat.model import ICAT_ENTITIES
from tests.conformance.client import Session
from tests.crashes.found import Found, in_the_tables, through_rest
from tests.crashes.ledger import Call, Dataset, Ledger, Thing

REST_WITHIN_S = 60.0
"""How long a backend may go on with what it was told last when its worker is dead."""
SHOWN = 3

COUNTS = """
SELECT 'dataset ' || d.name, d.file_count, d.file_size, count(f.id), coalesce(sum(f.file_size), 0)::bigint
  FROM dataset d LEFT JOIN datafile f ON f.dataset_id = d.id
 GROUP BY d.id
HAVING (d.file_count, d.file_size) IS DISTINCT FROM (count(f.id), coalesce(sum(f.file_size), 0)::bigint)
UNION ALL
SELECT 'investigation ' || i.name, i.file_count, i.file_size, count(f.id), coalesce(sum(f.file_size), 0)::bigint
  FROM investigation i LEFT JOIN dataset d ON d.investigation_id = i.id LEFT JOIN datafile f ON f.dataset_id = d.id
 GROUP BY i.id
HAVING (i.file_count, i.file_size) IS DISTINCT FROM (count(f.id), coalesce(sum(f.file_size), 0)::bigint)
"""

INVESTIGATIONS_OF_FILES = """
SELECT d.name, count(*)
  FROM datafile f LEFT JOIN dataset d ON d.id = f.dataset_id
 WHERE f.investigation_id IS DISTINCT FROM d.investigation_id
 GROUP BY d.name
"""

READERS = """
(SELECT 'missing', user_id, investigation_id, path, count FROM investigation_reader_source
 EXCEPT SELECT 'missing', user_id, investigation_id, path, count FROM investigation_reader)
UNION ALL
(SELECT 'too many', user_id, investigation_id, path, count FROM investigation_reader
 EXCEPT SELECT 'too many', user_id, investigation_id, path, count FROM investigation_reader_source)
"""

OBJECTS_AND_EVENTS = """
WITH told AS (
    SELECT operation, n AS id
      FROM (SELECT entity, operation, ids FROM event UNION ALL SELECT entity, operation, ids FROM event_inbox) e,
           unnest(ids) r, generate_series(lower(r), upper(r) - 1) n
     WHERE entity = %s
), expected AS (
    SELECT id FROM told WHERE operation = 'C' EXCEPT ALL SELECT id FROM told WHERE operation = 'D'
)
(SELECT 'is there without an event', id FROM {table} EXCEPT ALL SELECT 'is there without an event', id FROM expected)
UNION ALL
(SELECT 'is not there, say the events', id FROM expected
 EXCEPT ALL SELECT 'is not there, say the events', id FROM {table})
"""

BUSY = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
   AND (state <> 'idle' OR backend_xid IS NOT NULL)
"""


def verify(
    ledger: Ledger, conn: psycopg.Connection[Any], root: Session, changed: Collection[str] | None = None
) -> None:
    """Report to the ledger what is wrong in the database or in what clients are told; settle its open calls.

    With `changed`, clients are asked about these datasets only. The database is read as a whole.
    """
    for violation in violations(ledger, conn, root, changed):
        ledger.report(violation)


def violations(
    ledger: Ledger, conn: psycopg.Connection[Any], root: Session, changed: Collection[str] | None = None
) -> list[str]:
    """The violations of `verify`, in words."""
    wrong = list(wait_for_rest(conn))
    tables = in_the_tables(conn)
    wrong += settle(ledger, tables)
    wrong += compared(ledger, tables, "in the database")
    wrong += broken_sums(conn)
    wrong += without_event(conn)
    wrong += compared(ledger, through_rest(root, changed), "for clients", changed)
    return wrong


def wait_for_rest(conn: psycopg.Connection[Any]) -> Iterator[str]:
    """Returns when no transaction of anybody else is under way."""
    deadline = time.monotonic() + REST_WITHIN_S
    while conn.execute(BUSY).fetchone() != (0,):
        if time.monotonic() > deadline:
            yield f"transactions are still open after {REST_WITHIN_S:.0f} s of rest"
            return
        time.sleep(0.05)


def settle(ledger: Ledger, found: Found) -> Iterator[str]:
    """Decide for each open call whether it took place; what is neither so nor so is half done."""
    for number, call in ledger.open_calls().items():
        before = _agrees(call, found, 0)
        after = _agrees(call, found, 1)
        if not before and not after:
            yield f"half done: {call.kind}: {_half(call, found)}"
        ledger.settle(number, happened=bool(after))


def _agrees(call: Call, found: Found, side: int) -> bool:
    return all(found.things.get(key) == change[side] for key, change in call.changes.items())


def _half(call: Call, found: Found) -> str:
    parts = []
    for key, (before, after) in call.changes.items():
        there = found.things.get(key)
        state = "as before" if there == before else "done" if there == after else difference(after, there)
        parts.append(f"{key} {state}")
    return "; ".join(parts)


def compared(ledger: Ledger, found: Found, where: str, keys: Collection[str] | None = None) -> Iterator[str]:
    """What is there and what should be. With `keys`, datasets other than these are left out."""
    yield from found.odd
    expected: Mapping[str, Thing] = dict(ledger.known)
    for key in sorted(expected.keys() | found.things.keys()):
        should, there = expected.get(key), found.things.get(key)
        if keys is not None and key not in keys and isinstance(should, Dataset):
            continue
        if should != there:
            yield f"{key} {where}: {difference(should, there)}"
        if isinstance(there, Dataset):
            sums = (len(there.files), sum(file.size for file in there.files.values()))
            if found.counts[key] != sums:
                yield f"{key} {where}: says {found.counts[key]} files and bytes, has {sums}"
        if key in ledger.ids and key in found.ids and ledger.ids[key] != found.ids[key]:
            yield f"{key} {where}: has the id {found.ids[key]}, {ledger.ids[key]} was acknowledged"


def difference(should: Thing | None, there: Thing | None) -> str:
    """How what is there differs from what should be, in words."""
    if there is None:
        return "is not there"
    if should is None:
        return "should not be there"
    if not isinstance(should, Dataset) or not isinstance(there, Dataset):
        return "is of another kind"
    parts = [
        f"{member} is {getattr(there, member)!r}, not {getattr(should, member)!r}"
        for member in ("investigation", "description", "parameters")
        if getattr(there, member) != getattr(should, member)
    ]
    for words, names in (
        ("lacks", should.files.keys() - there.files.keys()),
        ("has in addition", there.files.keys() - should.files.keys()),
        ("differs in", {n for n in should.files.keys() & there.files.keys() if should.files[n] != there.files[n]}),
    ):
        if names:
            parts.append(f"{words} {len(names)} of {len(should.files)} files, such as {sorted(names)[:SHOWN]}")
    return ", ".join(parts)


def broken_sums(conn: psycopg.Connection[Any]) -> Iterator[str]:
    """What Beamcat derives from the data, where it does not follow from the data; sequences that lag behind."""
    for what, *numbers in conn.execute(COUNTS).fetchall():
        yield f"the counts of {what} are {numbers[:2]}, and should be {numbers[2:]}"
    for dataset, count in conn.execute(INVESTIGATIONS_OF_FILES).fetchall():
        yield f"{count} datafiles of {dataset} name another investigation than their dataset"
    for row in conn.execute(READERS).fetchall():
        yield f"investigation_reader: {row}"
    for table, sequence in conn.execute(SEQUENCES).fetchall():
        row = conn.execute(f'SELECT (SELECT max(id) FROM "{table}"), last_value FROM "{sequence}"').fetchone()
        assert row is not None
        if row[0] is not None and row[0] > row[1]:
            yield f"{sequence} is at {row[1]}, but {table} has the id {row[0]}"


def without_event(conn: psycopg.Connection[Any]) -> Iterator[str]:
    """Objects that were created or deleted without exactly one event that says so."""
    for entity in ICAT_ENTITIES.values():
        statement = OBJECTS_AND_EVENTS.replace("{table}", quoted(table_name(entity))).encode()
        rows = conn.execute(statement, [entity.name]).fetchall()
        for what, identifier in rows[:SHOWN]:
            yield f"{entity.name} {identifier} {what}; {len(rows)} such differences"


SEQUENCES = """
SELECT t.relname, s.relname
  FROM pg_class s
  JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'a'
  JOIN pg_class t ON t.oid = d.refobjid
 WHERE s.relkind = 'S' AND s.relnamespace = current_schema()::regnamespace
 ORDER BY 1
"""
