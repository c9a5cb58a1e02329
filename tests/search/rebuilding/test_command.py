"""`beamcat reindex` and `beamcat search`, as an administrator sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from beamcat.cli import app
from beamcat.database.pool import Database
from beamcat.events.leading import lock_key
from beamcat.search.rebuilding import checking, record
from beamcat.search.rebuilding.following import FOLLOWER
from tests.search.rebuilding.facility import ENTITIES, fill

EVENT = """
INSERT INTO event (position, at, user_name, request_id, entity, operation, origin, ids) OVERRIDING SYSTEM VALUE
VALUES (%s, now(), 'x', '-', 'Facility', 'U', 'call', '{[1,1]}')
"""


@pytest.fixture
async def command(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    await fill(database, 600)
    monkeypatch.setenv("BEAMCAT_HOME", str(tmp_path))
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    monkeypatch.setenv("BEAMCAT_SEARCH__ENTITIES", json.dumps(ENTITIES))
    monkeypatch.setenv("COLUMNS", "160")
    return CliRunner()


def status(command: CliRunner) -> dict[str, object]:
    found: dict[str, object] = json.loads(command.invoke(app, ["search", "status", "--json"]).stdout)
    return found


def test_an_index_is_made_looked_at_compared_and_mended(command: CliRunner, database_url: str) -> None:
    outcome = command.invoke(app, ["search", "check"])
    assert outcome.exit_code == 1
    assert outcome.stderr == "beamcat: there is no index of Investigation to search yet\n"
    assert "there is no index yet" in command.invoke(app, ["search", "status"]).stdout

    outcome = command.invoke(app, ["reindex"])
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.startswith("1,100 documents made in ")
    told = command.invoke(app, ["search", "status"]).stdout
    assert ["Datafile", "600", "600"] in [line.split()[:3] for line in told.splitlines()]
    assert "Position: 0, 0 events behind the catalogue" in told
    assert status(command)["rebuild"] is None

    assert command.invoke(app, ["search", "check"]).exit_code == 0
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE dataset SET name = 'other' WHERE id = 5")
    outcome = command.invoke(app, ["search", "check"])
    assert (outcome.exit_code, outcome.stdout) == (1, "Dataset 5: different\n")
    assert outcome.stderr == "1 documents differ.\n"
    outcome = command.invoke(app, ["search", "check", "Dataset", "--json", "--mend"])
    assert (outcome.exit_code, outcome.stdout) == (1, '{"entity":"Dataset","id":5,"wrong":"different"}\n')
    assert outcome.stderr == "1 documents differ; they were written again.\n"
    assert command.invoke(app, ["search", "check"]).exit_code == 0


def test_an_index_of_a_later_state_is_told_of(command: CliRunner, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("SELECT setval(pg_get_serial_sequence('event', 'position'), 90)")
        conn.execute(EVENT, [90])
    assert command.invoke(app, ["reindex"]).exit_code == 0
    assert status(command)["is_of_later_state"] is False
    with psycopg.connect(database_url) as conn:  # as after an older backup was restored
        conn.execute("SELECT setval(pg_get_serial_sequence('event', 'position'), 60)")
        conn.execute("DELETE FROM event")
        conn.execute(EVENT, [60])
    assert status(command)["is_of_later_state"] is True
    told = command.invoke(app, ["search", "status"]).stdout
    assert "Position: 90, which the catalogue has not come to: an older state of it was restored" in told
    assert command.invoke(app, ["reindex"]).exit_code == 0
    assert (status(command)["is_of_later_state"], status(command)["position"]) == (False, 60)


def test_a_rebuild_that_was_killed_after_its_index_was_asked_is_done(command: CliRunner, database_url: str) -> None:
    assert command.invoke(app, ["reindex"]).exit_code == 0
    with psycopg.connect(database_url) as conn:
        conn.execute("INSERT INTO search_rebuild (entities, position) VALUES ('{Dataset}', 3)")
        conn.execute(
            "INSERT INTO event_reader (name, source, position, moved) VALUES ('search rebuild', 'event', 0, now())"
        )
    assert status(command)["rebuild"] is None
    with psycopg.connect(database_url) as conn:
        readers = conn.execute("SELECT count(*) FROM event_reader WHERE name = 'search rebuild'").fetchone()
        assert readers == (0,)
        conn.execute("INSERT INTO search_rebuild (entities, position) VALUES ('{Dataset}', 3)")
    assert command.invoke(app, ["reindex", "Datafile"]).exit_code == 0


def test_who_follows_slowly_is_told_of_the_way_to_wait(
    command: CliRunner, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "CATCHES_UP_WITHIN_S", 0.2)
    assert command.invoke(app, ["reindex"]).exit_code == 0
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE dataset SET name = 'other' WHERE id = 5")
        conn.execute(
            "INSERT INTO event (at, user_name, request_id, entity, operation, origin, ids)"
            " VALUES (now(), 'x', '-', 'Dataset', 'U', 'call', '{[5,5]}')"
        )
        conn.execute("SELECT pg_advisory_lock(%s, %s)", lock_key(FOLLOWER))
        conn.commit()
        told = command.invoke(app, ["search", "check", "Dataset"]).stderr
    assert "did not come to where the catalogue is within 60 s" in told
    assert "`beamcat search check --wait` waits for it" in told


def test_wrong_names_and_a_rebuild_under_way_are_clear_errors(
    command: CliRunner, database_url: str, tmp_path: Path
) -> None:
    outcome = command.invoke(app, ["reindex", "Mouse"])
    assert str(outcome.exception) == "Mouse is not indexed; there are Investigation, Dataset, Datafile"
    (tmp_path / "search" / "000001").mkdir(parents=True)
    (tmp_path / "search" / "000001" / "building").write_bytes(b"{}")
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO search_rebuild (entities, position, documents, total) VALUES ('{Dataset}', 3, 10, 90)"
        )
        conn.commit()
        told = command.invoke(app, ["search", "status"]).stdout
        assert "Rebuild of Dataset: interrupted after 10 of about 90 documents; `beamcat reindex` goes on" in told
        conn.execute("SELECT pg_advisory_lock(%s, %s)", record._REBUILDING)
        conn.execute("UPDATE search_rebuild SET rate = 40, left_s = 60")
        conn.commit()
        told = command.invoke(app, ["search", "status"]).stdout
        assert "Rebuild of Dataset: 10 of about 90 documents, 40 a second, until 20" in told
        outcome = command.invoke(app, ["reindex", "Dataset"])
        assert "the index is being rebuilt already" in str(outcome.exception)


def test_errors_are_one_line(tmp_path: Path, database_url: str) -> None:
    environment = {**os.environ, "BEAMCAT_DATABASE__URL": database_url, "BEAMCAT_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "beamcat", "reindex", "Dataset"]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    expected = "beamcat: there is no index yet, or it is of another version: all entities have to be rebuilt\n"
    assert (outcome.returncode, outcome.stderr) == (1, expected)
