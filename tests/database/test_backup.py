"""A backup holds everything of one moment, while everything runs on."""

from __future__ import annotations

import asyncio
import fcntl
import gzip
import io
import socket
import stat
import subprocess
import tarfile
from pathlib import Path

import psycopg
import pytest

from beamcat.database.backup.contents import LEFT_OUT, tables_of
from beamcat.database.backup.manifest import PIECE_BYTES
from beamcat.database.backup.saving import back_up
from beamcat.database.backup.verifying import verify
from beamcat.database.pool import Database
from beamcat.database.schema import SchemaOutdated
from beamcat.errors import AlreadyExists, Unavailable
from tests.conftest import TestServer
from tests.database.facility import backed_up, fill, fill_home, quietly
from tests.database.rows import add_datafile, add_dataset, add_facility, add_investigation, every


async def test_every_table_is_held_or_left_out_for_a_reason(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    manifest = await asyncio.to_thread(backed_up, database_url, tmp_path, tmp_path / "b")
    async with database.connection() as conn:
        there = await every(
            conn,
            """SELECT relname FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition""",
        )
    held = {table.name for table in manifest.tables}
    assert set(there) == held | (set(LEFT_OUT) - {"restore_unfinished"})
    assert held.isdisjoint(LEFT_OUT)
    assert {"datafile", "account", "api_token", "event", "investigation_reader", "rule", "catalogue_option"} <= held


def test_every_column_is_held_but_computed_ones(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("CREATE TABLE later (id bigint, twice bigint GENERATED ALWAYS AS (2 * id) STORED, gone int)")
        conn.execute("ALTER TABLE later DROP COLUMN gone")
        later = next(table for table in tables_of(conn) if table.name == "later")
    assert later.columns == ("id",)


async def test_it_shows_one_moment_while_others_write(database: Database, database_url: str, tmp_path: Path) -> None:
    """Each transaction adds a dataset to the first investigation and a datafile to that dataset."""
    async with database.transaction() as conn:
        await add_facility(conn)
        await add_investigation(conn, "I1")
    over = asyncio.Event()

    async def write() -> int:
        number = 0
        while not over.is_set():
            number += 1
            async with database.transaction() as conn:
                dataset = await add_dataset(conn, 1, f"D{number}")
                await add_datafile(conn, dataset, "f", 2)
        return number

    writer = asyncio.create_task(write())
    for turn in range(4):
        manifest = await asyncio.to_thread(backed_up, database_url, tmp_path, tmp_path / f"b{turn}")
        rows = {table.name: table.rows for table in manifest.tables}
        last = {sequence.name: sequence.last for sequence in manifest.sequences}
        assert rows["dataset"] == rows["datafile"]
        assert rows["datafile"] <= last["datafile_id_seq"]
    over.set()
    assert await writer > rows["dataset"] > 0


async def test_nobody_waits_for_a_backup(database: Database, database_url: str, tmp_path: Path) -> None:
    """In the middle of a backup objects are made and deleted, and the rules change."""
    await fill(database)
    loop = asyncio.get_running_loop()

    async def change() -> None:
        async with database.transaction() as conn:
            await conn.execute("SET LOCAL lock_timeout = '1s'")
            await conn.execute("SELECT ensure_datafile_partitions(1000)")
            await add_datafile(conn, 1, "made meanwhile")
            await conn.execute("DELETE FROM datafile WHERE id = 3")
            await conn.execute("UPDATE rule SET crud_flags = 'RU'")

    changed: list[str] = []

    def told(what: str, done: int, total: int) -> None:
        if not changed:
            asyncio.run_coroutine_threadsafe(change(), loop).result(10)
            changed.append(what)

    manifest = await asyncio.to_thread(back_up, database_url, tmp_path, tmp_path / "b", None, told)
    assert changed
    assert {table.name: table.rows for table in manifest.tables}["datafile"] == 29


def test_a_database_without_a_catalogue_has_no_backup(server: TestServer, tmp_path: Path) -> None:
    name = server.create()
    with pytest.raises(SchemaOutdated, match="nothing to back up"):
        backed_up(server.url(name), tmp_path, tmp_path / "b")
    server.drop(name)
    with pytest.raises(Unavailable):
        backed_up("postgresql://nobody@127.0.0.1:9/none", tmp_path, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_it_is_a_tar_that_any_tool_reads_and_only_its_owner(database_url: str, tmp_path: Path) -> None:
    settings, home = tmp_path / "beamcat.toml", tmp_path / "home"
    settings.write_text("[server]\nport = 1\n")
    home.mkdir()
    fill_home(home)
    file = tmp_path / "b"
    back_up(database_url, home, file, settings, quietly)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    listed = subprocess.run(["tar", "-tf", file], capture_output=True, text=True, check=True).stdout.splitlines()
    assert listed[0] == "beamcat-backup.json"
    assert listed[-2:] == ["manifest.json", "manifest.sha256"]
    assert {"home/data/scan.h5", "home/postgres/local.conf", "settings.toml", "tables/datafile/000001.gz"} <= {*listed}
    with tarfile.open(file) as tar:
        member = tar.extractfile("tables/facility/000001.gz")
        assert member is not None
        assert gzip.decompress(member.read()).startswith(b"PGCOPY\n\xff\r\n\0")


def test_what_passes_in_a_home_is_left_out(database_url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    fill_home(home)
    backed_up(database_url, home, home / "older.backup")
    (home / "data" / "kept.lock").write_text("a datafile of that name")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(home / "knock"))
    backed_up(database_url, home, home / "data" / "newer.backup")
    listener.close()
    with tarfile.open(home / "data" / "newer.backup") as tar:
        names = {name.removeprefix("home/") for name in tar.getnames() if name.startswith("home/")}
    assert {"data/kept.lock", "data/secret/key", "elsewhere", "postgres/local.conf"} <= names
    passing = ("postgres/data", "run", "serve.lock", "older.backup", "data/newer", "knock")
    assert [name for name in names if name.startswith(passing)] == []


def test_a_large_table_is_cut_into_pieces(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(
            """INSERT INTO rule (create_id, create_time, mod_id, mod_time, what, crud_flags, c, r, u, d)
               SELECT 'a', now(), 'a', now(), repeat('x', 1000), 'R', false, true, false, false
                 FROM generate_series(1, 9000)"""
        )
    manifest = backed_up(database_url, tmp_path, tmp_path / "b")
    rule = next(table for table in manifest.tables if table.name == "rule")
    assert (rule.rows, rule.pieces) == (9000, rule.size_bytes // PIECE_BYTES + 1)
    assert rule.pieces > 2
    assert verify(tmp_path / "b", quietly) == manifest


def test_two_backups_do_not_write_the_same_file(database_url: str, tmp_path: Path) -> None:
    with (tmp_path / "b.partial").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(AlreadyExists, match="another backup is writing"):
            backed_up(database_url, tmp_path, tmp_path / "b")
    backed_up(database_url, tmp_path, tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_backup_that_fails_leaves_the_one_before(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "b"
    before = backed_up(database_url, tmp_path, file)

    def told(what: str, done: int, total: int) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        back_up(database_url, tmp_path, file, None, told)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert verify(file, quietly) == before


def test_a_file_that_becomes_shorter_is_read_again(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "shrinks").write_bytes(b"x" * 3_000_000)
    from beamcat.database.backup import home as files

    opened = files.opened

    def shortened(folder: Path, path: object) -> io.IOBase | None:
        file = opened(folder, path)  # type: ignore[arg-type]
        if (home / "shrinks").stat().st_size > 10:
            (home / "shrinks").write_bytes(b"short")
        return file  # type: ignore[return-value]

    monkeypatch.setattr(files, "opened", shortened)
    manifest = backed_up(database_url, home, tmp_path / "b")
    assert manifest.home.size_bytes == len(b"short")
    assert verify(tmp_path / "b", quietly) == manifest


def test_a_server_that_goes_away_meanwhile_is_unavailable_and_leaves_no_file(database_url: str, tmp_path: Path) -> None:
    def told(what: str, done: int, total: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = 'beamcat backup' AND datname = current_database()"""
            )

    with pytest.raises(Unavailable):
        back_up(database_url, tmp_path, tmp_path / "b", None, told)
    assert list(tmp_path.iterdir()) == []
