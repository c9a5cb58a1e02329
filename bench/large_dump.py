"""A dump of millions of objects through `beamcat import` and `export`: how fast, and how much memory it takes.

The dump is what a facility's would be: datafiles for the most part, and a parameter for every fourth of them. The peer
is COPY of the same rows out of and into the same tables.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import psycopg

from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.schema import initialise
from bench.report import line

OBJECTS = int(os.environ.get("BENCH_DUMP_OBJECTS", "5000000"))
DATAFILES_EACH = 100
"""Datafiles of a dataset."""
DATASETS_EACH = 20
"""Datasets of an investigation."""
SAMPLES_PER_S = 10
PIECE_BYTES = 2**18
STAGES = (0.1, 0.5, 1.0)
"""Parts of the file by which memory is reported."""
CONFIG = """
[database]
embedded_shared_buffers = "256MB"
"""

FIRST = """1.0

Facility(name:0)
"Photon source"

InvestigationType(facility(name:0),name:1)
"Photon source","proposal"

DatasetType(facility(name:0),name:1)
"Photon source","raw"

ParameterType(facility(name:0),name:1,units:2,valueType:3,applicableToDatafile:4)
"Photon source","exposure","s",NUMERIC,true

"""
TABLES = ("investigation", "dataset", "datafile", "datafile_parameter")
"""What the peer copies, in the order in which it can be copied in."""


def large_dump() -> None:
    """Two measurements, in objects per second, with the memory of the process at several stages."""
    with TemporaryDirectory() as folder:
        _measure(Path(folder))


def write_dump(file: Path, objects: int) -> None:
    """A dump of about so many objects."""
    datafiles = objects * 4 // 5
    datasets = -(-datafiles // DATAFILES_EACH)
    investigations = -(-datasets // DATASETS_EACH)
    with file.open("w") as dump:
        dump.write(FIRST)
        dump.write("Investigation(facility(name:0),name:1,visitId:2,title:3,type(facility(name:0),name:4))\n")
        dump.writelines(
            f'"Photon source","P{number:06}","1","Measurement {number}","proposal"\n'
            for number in range(investigations)
        )
        dump.write("\nDataset(investigation(facility(name:0),name:1,visitId:2),name:3,type(facility(name:0),name:4))\n")
        dump.writelines(f'{_dataset(number)},"raw"\n' for number in range(datasets))
        dump.write(
            "\nDatafile(dataset(investigation(facility(name:0),name:1,visitId:2),name:3),name:4,location:5,fileSize:6,"
            "datafileModTime:7)\n"
        )
        dump.writelines(
            f'{_datafile(number)},"/data/{number // DATAFILES_EACH}/{number}.h5",{4194304 + number},'
            "2026-11-21T10:00:00.000Z\n"
            for number in range(datafiles)
        )
        dump.write(
            "\nDatafileParameter(datafile(dataset(investigation(facility(name:0),name:1,visitId:2),name:3),name:4),"
            "numericValue:5,type(facility(name:0),name:6,units:7))\n"
        )
        dump.writelines(f'{_datafile(number)},{number % 97},"exposure","s"\n' for number in range(0, datafiles, 4))


def _dataset(number: int) -> str:
    return f'"Photon source","P{number // DATASETS_EACH:06}","1","scan_{number % DATASETS_EACH:04}"'


def _datafile(number: int) -> str:
    return f'{_dataset(number // DATAFILES_EACH)},"frame_{number % DATAFILES_EACH:06}.h5"'


@dataclass(slots=True)
class Memory:
    """Resident memory of a process in MB, beside how far it had come in bytes."""

    samples: list[tuple[int, float]] = field(default_factory=list)

    def peaks(self, whole: int) -> list[float]:
        """The most up to each of the stages of `whole` bytes."""
        return [max(mb for at, mb in self.samples if at <= whole * stage) for stage in STAGES]

    def __str__(self) -> str:
        whole = max(at for at, _ in self.samples)
        return ", ".join(f"{stage:.0%}: {mb:.0f} MB" for stage, mb in zip(STAGES, self.peaks(whole), strict=True))


def watched(command: list[str], position: Callable[[int], int]) -> tuple[float, Memory]:
    """Run a command; the seconds it took, and its memory. `position` tells from its process id how far it is."""
    memory = Memory()
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    ended = Event()

    def sample() -> None:
        while not ended.wait(1 / SAMPLES_PER_S):
            try:
                memory.samples.append((position(process.pid), _resident_mb(process.pid)))
            except OSError:  # it has ended, or not begun
                continue

    watching = Thread(target=sample)
    watching.start()
    status = process.wait()
    taken = time.perf_counter() - started
    ended.set()
    watching.join()
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with {status}")
    return taken, memory


def read_of(file: Path) -> Callable[[int], int]:
    """How far a process has read a file, in bytes; `OSError` when it has not opened it."""

    def position(pid: int) -> int:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            if descriptor.readlink() == file:
                return int(Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text().split()[1])
        raise FileNotFoundError(file)

    return position


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(row.split()[1]) / 1024 for row in status.splitlines() if row.startswith("VmRSS:"))


def _measure(folder: Path) -> None:
    config, home, dump, again = (folder / name for name in ("beamcat.toml", "home", "dump.icat", "again.icat"))
    config.write_text(CONFIG)
    write_dump(dump, OBJECTS)
    settings = DatabaseSettings(embedded_shared_buffers="256MB")
    beamcat = [sys.executable, "-m", "beamcat"]
    options = ["--config", str(config), "--home", str(home)]
    with EmbeddedPostgres(home, settings) as server:
        initialise(server.url, settings)
        imported, memory_in = watched([*beamcat, "import", str(dump), *options], read_of(dump))
        unfinished = again.with_name(f"{again.name}.unfinished")
        exported, memory_out = watched([*beamcat, "export", str(again), *options], lambda _: unfinished.stat().st_size)
        with psycopg.connect(server.url, autocommit=True) as connection:
            copied_out, copied_in, objects = _copy(connection, folder)
    line("large dump: import", objects / imported, "objects/s", "COPY", objects / copied_in, note=f"({memory_in})")
    line("large dump: export", objects / exported, "objects/s", "COPY", objects / copied_out, note=f"({memory_out})")


def _copy(connection: psycopg.Connection, folder: Path) -> tuple[float, float, int]:
    """Seconds of COPY out of the tables and into them again, and the number of rows."""
    out = within = 0.0
    objects = 0
    for table in TABLES:
        started = time.perf_counter()
        with (folder / table).open("wb") as file, connection.cursor() as cursor:
            with cursor.copy(f"COPY {table} TO STDOUT") as rows:
                file.writelines(rows)
            objects += cursor.rowcount
        out += time.perf_counter() - started
    connection.execute("TRUNCATE investigation CASCADE")
    for table in TABLES:
        started = time.perf_counter()
        with (folder / table).open("rb") as file, connection.cursor().copy(f"COPY {table} FROM STDIN") as rows:
            while piece := file.read(PIECE_BYTES):
                rows.write(piece)
        within += time.perf_counter() - started
    return out, within, objects
