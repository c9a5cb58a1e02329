"""`beamcat backup` and `beamcat restore`, as an administrator types them, and killed on their way."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from beamcat.database.backup.manifest import Damaged
from beamcat.database.backup.verifying import verify
from beamcat.database.schema import RestoreUnfinished, assert_current, initialise, newest_version
from tests.command import Command, one_line
from tests.conftest import TestServer
from tests.database.facility import quietly, rows_of
from tests.running import eventually
from tests.test_cli import beamcat  # noqa: F401 - a fixture

ROWS = 80_000
"""Rules that keep a backup and a restore busy for long enough to be killed."""


@pytest.fixture
def empty_url(server: TestServer) -> Iterator[str]:
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def full_url(database_url: str) -> str:
    with psycopg.connect(database_url) as conn:
        conn.execute(
            """INSERT INTO rule (create_id, create_time, mod_id, mod_time, what, crud_flags, c, r, u, d)
               SELECT 'a', now(), 'a', now(), 'SELECT i FROM Investigation i WHERE i.id = ' || n, 'R', false, true,
                      false, false
                 FROM generate_series(1, %s) n""",
            (ROWS,),
        )
    return database_url


def started(home: Path, url: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A `beamcat` of its own, on a database."""
    environment = {"BEAMCAT_DATABASE__URL": url, "BEAMCAT_HOME": str(home), "PATH": "/usr/bin"}
    return subprocess.Popen([sys.executable, "-m", "beamcat", *arguments], env=environment, stdout=subprocess.DEVNULL)


def test_a_home_is_backed_up_checked_and_restored_elsewhere(
    beamcat: Command,  # noqa: F811
    tmp_path: Path,
) -> None:
    """All by the embedded PostgreSQL, which starts for it."""
    home, other, file = tmp_path / "home", tmp_path / "other", tmp_path / "nightly"
    settings = tmp_path / "beamcat.toml"
    settings.write_text("[database]\ndatafile_partition_rows = 100\n")
    config = ("--config", str(settings))
    assert "holds no catalogue" in one_line(beamcat("backup", str(file), *config))
    assert not home.exists()
    assert beamcat("init", *config).status == 0
    (home / "data").mkdir()
    (home / "data" / "scan").write_text("bytes")
    done = beamcat("backup", str(file), *config)
    assert (done.status, done.err) == (0, "")
    assert f"3 entries of the home, {file.stat().st_size:,} bytes, written to {file}" in done.out
    assert f"(schema {newest_version()}, PostgreSQL 18" in beamcat("backup", "--verify", str(file)).out
    done = beamcat("restore", str(file), "--home", str(other))
    assert (done.status, done.err) == (0, ""), done.err
    assert "Set database.datafile_partition_rows = 100" in done.out
    assert "tar --extract" in done.out
    assert (other / "data" / "scan").read_text() == "bytes"
    assert beamcat("migrate", "--home", str(other)).out == f"The schema is {newest_version()} already.\n"
    again = beamcat("restore", str(file), "--home", str(other))
    assert f"the database and {other} is not empty" in one_line(again)


def test_nothing_is_replaced_unless_somebody_says_so(
    beamcat: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    file = str(tmp_path / "b")
    assert beamcat("backup", file).status == 0
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO facility (create_id, create_time, mod_id, mod_time, name)"
            " VALUES ('a', now(), 'a', now(), 'later')"
        )
    assert "replace what is there with --replace" in one_line(beamcat("restore", file))
    assert "say so with --yes" in one_line(beamcat("restore", file, "--replace"))
    with psycopg.connect(database_url, application_name="beamcat") as conn:
        assert conn.execute("SELECT name FROM facility").fetchall() == [("later",)]
        assert "stop it first" in one_line(beamcat("restore", file, "--replace", "--yes"))
    done = beamcat("restore", file, "--replace", "--yes")
    assert done.status == 0, done.err
    assert rows_of(database_url)["facility"] == []


def test_a_broken_backup_is_refused_before_the_home_is_made(
    beamcat: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    file = tmp_path / "b"
    assert beamcat("backup", str(file)).status == 0
    file.write_bytes(file.read_bytes()[:-3000])
    assert "is not a whole backup" in one_line(beamcat("backup", "--verify", str(file)))
    assert "is not a whole backup" in one_line(beamcat("restore", str(file), "--replace", "--yes"))
    assert "nowhere" in one_line(beamcat("restore", str(tmp_path / "nowhere")))
    assert not (tmp_path / "home").exists()


def test_a_backup_that_is_killed_leaves_nothing_that_looks_finished(full_url: str, tmp_path: Path) -> None:
    file, partial = tmp_path / "b", tmp_path / "b.partial"
    process = started(tmp_path, full_url, "backup", str(file))
    eventually(lambda: partial.exists() and partial.stat().st_size > 0)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not file.exists()
    with pytest.raises(Damaged):
        verify(partial, quietly)
    assert started(tmp_path, full_url, "backup", str(file)).wait() == 0
    assert verify(file, quietly).rows > ROWS
    assert not partial.exists()


def test_a_restore_that_is_killed_is_not_served_and_can_be_run_again(
    beamcat: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    full_url: str,
    empty_url: str,
    tmp_path: Path,
) -> None:
    file, home = tmp_path / "b", tmp_path / "home"
    assert started(tmp_path, full_url, "backup", str(file)).wait() == 0
    process = started(home, empty_url, "restore", str(file))
    with psycopg.connect(empty_url, autocommit=True) as conn:
        copying = (
            "SELECT count(*) FROM pg_stat_progress_copy WHERE tuples_processed > 1000 AND datname = current_database()"
        )
        eventually(lambda: conn.execute(copying).fetchone() == (1,))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        eventually(lambda: conn.execute(copying).fetchone() == (0,))
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", empty_url)
    assert "run `beamcat restore` again" in one_line(beamcat("serve", "--port", "0"))
    for refused in (assert_current, lambda url: initialise(url, None)):
        with pytest.raises(RestoreUnfinished):
            refused(empty_url)
    done = beamcat("restore", str(file))
    assert done.status == 0, done.err
    assert rows_of(empty_url) == rows_of(full_url)
    assert_current(empty_url)
    assert [path.name for path in home.iterdir() if path.name != "run"] == ["serve.lock"]


@pytest.mark.parametrize("step", ["_put_in_place", "_entries"])
def test_an_end_after_the_tables_are_there_is_made_good_by_another_run(
    beamcat: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    empty_url: str,
    tmp_path: Path,
    step: str,
) -> None:
    """The disk refuses the last steps, when the tables are there and the files are not, or not all."""
    home, file = tmp_path / "home", tmp_path / "b"
    (home / "data").mkdir(parents=True)
    (home / "data" / "scan").write_text("bytes")
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    assert beamcat("backup", str(file)).status == 0
    (home / "data" / "scan").write_text("others")
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", empty_url)

    def refuse(*arguments: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(f"beamcat.database.backup.restoring.{step}", refuse)
        assert "No space left" in one_line(beamcat("restore", str(file), "--replace", "--yes"))
    if step == "_put_in_place":
        assert "run `beamcat restore` again" in one_line(beamcat("serve", "--port", "0"))
    done = beamcat("restore", str(file), "--replace", "--yes")
    assert done.status == 0, done.err
    assert (home / "data" / "scan").read_text() == "bytes"
    assert rows_of(empty_url) == rows_of(database_url)
