"""A PostgreSQL of the administrator's, as old as Beamcat allows: Debian's."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from beamcat.config import DatabaseSettings
from beamcat.database import postmaster
from beamcat.database.cluster import PORT, Account, Cluster
from beamcat.database.ids import take_ids
from beamcat.database.partitions import ensure_datafile_partitions
from beamcat.database.pool import Database
from beamcat.database.schema import assert_current, initialise
from beamcat.model import ENTITIES
from tests.database.rows import add, add_datafile, add_dataset, add_facility, add_investigation, every

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database on a server with Debian's defaults, in the locale of most machines."""
    if not PROGRAMS:
        pytest.skip("Debian's postgresql is not installed (apt-get install postgresql)")
    account = pwd.getpwnam("nobody")
    folder = tmp_path_factory.mktemp("debian")
    as_root = os.geteuid() == 0
    cluster = Cluster(folder, PROGRAMS[0].parent, Account(account.pw_uid, account.pw_gid) if as_root else None)
    cluster.data.mkdir(mode=0o700)
    cluster.socket_folder.mkdir(mode=0o700)
    for path in (cluster.data, cluster.socket_folder):
        if cluster.account is not None:
            os.chown(path, account.pw_uid, account.pw_gid)
    initdb = cluster.command("initdb", "-D", str(cluster.data), "-U", "me", "--locale", "C.UTF-8", "--no-sync")
    subprocess.run(initdb, check=True, capture_output=True)
    with (cluster.data / "postgresql.conf").open("a") as conf:
        conf.write(
            f"listen_addresses = ''\nport = {PORT}\nfsync = off\n"
            f"unix_socket_directories = '{cluster.socket_folder}'\ntimezone = 'Asia/Tokyo'\n"
        )
    child = postmaster.start(cluster, time.monotonic() + 60)
    yield f"postgresql://me@/postgres?host={cluster.socket_folder}"
    postmaster.stop(cluster)
    assert child is not None
    assert ended(child) == 0


def ended(child: int) -> int | None:
    """How the server ended, which is a moment after its files are gone."""
    deadline = time.monotonic() + 30
    while (code := postmaster.exit_code(child)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return code


@pytest.mark.parametrize("rows", [0, 10], ids=["plain", "partitioned"])
async def test_everything_of_the_database_works_there(url: str, rows: int) -> None:
    settings = DatabaseSettings(datafile_partition_rows=rows)
    name = f"catalogue_{rows}"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    own = url.replace("/postgres?", f"/{name}?")
    initialise(own, settings)
    assert_current(own)
    async with Database(own, settings) as database:
        async with database.transaction() as conn:
            assert await every(conn, "SHOW timezone") == ["UTC"]
            await ensure_datafile_partitions(conn, 50)
            await add_facility(conn)
            await add_investigation(conn, "I1")
            await add_dataset(conn, 1, "D1")
            assert len(await take_ids(conn, ENTITIES["Datafile"], 15)) == 15
            for number in range(15):
                await add_datafile(conn, 1, f"f{number}", 2)
            await add(conn, "user", name="db/ann")
            await add(conn, "instrument", name="ENGIN-X", facility_id=1)
            await add(conn, "instrument_scientist", user_id=1, instrument_id=1)
            await add(conn, "investigation_instrument", investigation_id=1, instrument_id=1)
        async with database.snapshot() as conn:
            assert await every(conn, "SELECT file_count, file_size FROM investigation") == [(15, 30)]
            assert await every(conn, "SELECT user_id, path, count FROM investigation_reader") == [(1, "instrument", 1)]
        with pytest.raises(errors.UniqueViolation, match="datafile_"):
            async with database.transaction() as conn:
                await add_datafile(conn, 1, "f0")
        async with database.transaction() as conn:
            await conn.execute("DELETE FROM facility")
            assert await every(conn, "SELECT count(*) FROM datafile") == [0]
            assert await every(conn, "SELECT count(*) FROM investigation_reader") == [0]
