"""The queue tables of the specification, cell by cell (data service specification, A.8, G.7 row 105)."""

from __future__ import annotations

import pytest

from beamcat.database.pool import Database
from beamcat.store.units.queue import Queue
from beamcat.store.units.transitions import (
    REQUESTS,
    RESTORE,
    WRITE,
    Kind,
    Operation,
    change,
)
from beamcat.store.units.values import Terms, Units

# Each row: what is queued, then what is queued after the requests in the order of `REQUESTS`; `*` marks the unit.
DATASETS = """
-                  | WRITE*              | ARCHIVE            | RESTORE
ARCHIVE            | WRITE_THEN_ARCHIVE* | ARCHIVE            | RESTORE
RESTORE            | WRITE*              | ARCHIVE            | RESTORE
WRITE              | WRITE*              | WRITE_THEN_ARCHIVE | WRITE
WRITE_THEN_ARCHIVE | WRITE_THEN_ARCHIVE* | WRITE_THEN_ARCHIVE | WRITE
"""
DATAFILES = """
-                  | WRITE*              | ARCHIVE            | RESTORE | DELETE
ARCHIVE            | WRITE_THEN_ARCHIVE* | ARCHIVE            | -       | DELETE
RESTORE            | RESTORE             | ARCHIVE            | RESTORE | DELETE
WRITE              | WRITE               | WRITE_THEN_ARCHIVE | WRITE   | DELETE
WRITE_THEN_ARCHIVE | WRITE_THEN_ARCHIVE  | WRITE_THEN_ARCHIVE | WRITE   | DELETE
DELETE             | DELETE              | DELETE             | DELETE  | DELETE
"""


def cells() -> list[tuple[Kind, Operation | None, Operation, Operation | None, bool]]:
    found: list[tuple[Kind, Operation | None, Operation, Operation | None, bool]] = []
    tables: dict[Kind, str] = {"dataset": DATASETS, "datafile": DATAFILES}
    for kind, table in tables.items():
        for line in table.strip().splitlines():
            queued, *after = (cell.strip() for cell in line.split("|"))
            for asked, cell in zip(REQUESTS[kind], after, strict=True):
                found.append((kind, operation(queued), asked, operation(cell.rstrip("*")), cell.endswith("*")))
    return found


def operation(word: str) -> Operation | None:
    return None if word == "-" else Operation(word)


@pytest.mark.parametrize(("kind", "queued", "asked", "after", "marked"), cells())
def test_every_cell_of_the_tables(
    kind: Kind, queued: Operation | None, asked: Operation, after: Operation | None, marked: bool
) -> None:
    found = change(kind, queued, asked)
    assert (found.queued, found.marks) == (after, marked)
    assert found.delays == (kind == "dataset" and asked is WRITE)


async def test_the_statements_do_what_the_tables_say(database: Database) -> None:
    cases = cells()
    async with database.connection() as connection:
        for place, (kind, queued, *_) in enumerate(cases, 1):
            if queued is not None:
                await connection.execute(
                    "INSERT INTO unit (kind, id, dataset_id, wanted, online) VALUES (%s, %s, %s, %s, true)",
                    (kind, place, place, queued),
                )
        for place, (kind, _, asked, *_) in enumerate(cases, 1):
            await Queue(database, Terms(kind)).request(asked, Units([place], [place]), "ann")
        rows = await (await connection.execute("SELECT id, wanted, marked FROM unit")).fetchall()
    found = {identifier: (wanted, marked) for identifier, wanted, marked in rows}
    assert found == {place: (after, marked) for place, (_, _, _, after, marked) in enumerate(cases, 1)}


async def test_a_unit_in_the_archive_is_restored_even_when_its_archiving_was_queued(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO unit (kind, id, dataset_id, wanted, online) VALUES ('datafile', 1, 1, 'ARCHIVE', false)"
        )
        await Queue(database, Terms("datafile")).request(RESTORE, Units([1], [1]), "ann")
        row = await (await connection.execute("SELECT wanted FROM unit")).fetchone()
    assert row == ("RESTORE",)
