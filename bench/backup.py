"""Backup and restore of a catalogue of datafiles, against `pg_dump` and `pg_restore` of the embedded PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from urllib.parse import urlsplit

import psycopg

from beamcat.config import DatabaseSettings
from beamcat.database.backup.restoring import Place, restore
from beamcat.database.backup.saving import back_up
from beamcat.database.backup.verifying import verify
from beamcat.database.cluster import installed_programs
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.schema import initialise
from bench.report import line

DATAFILES = int(os.environ.get("BENCH_DATAFILES", "1000000"))
DATASETS = max(1, DATAFILES // 1000)

FILL = """
INSERT INTO facility (create_id, create_time, mod_id, mod_time, name) VALUES ('a', now(), 'a', now(), 'F');
INSERT INTO investigation_type (create_id, create_time, mod_id, mod_time, name, facility_id)
VALUES ('a', now(), 'a', now(), 'T', 1);
INSERT INTO dataset_type (create_id, create_time, mod_id, mod_time, name, facility_id)
VALUES ('a', now(), 'a', now(), 'T', 1);
INSERT INTO investigation (create_id, create_time, mod_id, mod_time, name, visit_id, title, facility_id, type_id)
VALUES ('a', now(), 'a', now(), 'I', '1', 'title', 1, 1);
"""
DATASET_ROWS = """
INSERT INTO dataset (create_id, create_time, mod_id, mod_time, name, investigation_id, type_id)
SELECT 'a', now(), 'a', now(), 'scan_' || n, 1, 1 FROM generate_series(1, %s) n
"""
DATAFILE_ROWS = """
INSERT INTO datafile (create_id, create_time, mod_id, mod_time, name, location, file_size,
                      datafile_mod_time, dataset_id)
SELECT 'a', now(), 'a', now(), 'frame_' || n || '.h5', '/data/scan_' || d || '/frame_' || n || '.h5', 4194304 + n,
       now(), d
  FROM (SELECT n, (n - 1) * %s::bigint / %s + 1 AS d FROM generate_series(1, %s) n) numbers
"""


def backup() -> None:
    """Rows per second of backup, check and restore."""
    settings = DatabaseSettings()
    with TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "home", settings) as server:
        _measure(server.url, Path(folder), settings)


def _measure(url: str, folder: Path, settings: DatabaseSettings) -> None:
    initialise(url, settings)
    with psycopg.connect(url) as conn:
        conn.execute(FILL)
        conn.execute(DATASET_ROWS, (DATASETS,))
        conn.execute(DATAFILE_ROWS, (DATASETS, DATAFILES, DATAFILES))
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
        for name in ("ours", "theirs"):
            conn.execute(f"CREATE DATABASE {name}")
    home, archive, dump = folder / "files", folder / "archive", folder / "dump"
    home.mkdir()
    programs = installed_programs()
    dumped = _seconds(lambda: _run(programs / "pg_dump", "-Fc", "-Z", "1", "-f", dump, url))
    saved = _seconds(lambda: back_up(url, home, archive, None, _quietly))
    manifest = verify(archive, _quietly)
    checked = _seconds(lambda: verify(archive, _quietly))
    place = Place(_database(url, "ours"), home, settings)
    loaded = _seconds(lambda: restore(place, archive, manifest, _quietly))
    their_load = _seconds(lambda: _run(programs / "pg_restore", "-d", _database(url, "theirs"), dump))
    rate = f"{manifest.size_bytes / 1e6:.0f} MB in {archive.stat().st_size / 1e6:.0f} MB, {{:.0f}} MB/s".format
    size = manifest.size_bytes / 1e6
    line("backup: save", manifest.rows / saved, "rows/s", "pg_dump", manifest.rows / dumped, note=rate(size / saved))
    line("backup: check", manifest.rows / checked, "rows/s", "save", manifest.rows / saved, note=rate(size / checked))
    line("backup: restore", manifest.rows / loaded, "rows/s", "pg_restore", manifest.rows / their_load,
         note=rate(size / loaded))  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _run(*command: object) -> None:
    subprocess.run(list(map(str, command)), check=True)


def _database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _quietly(what: str, done: int, total: int) -> None:
    pass
