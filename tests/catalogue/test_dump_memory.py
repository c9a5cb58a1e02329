"""The memory of an import does not grow with the dump. `python -m bench large_dump` says so of millions of objects."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

from beamcat.catalogue.dump.headers import ByKey, parse_header
from beamcat.catalogue.dump.references import KnownKeys
from beamcat.database.pool import Database
from bench.large_dump import read_of, watched, write_dump
from tests.catalogue.dump.conftest import DumpSite

OBJECTS = 100_000
GROWTH_MB = 25
"""Rows that were kept would take five times as much: the keys that an import remembers take up to half."""


def test_the_second_half_of_a_dump_takes_no_more_memory_than_the_first(database_url: str, tmp_path: Path) -> None:
    dump, config = tmp_path / "dump.icat", tmp_path / "beamcat.toml"
    write_dump(dump, OBJECTS)
    config.write_text(f'[database]\nurl = "{database_url}"\n')
    command = [sys.executable, "-m", "beamcat", "import", str(dump), "--config", str(config), "--home", str(tmp_path)]
    _, memory = watched(command, read_of(dump))
    with psycopg.connect(database_url) as connection:
        datafiles, parameters = (
            connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            for table in ("datafile", "datafile_parameter")
        )
    assert (datafiles, parameters) == ((80_000,), (20_000,))
    assert len(memory.samples) > 10
    _, half, whole = memory.peaks(dump.stat().st_size)
    assert whole - half < GROWTH_MB


async def test_an_import_remembers_the_keys_it_used_last(database: Database) -> None:
    site = DumpSite(database)
    await site.load('1.0\n\nFacility(name:0)\n"a"\n"b"\n"c"\n')
    (reference,) = parse_header("InvestigationType(facility(name:0), name:1)").references
    assert isinstance(reference, ByKey)
    known = KnownKeys(kept=2)
    async with database.connection() as connection:
        ids = await known.find(connection, reference, [("a",), ("b",)])
        await known.find(connection, reference, [("a",)])
        ids |= await known.find(connection, reference, [("c",)])
        assert len(known) == 2
        await connection.execute("DELETE FROM facility")
        assert await known.find(connection, reference, [("a",), ("b",), ("c",)]) == {
            ("a",): ids["a",],
            ("c",): ids["c",],
        }
