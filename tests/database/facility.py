"""A small facility with something in every kind of table, and what is in a database, row by row."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from beamcat.database.backup.contents import LEFT_OUT
from beamcat.database.backup.manifest import Manifest
from beamcat.database.backup.saving import back_up
from beamcat.database.partitions import ensure_datafile_partitions
from beamcat.database.pool import Database
from tests.database.rows import add, add_datafile, add_dataset, add_facility, add_investigation

TRICKY = 'line\nbreak\ttab "quote" \\ back µ 中 \U0001f600 '
"""Text that some formats stumble over."""
DERIVED = {"rulebook_version"}
"""Tables that a restore changes on purpose."""


def quietly(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
    assert what
    assert done >= 0
    assert total >= 0


async def fill(database: Database, datafiles: int = 25) -> None:
    """Two investigations with readers of all kinds, datafiles, parameters, rules, and rows beyond the model."""
    async with database.transaction() as conn:
        await ensure_datafile_partitions(conn, datafiles)
        await add_facility(conn)
        for name in ("I1", TRICKY):
            await add_investigation(conn, name)
        for investigation in (1, 2):
            await add_dataset(conn, investigation, "D")
        for number in range(datafiles):
            await add_datafile(conn, number % 2 + 1, f"frame {number} {TRICKY}", None if number % 7 == 0 else number)
        await add_people(conn)
        await add(
            conn, "parameter_type", name="t", units="K", value_type="NUMERIC", facility_id=1,
            applicable_to_datafile=True,
        )  # fmt: skip
        for value in (1.5, float("inf"), -1e-300, 0.1 + 0.2):
            datafile = await add_datafile(conn, 1, f"with parameter {value}")
            await add(conn, "datafile_parameter", datafile_id=datafile, type_id=1, numeric_value=value)
        await add(conn, "related_datafile", source_datafile_id=1, dest_datafile_id=2, relation="copy")
        await add_beyond_the_model(conn)


async def add_people(conn: AsyncConnection[Any]) -> None:
    """Three users, who reach the investigations as user, by the instrument, and by a group."""
    for name in ("db/ann", "db/bob", "db/cid"):
        await add(conn, "user", name=name)
    await add(conn, "instrument", name="ENGIN-X", facility_id=1)
    await add(conn, "investigation_instrument", investigation_id=1, instrument_id=1)
    await add(conn, "instrument_scientist", user_id=1, instrument_id=1)
    await add(conn, "investigation_user", user_id=2, investigation_id=2, role="PI")
    await add(conn, "grouping", name="staff")
    await add(conn, "user_group", user_id=3, grouping_id=1)
    await add(conn, "investigation_group", grouping_id=1, investigation_id=1, role="reader")
    await add(conn, "rule", what="SELECT i FROM Investigation i", crud_flags="R", grouping_id=1, c=False, r=True,
              u=False, d=False)  # fmt: skip


async def add_beyond_the_model(conn: AsyncConnection[Any]) -> None:
    """Sessions, failed sign-ins, events, tokens."""
    now = datetime.now(UTC)
    await conn.execute("INSERT INTO session VALUES (gen_random_uuid(), 'db/ann', 'db', %s, %s)", (now, now))
    await conn.execute("INSERT INTO login_failure VALUES ('user:db/ann', %s)", (now,))
    await conn.execute(
        """INSERT INTO event (at, user_name, request_id, entity, operation, origin, ids)
           VALUES (now(), 'db/ann', 'r1', 'Datafile', 'C', 'call', '{[1,5),[9,12)}')"""
    )
    await conn.execute(
        """INSERT INTO api_token (digest, user_name, name, scopes, created)
           VALUES (sha256('a'), 'db/ann', 'script', '{read,write}', now())"""
    )


def rows_of(url: str) -> dict[str, list[str]]:
    """Every row of every table, as text, but for what no backup holds."""
    with psycopg.connect(url, options="-c timezone=UTC") as conn:
        names = conn.execute(
            """SELECT relname FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"""
        ).fetchall()
        return {
            name: [row for (row,) in conn.execute(
                sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(name))
            ).fetchall()]
            for (name,) in names
            if name not in LEFT_OUT and name not in DERIVED
        }  # fmt: skip


def fill_home(home: Path) -> None:
    """Files, folders and links of a home, and what passes."""
    (home / "data" / "deep" / TRICKY.strip()).mkdir(parents=True)
    (home / "data" / "deep" / "empty").write_bytes(b"")
    (home / "data" / "scan.h5").write_bytes(bytes(range(256)) * 5000)
    (home / "data" / "script.sh").write_text("#!/bin/sh\n")
    (home / "data" / "script.sh").chmod(0o750)
    (home / "data" / "secret").mkdir()
    (home / "data" / "secret" / "key").write_text("hush")
    (home / "data" / "secret" / "key").chmod(0o600)
    (home / "data" / "secret").chmod(0o500)
    (home / "data" / "link").symlink_to("scan.h5")
    (home / "elsewhere").symlink_to("/mnt/disk")
    (home / "run" / "metrics").mkdir(parents=True)
    (home / "run" / "metrics" / "x.db").write_text("passing")
    (home / "serve.lock").write_text("1")
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "PG_VERSION").write_text("18")
    (home / "postgres" / "local.conf").write_text("work_mem = '1MB'\n")


def files_of(home: Path) -> dict[str, tuple[int, int, object]]:
    """What is in a home: kind and permissions, time, content."""
    found: dict[str, tuple[int, int, object]] = {}
    for path in sorted(home.rglob("*")):
        at = path.lstat()
        content: object = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(home))] = (at.st_mode, 0 if path.is_symlink() else int(at.st_mtime), content)
    return found


def backed_up(url: str, home: Path, file: Path) -> Manifest:
    """A backup without settings."""
    return back_up(url, home, file, None, quietly)
