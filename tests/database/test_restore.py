"""What comes back from a backup is what went in, wherever it is put."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import NullPool, create_engine

from beamcat.access.accounts import add_account
from beamcat.access.authenticators import build_authenticators
from beamcat.access.caller import Caller
from beamcat.access.login_protection import LoginProtection
from beamcat.access.sessions import Sessions, utc_now
from beamcat.catalogue.dump.files import export_file
from beamcat.catalogue.dump.layout import Attributes
from beamcat.config import DatabaseSettings, Settings
from beamcat.database.backup.manifest import Manifest
from beamcat.database.backup.restoring import Place, Restored, present, restore
from beamcat.database.backup.verifying import verify
from beamcat.database.pool import Database
from beamcat.database.schema import assert_current, initialise, newest_version, upgrade
from tests.conftest import TestServer
from tests.database.facility import DERIVED, backed_up, files_of, fill, fill_home, quietly, rows_of
from tests.database.rows import add, add_datafile, add_facility, every
from tests.database.test_tables import CATALOGUE_QUERIES, catalogue

PASSWORD = "correct horse"


@pytest.fixture
def empty_url(server: TestServer) -> Iterator[str]:
    """The URL of a database without anything."""
    name = server.create()
    yield server.url(name)
    server.drop(name)


def restored(file: Path, url: str, home: Path) -> Restored:
    home.mkdir(exist_ok=True)
    return restore(Place(url, home, DatabaseSettings()), file, verify(file, quietly), quietly)


def numbered_alike(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """PostgreSQL numbers the keys that lead to each partition in the order in which it made them."""
    return {title: sorted(re.sub(r"_fkey_?\d+'", "_fkey'", line) for line in lines) for title, lines in found.items()}


def moved(url: str, into: str, folder: Path) -> Manifest:
    """A backup of `url` restored into another database."""
    home = folder / "home-before"
    home.mkdir(exist_ok=True)
    manifest = backed_up(url, home, folder / "moved.backup")
    restored(folder / "moved.backup", into, folder / "home-after")
    return manifest


@dataclass(frozen=True)
class Pair:
    """A facility, and what became of its backup."""

    before: str
    after: str
    name_after: str
    manifest: Manifest
    folder: Path


@pytest.fixture(scope="module")
async def pair(server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    before, after = server.create(template), server.create()
    async with Database(server.url(before), DatabaseSettings()) as database:
        await fill(database)
        await add_account(database, "ann", PASSWORD)
    manifest = await asyncio.to_thread(moved, server.url(before), server.url(after), folder)
    yield Pair(server.url(before), server.url(after), after, manifest, folder)
    for name in (before, after):
        server.drop(name)


@pytest.fixture
async def after(server: TestServer, pair: Pair) -> AsyncIterator[Database]:
    """A copy of the restored catalogue, to work with."""
    name = server.create(pair.name_after)
    async with Database(server.url(name), DatabaseSettings()) as database:
        yield database
    server.drop(name)


def test_every_row_comes_back(pair: Pair) -> None:
    before, after = rows_of(pair.before), rows_of(pair.after)
    assert after == before
    for table in ("investigation_reader", "dataset", "api_token", "event", "datafile_parameter", "account"):
        assert before[table], table
    with psycopg.connect(pair.after) as conn:
        assert conn.execute("SELECT file_count FROM investigation ORDER BY id").fetchall() == [(17,), (12,)]
        for left_out in ("session", "login_failure"):
            assert conn.execute(f"SELECT count(*) FROM {left_out}").fetchone() == (0,)


@pytest.mark.parametrize("rows", [0, 10], ids=["plain", "partitioned"])
async def test_the_tables_are_those_of_a_fresh_database(
    server: TestServer, empty_url: str, tmp_path: Path, rows: int
) -> None:
    """Names of keys and indexes, triggers switched on, functions: nothing tells a restored schema from a new one."""
    settings = DatabaseSettings(datafile_partition_rows=rows)
    name = server.create()
    url = server.url(name)
    initialise(url, settings)
    async with Database(url, settings) as database:
        await fill(database)
    await asyncio.to_thread(moved, url, empty_url, tmp_path)
    made, again = numbered_alike(catalogue(url)), numbered_alike(catalogue(empty_url))
    for title in CATALOGUE_QUERIES:
        if title != "version":
            assert again[title] == made[title], title
    assert rows_of(empty_url) == rows_of(url)
    initialise(empty_url, settings)
    server.drop(name)


async def test_the_export_of_both_is_the_same_to_the_byte(pair: Pair, tmp_path: Path) -> None:
    texts = []
    for url in (pair.before, pair.after):
        async with Database(url, DatabaseSettings()) as database:
            await export_file(database, Settings(), tmp_path / "dump", Caller("simple/root", root=True), Attributes.ALL)
        texts.append((tmp_path / "dump").read_bytes())
    assert texts[0] == texts[1]
    assert len(texts[0]) > 3000


async def test_work_goes_on_after_a_restore(after: Database) -> None:
    """New ids do not clash, triggers count, keys hold, readers are kept, workers notice changed rules."""
    async with after.transaction() as conn:
        version = (await every(conn, "SELECT version FROM rulebook_version"))[0]
        assert await add_datafile(conn, 1, "new", 100) == 30
        assert await add(conn, "user", name="db/dan") == 4
        await add(conn, "instrument_scientist", user_id=4, instrument_id=1)
        await conn.execute(
            """INSERT INTO event (at, user_name, request_id, entity, operation, origin, ids)
               VALUES (now(), 'db/ann', 'r2', 'Datafile', 'C', 'call', '{[30,31)}')"""
        )
    async with after.connection() as conn:
        assert await every(conn, "SELECT file_count FROM investigation ORDER BY id") == [18, 12]
        assert await every(conn, "SELECT max(position) FROM event") == [2]
        assert await every(conn, "SELECT path FROM investigation_reader WHERE user_id = 4") == ["instrument"]
        assert await every(conn, "SELECT version FROM rulebook_version") == [version + 1]
        with pytest.raises(errors.UniqueViolation, match="datafile_key"):
            await add_datafile(conn, 1, "new")
        with pytest.raises(errors.ForeignKeyViolation):
            await add_datafile(conn, 99, "nowhere")


async def test_the_old_password_still_works(after: Database) -> None:
    settings = Settings()
    protection = LoginProtection(after, settings.login_protection, utc_now)
    sessions = Sessions(after, settings.catalogue, build_authenticators(settings, after), protection)
    session = await sessions.login("db", {"username": "ann", "password": PASSWORD}, "127.0.0.1")
    assert await sessions.caller_name(session) == "db/ann"
    await sessions.close()


def test_a_backup_of_a_restored_catalogue_is_the_same_again(pair: Pair) -> None:
    again = backed_up(pair.after, pair.folder / "home-after", pair.folder / "again")
    assert [table for table in again.tables if table.name not in DERIVED] == [
        table for table in pair.manifest.tables if table.name not in DERIVED
    ]
    assert again.sequences == pair.manifest.sequences


async def test_the_files_of_the_home_come_back_with_permissions_times_and_links(
    database_url: str, empty_url: str, tmp_path: Path
) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    fill_home(home)
    backed_up(database_url, home, tmp_path / "b")
    (other / "postgres").mkdir(parents=True)
    restored(tmp_path / "b", empty_url, other)
    passing = [home / "run", home / "serve.lock", home / "postgres" / "data"]
    for path in passing:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before, after = files_of(home), files_of(other)
    assert before.pop("postgres")
    assert after.pop("postgres")
    assert after == before
    assert "data/secret/key" in after


async def test_what_is_there_is_seen_and_replaced_only_as_a_whole(
    database: Database, database_url: str, server: TestServer, template: str, tmp_path: Path
) -> None:
    """The old files stay aside; settings file and archive stay where they are; the old tables are gone."""
    await fill(database)
    home, file = tmp_path / "home", tmp_path / "home" / "b"
    home.mkdir()
    (home / "data").mkdir()
    (home / "data" / "old").write_text("old")
    (home / "site.toml").write_text("of then")
    backed_up(database_url, home, file)
    (home / "data" / "old").write_text("changed")
    (home / "site.toml").write_text("of today")
    (home / "new").write_text("new")
    name = server.create(template)
    url = server.url(name)
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE by_hand (a int); CREATE VIEW seen AS SELECT * FROM by_hand")
        conn.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    place = Place(url, home, DatabaseSettings(), frozenset({"b", "site.toml"}))
    found = present(place)
    assert (found.in_database, found.in_home, found.interrupted) == (True, ("data", "new"), False)
    done = restore(place, file, verify(file, quietly), quietly)
    assert rows_of(url) == rows_of(database_url)
    assert done.moved_to is not None
    assert {path.name for path in home.iterdir()} == {"b", "site.toml", "data", done.moved_to.name}
    assert (home / "site.toml").read_text() == "of today"
    assert (done.moved_to / "data" / "old").read_text() == "changed"
    assert (home / "data" / "old").read_text() == "old"
    assert (done.moved_to / "new").read_text() == "new"
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT to_regclass('seen'), to_regprocedure('f()')").fetchone() == (None, None)
    backed_up(url, home, tmp_path / "next")
    server.drop(name)


async def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    server: TestServer, empty_url: str, tmp_path: Path
) -> None:
    name = server.create()
    url = server.url(name)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    with engine.connect() as connection:
        upgrade(connection, DatabaseSettings(), "0001")
        connection.commit()
    async with Database(url, DatabaseSettings()) as database, database.connection() as conn:
        await add_facility(conn)
    manifest = await asyncio.to_thread(moved, url, empty_url, tmp_path)
    assert manifest.origin.schema == "0001" != newest_version()
    assert_current(empty_url)
    before, after = rows_of(url), rows_of(empty_url)
    assert len(after) > len(before)
    assert {table: after[table] for table in before} == before
    server.drop(name)


async def test_a_table_that_is_not_beamcats_is_left_out_and_named(
    database_url: str, empty_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("CREATE TABLE theirs AS SELECT 1 AS a")
    backed_up(database_url, tmp_path, tmp_path / "b")
    assert restored(tmp_path / "b", empty_url, tmp_path / "home").unknown == ("theirs",)
    assert set(rows_of(empty_url)) == set(rows_of(database_url)) - {"theirs"}
