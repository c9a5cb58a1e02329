"""Making a schema, bringing it up to date, and refusing to work with the wrong one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory

import beamcat.database.migrations
from beamcat.config import DatabaseSettings
from beamcat.database.schema import (
    SchemaOutdated,
    assert_current,
    current_version,
    initialise,
    known_versions,
    migrate,
    newest_version,
)
from beamcat.errors import InternalError, Unavailable
from tests.conftest import TestServer


def test_an_empty_database_has_no_version_and_is_refused(server: TestServer) -> None:
    name = server.create()
    url = server.url(name)
    assert current_version(url) is None
    for refused in (assert_current, migrate):
        with pytest.raises(SchemaOutdated, match="run `beamcat init`"):
            refused(url)
    initialise(url, DatabaseSettings())
    assert current_version(url) == newest_version()
    assert_current(url)
    server.drop(name)


def test_a_schema_that_no_step_of_ours_makes_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(SchemaOutdated, match="newer than this Beamcat"):
        assert_current(database_url)


def test_migrating_what_is_up_to_date_keeps_every_row(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO facility (create_id, create_time, mod_id, mod_time, name)"
            " VALUES ('a', now(), 'a', now(), 'kept')"
        )
    migrate(database_url)
    initialise(database_url, DatabaseSettings())
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT name FROM facility").fetchall() == [("kept",)]


def test_several_that_initialise_at_once_do_it_once(server: TestServer) -> None:
    name = server.create()
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(initialise, server.url(name), DatabaseSettings()) for _ in range(4)]:
            done.result()
    assert_current(server.url(name))
    server.drop(name)


def test_a_failed_initialisation_leaves_nothing(server: TestServer) -> None:
    name = server.create()
    with psycopg.connect(server.url(name)) as conn:
        conn.execute("CREATE VIEW investigation_reader_source AS SELECT 1 AS in_the_way")
    with pytest.raises(InternalError, match="already exists"):
        initialise(server.url(name), DatabaseSettings())
    assert current_version(server.url(name)) is None
    with psycopg.connect(server.url(name)) as conn:
        assert conn.execute("SELECT to_regclass('facility')").fetchone() == (None,)
    server.drop(name)


def test_an_unreachable_database_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        current_version("postgresql://nobody@127.0.0.1:9/none")


def test_the_versions_are_those_of_the_steps() -> None:
    steps = ScriptDirectory(str(Path(beamcat.database.migrations.__file__).parent))
    assert newest_version() == steps.get_current_head()
    assert known_versions() == {step.revision for step in steps.walk_revisions()}
