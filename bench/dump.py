"""Export and import of datafiles in ICAT's dump format, against COPY of the same rows from and to the same table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import psycopg

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.dump.exporting import export
from beamcat.catalogue.dump.importing import Import, Order
from beamcat.catalogue.dump.layout import Attributes
from beamcat.config import DatabaseSettings, Settings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from bench.report import line

DATASETS = 100
DATAFILES = 100_000
ROOT = Caller("simple/root", root=True)
COLUMNS = (
    "name, location, file_size, datafile_mod_time, dataset_id, investigation_id,"
    " create_id, create_time, mod_id, mod_time"
)

PARENTS = """1.0

Facility(name:0)
"Photon source"

InvestigationType(facility(name:0),name:1)
"Photon source","proposal"

DatasetType(facility(name:0),name:1)
"Photon source","raw"

Investigation(facility(name:0),name:1,visitId:1,title:1,type(facility(name:0),name:2))
"Photon source","P1","proposal"

Dataset(investigation(facility(name:0),name:1,visitId:1),type(facility(name:0),name:2),name:3)
"""
DATAFILE = (
    "1.0\n\nDatafile(dataset(investigation(facility(name:0),name:1,visitId:2),name:3),name:4,location:5,fileSize:6,"
    "datafileModTime:7)\n"
)


def dump() -> None:
    """Two measurements, in objects per second."""
    with TemporaryDirectory() as home:
        settings = DatabaseSettings()
        with EmbeddedPostgres(Path(home), settings) as server:
            initialise(server.url, settings)
            asyncio.run(_measure(server.url))


async def _measure(url: str) -> None:
    settings = Settings()
    async with Database(url, settings.database) as database:
        catalogue = Catalogue(database, Rulebooks(database, settings.catalogue), settings)
        rows = "".join(f'"Photon source","P1","raw","scan_{k}"\n' for k in range(DATASETS))
        await Import(database, catalogue, settings, Order(ROOT)).run(_pieces(PARENTS + rows))
        started = perf_counter()
        await Import(database, catalogue, settings, Order(ROOT)).run(
            _pieces(DATAFILE + "".join(map(_row, range(DATAFILES))))
        )
        imported = perf_counter() - started
        exported = await _export(database)
    with psycopg.connect(url, autocommit=True) as connection:
        copied_out, copied_in = _copy(connection)
    line("dump: import", DATAFILES / imported, "objects/s", "COPY", DATAFILES / copied_in)
    line("dump: export", DATAFILES / exported, "objects/s", "COPY", DATAFILES / copied_out)


async def _export(database: Database) -> float:
    rights = (await Rulebooks(database, Settings().catalogue).current()).rights(ROOT)
    started = perf_counter()
    size = 0
    async for piece in export(database, ROOT, rights, Attributes.ALL):
        size += len(piece)
    return perf_counter() - started


def _copy(connection: psycopg.Connection) -> tuple[float, float]:
    started = perf_counter()
    with connection.cursor().copy("COPY datafile TO STDOUT") as copy:
        for _ in copy:
            pass
    copied_out = perf_counter() - started
    with connection.cursor().copy(f"COPY datafile ({COLUMNS}) TO STDOUT") as copy:
        rows = b"".join(copy)
    connection.execute("TRUNCATE datafile CASCADE")
    started = perf_counter()
    with connection.cursor().copy(f"COPY datafile ({COLUMNS}) FROM STDIN") as copy:
        copy.write(rows)
    return copied_out, perf_counter() - started


async def _pieces(text: str) -> AsyncIterator[bytes]:
    content = text.encode()
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


def _row(number: int) -> str:
    dataset = number * DATASETS // DATAFILES
    name = f"frame_{number:06}.h5"
    return (
        f'"Photon source","P1","P1","scan_{dataset}","{name}","/data/{dataset}/{name}",{4194304 + number},'
        "2026-11-21T10:00:00.000Z\n"
    )
