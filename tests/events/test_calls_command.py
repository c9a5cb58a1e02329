"""`beamcat calls`: the log of calls on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from beamcat.cli import app
from beamcat.cli.calls import moment

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FILL = """
INSERT INTO call (started, duration_ms, door, operation, outcome, user_name, request_id, entity, object_id, query)
SELECT now() - n * interval '1 hour', 10 * n, 'icat_rest', CASE WHEN n % 2 = 0 THEN 'search' ELSE 'login' END,
       CASE WHEN n % 3 = 0 THEN 'FORBIDDEN' ELSE 'ok' END, 'db/ann', 'r' || n, 'Dataset', n, '[bold]q' || n
  FROM generate_series(1, 48) n
"""


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    monkeypatch.setenv("COLUMNS", "160")
    with psycopg.connect(database_url) as conn:
        conn.execute(FILL)
    return CliRunner()


def lines(command: CliRunner, *arguments: str) -> list[dict[str, object]]:
    outcome = command.invoke(app, ["calls", *arguments, "--json"])
    assert outcome.exit_code == 0, outcome.output
    return [json.loads(line) for line in outcome.stdout.splitlines()]


def test_calls_are_listed_newest_first_as_table_or_as_json(command: CliRunner) -> None:
    table = command.invoke(app, ["calls", "list", "--limit", "2"]).stdout
    assert [line.split()[-1] for line in table.splitlines()] == ["about", "[bold]q1", "[bold]q2"]
    first, second = lines(command, "list", "--limit", "2")
    assert (first["request_id"], second["request_id"]) == ("r1", "r2")
    assert (second["operation"], second["duration_ms"], second["id"]) == ("search", 20.0, 2)
    following = lines(command, "list", "--limit", "1", "--before", str(second["position"]))
    assert [line["request_id"] for line in following] == ["r3"]


def test_calls_are_asked_for_by_what_is_known_of_them(command: CliRunner) -> None:
    options = ["--operation", "search", "--outcome", "failed", "--since", "1d", "--slower-than", "100"]
    assert [line["request_id"] for line in lines(command, "list", *options)] == ["r12", "r18"]
    assert [line["id"] for line in lines(command, "list", "--entity", "Dataset", "--id", "40")] == [40]
    assert lines(command, "list", "--user", "db/bob") == []


def test_the_busiest_are_shown(command: CliRunner) -> None:
    found = lines(command, "top", "--by", "operation", "--since", "100h")
    assert [(line["name"], line["calls"], line["total_ms"]) for line in found] == [
        ("search", 24, 6000.0),
        ("login", 24, 5760.0),
    ]
    assert "db/ann" in command.invoke(app, ["calls", "top"]).stdout


def test_old_calls_are_removed(command: CliRunner) -> None:
    done = command.invoke(app, ["calls", "prune", "--before", "30h"])
    assert done.stdout == "19 calls removed.\n"
    assert len(lines(command, "list")) == 29
    assert command.invoke(app, ["calls", "prune"]).exit_code == 2
    assert command.invoke(app, ["calls", "prune", "--before", "soon"]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("1d", NOW - timedelta(days=1)),
        ("4w", NOW - timedelta(weeks=4)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:30+01:00", datetime(2026, 1, 31, 7, 30, tzinfo=UTC)),
    ],
)
def test_moments_are_ages_or_dates(text: str, meant: datetime) -> None:
    assert moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "soon", "1y", "2026-13-01"])
def test_other_moments_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="neither an age"):
        moment(text, NOW)
