"""The catalogue that is measured: five million datafiles, an instrument scientist and an ordinary user.

It is kept in `bench/.home` and filled once. Rows are made by SQL, because filling is not what is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psycopg

from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.schema import initialise

HOME = Path(os.environ.get("BENCH_HOME", Path(__file__).parent / ".home"))
DATAFILES = int(os.environ.get("BENCH_DATAFILES", "5000000"))

INVESTIGATIONS = 20_000
OF_THE_SCIENTIST = 2_000
DATASETS_EACH = 3
LARGE_DATASET = 100_000
PORT = int(os.environ.get("BENCH_PORT", "8765"))

CONFIG = """
[database]
embedded_shared_buffers = "2GB"
[catalogue]
root_user_names = ["simple/root"]
[authenticator.simple]
kind = "simple"
users = { root = "bench", scientist = "bench", visitor = "bench" }
[authenticator.anon]
kind = "anon"
[logging]
level = "warning"
"""

BASE = "create_id, create_time, mod_id, mod_time"
BY = "'simple/root', now(), 'simple/root', now()"

TO_INVESTIGATION = {
    "Investigation": ("SELECT i FROM Investigation i", ""),
    "Dataset": ("SELECT ds FROM Dataset ds JOIN ds.investigation i", ""),
    "Datafile": ("SELECT df FROM Datafile df JOIN df.dataset ds JOIN ds.investigation i", ""),
}
CONDITIONS = (
    " JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name = :user",
    " JOIN i.investigationInstruments ii JOIN ii.instrument ins JOIN ins.instrumentScientists s"
    " JOIN s.user u WHERE u.name = :user",
    " WHERE i.releaseDate < CURRENT_TIMESTAMP",
)
PUBLIC = ("Facility", "DatasetType", "InvestigationType", "Instrument", "User")

FILL = (
    f"INSERT INTO facility (name, {BASE}) VALUES ('Photon source', {BY})",
    f"INSERT INTO investigation_type (facility_id, name, {BASE}) VALUES (1, 'proposal', {BY})",
    f"INSERT INTO dataset_type (facility_id, name, {BASE}) VALUES (1, 'raw', {BY})",
    f"""INSERT INTO "user" (name, {BASE})
        SELECT CASE g WHEN 1 THEN 'simple/scientist' WHEN 2 THEN 'simple/visitor' ELSE 'db/user' || g END, {BY}
        FROM generate_series(1, 5000) g""",
    f"INSERT INTO instrument (facility_id, name, {BASE}) SELECT 1, 'ID' || g, {BY} FROM generate_series(1, 19) g",
    f"INSERT INTO instrument_scientist (user_id, instrument_id, {BASE}) VALUES (1, 1, {BY})",
    f"""INSERT INTO investigation (facility_id, type_id, name, visit_id, title, start_date, release_date, {BASE})
        SELECT 1, 1, 'P' || lpad(g::text, 6, '0'), '1', 'Measurement ' || g,
               now() - (g * 7919 % {INVESTIGATIONS}) * interval '3 hours', now() + interval '3 years', {BY}
        FROM generate_series(1, {INVESTIGATIONS}) g""",
    f"""INSERT INTO investigation_instrument (investigation_id, instrument_id, {BASE})
        SELECT g, CASE WHEN g % 10 = 1 THEN 1 ELSE 2 + g % 18 END, {BY} FROM generate_series(1, {INVESTIGATIONS}) g""",
    f"""INSERT INTO investigation_user (investigation_id, user_id, role, {BASE})
        SELECT g, 3 + (g + k * 1237) % 4998, 'Co-investigator', {BY}
        FROM generate_series(1, {INVESTIGATIONS}) g, generate_series(1, 4) k""",
    f"INSERT INTO investigation_user (investigation_id, user_id, role, {BASE}) SELECT g, 2, 'PI', {BY}"
    " FROM unnest(ARRAY[1, 5000, 12345]) g",
    f"""INSERT INTO dataset (investigation_id, type_id, name, complete, start_date, {BASE})
        SELECT g, 1, 'scan_' || lpad(k::text, 4, '0'), true, now() - k * interval '1 hour', {BY}
        FROM generate_series(1, {INVESTIGATIONS}) g, generate_series(1, {DATASETS_EACH}) k""",
    f"""INSERT INTO dataset (investigation_id, type_id, name, complete, {BASE})
        SELECT 1, 1, 'series_' || lpad(k::text, 4, '0'), true, {BY} FROM generate_series(1, 200) k""",
)


def rules() -> Iterator[str]:
    """The usual rules: one's own investigations, those of one's instruments, open data, and public tables."""
    for start, _ in TO_INVESTIGATION.values():
        for condition in CONDITIONS:
            yield start + condition
    yield from PUBLIC


@contextmanager
def running(workers: int = 1) -> Iterator[str]:
    """A server with the filled catalogue; yields the URL of its database."""
    HOME.mkdir(parents=True, exist_ok=True)
    config = HOME / "bench.toml"
    config.write_text(CONFIG)
    settings = DatabaseSettings(embedded_shared_buffers="2GB")
    with EmbeddedPostgres(HOME, settings, workers=3) as server:
        _fill(server.url, settings)
        command = [sys.executable, "-m", "beamcat", "serve", "--config", config, "--home", HOME]
        command += ["--port", str(PORT), "--workers", str(workers)]
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
        try:
            _wait_for(process)
            yield server.url
        finally:
            process.terminate()
            process.wait(60)


def _wait_for(process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the server did not start")
        try:
            with urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not become ready")


def _fill(url: str, settings: DatabaseSettings) -> None:
    initialise(url, settings)
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM datafile LIMIT 1").fetchone()
        if found is not None:
            return
        print(f"filling {HOME} with {DATAFILES:,} datafiles, once", file=sys.stderr, flush=True)
        for statement in FILL:
            connection.execute(statement.encode())
        datasets = INVESTIGATIONS * DATASETS_EACH
        each = -(-(DATAFILES - LARGE_DATASET) // datasets)
        _datafiles(connection, "series_0001", LARGE_DATASET, 1, 10**9)
        for first in range(1, datasets + 1, 6000):
            _datafiles(connection, "scan_%", each, first, first + 6000)
        for what in rules():
            connection.execute(_RULE, {"what": what, "bean": _bean(what), "restricted": " " in what})
        connection.execute("VACUUM (ANALYZE)")


_RULE = f"""INSERT INTO rule (crud_flags, what, bean, restricted, r, {BASE})
    VALUES ('R', %(what)s, %(bean)s, %(restricted)s, true, {BY})"""


def _bean(what: str) -> str:
    words = what.split()
    return words[3] if len(words) > 1 else what


def _datafiles(connection: psycopg.Connection, name: str, each: int, first: int, past: int) -> None:
    connection.execute(
        f"""INSERT INTO datafile (dataset_id, investigation_id, name, location, file_size, datafile_create_time,
                                  datafile_mod_time, {BASE})
            SELECT d.id, d.investigation_id, 'frame_' || lpad(k::text, 6, '0') || '.h5',
                   '/data/' || d.investigation_id || '/' || d.name || '/frame_' || lpad(k::text, 6, '0') || '.h5',
                   4194304 + k, now() - k * interval '1 second', now() - (k * 7919 %% {each}) * interval '1 second',
                   {BY}
            FROM dataset d, generate_series(1, {each}) k
            WHERE d.name LIKE %(name)s AND d.id >= %(first)s AND d.id < %(past)s ORDER BY d.id, k""".encode(),
        {"name": name, "first": first, "past": past},
    )
