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
from beamcat.search.rebuilding import record
from tests.search.rebuilding.facility import ENTITIES, fill


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


def test_wrong_names_and_a_rebuild_under_way_are_clear_errors(command: CliRunner, database_url: str) -> None:
    outcome = command.invoke(app, ["reindex", "Mouse"])
    assert str(outcome.exception) == "Mouse is not indexed; there are Investigation, Dataset, Datafile"
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
