"""The `beamcat` command: what it prints, and what it says when something is wrong."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from beamcat import __version__
from beamcat.database.schema import newest_version
from tests.command import Command, Outcome, one_line


@pytest.fixture
def beamcat(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    return Command(monkeypatch, capsys, tmp_path)


@pytest.fixture
def server_url_of_an_empty_database(server: Any) -> Iterator[str]:
    name = server.create()
    yield server.url(name)
    server.drop(name)


def test_it_says_its_version(beamcat: Command) -> None:
    assert beamcat("version") == Outcome(0, f"Beamcat {__version__} (ICAT 6.2.0)\n", "")


@pytest.mark.parametrize(
    "command", ["serve", "demo", "init", "migrate", "user add", "user passwd", "user remove", "user list",
                "rule list", "rule explain", "sessions list", "sessions end",
                "token add", "token list", "token revoke", "settings show", "import", "export", "backup", "restore",
                "check", "get", "events list", "events prune", "events readers", "events forget",
                "deliveries list", "deliveries report", "calls list", "calls top", "calls prune"]
)  # fmt: skip
def test_every_command_teaches_by_example(beamcat: Command, command: str) -> None:
    outcome = beamcat(*command.split(), "--help")
    assert outcome.status == 0
    assert f"beamcat {command}" in outcome.out.replace("Usage: beamcat", "")


@pytest.mark.parametrize("arguments", [["serv"], ["serve", "--prot", "1"], ["user", "add"], ["serve", "--port", "x"]])
def test_a_wrong_command_line_is_2(beamcat: Command, arguments: list[str]) -> None:
    assert beamcat(*arguments).status == 2


def test_settings_are_shown_as_a_file_that_can_be_read_without_their_secrets(
    beamcat: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "beamcat.toml"
    file.write_text(
        '[database]\nurl = "postgresql://u:hush@h/d"\n[server]\nport = 9000\n'
        '[authenticator.simple]\nkind = "simple"\nusers = { root = "hush" }\n'
    )
    monkeypatch.setenv("BEAMCAT_SERVER__WORKERS", "3")
    shown = beamcat("settings", "show", "--config", str(file))
    assert shown.status == 0
    assert "hush" not in shown.out
    read = tomllib.loads(shown.out)
    assert (read["server"]["port"], read["server"]["workers"]) == (9000, 3)
    assert set(read["database"]["url"]) == {"*"}
    assert read["home"] == str(tmp_path / "home")
    assert list(read["authenticator"]) == ["simple"]
    assert "# public_url =" in shown.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nport = 99999\n", "server.port"),
        ("[server]\nprot = 1\n", "server.prot"),
        ("[server\n", "beamcat.toml"),
    ],
)
def test_wrong_settings_are_named_in_one_line(beamcat: Command, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "beamcat.toml"
    file.write_text(text)
    assert words in one_line(beamcat("settings", "show", "--config", str(file)))


def test_a_settings_file_that_is_not_there(beamcat: Command, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere.toml")
    assert f"no settings file at {missing}" in one_line(beamcat("serve", "--config", missing))


def test_a_database_that_is_away_or_empty(
    beamcat: Command, monkeypatch: pytest.MonkeyPatch, server_url_of_an_empty_database: str
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert "the database is away" in one_line(beamcat("user", "list"))
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", server_url_of_an_empty_database)
    for command in (["user", "list"], ["migrate"]):
        assert "beamcat init" in one_line(beamcat(*command))
    assert beamcat("init").out == f"The catalogue is ready (schema {newest_version()}).\n"
    assert beamcat("init").status == 0
    assert beamcat("migrate").out == f"The schema is {newest_version()} already.\n"
    assert beamcat("user", "list").status == 0


def test_tokens_are_made_shown_once_listed_and_revoked(
    beamcat: Command, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    monkeypatch.setenv("BEAMCAT_CATALOGUE__ROOT_USER_NAMES", '["simple/root"]')
    wanted = ("token", "add", "db/ann", "--name", "note [red]book", "--scope", "write", "--scope", "read")
    made = beamcat(*wanted, "--expires", "90d")
    assert made.status == 0, made.err
    assert re.fullmatch(r"beamcat_[A-Za-z0-9_-]{43}\n", made.out)
    assert "Whoever holds this token is db/ann (read, write), until 2" in made.err
    assert "There is no User db/ann in the catalogue" in made.err
    assert "db/ann has a token named note [red]book already" in one_line(beamcat(*wanted, "--expires", "90d"))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    root = ("token", "add", "simple/root", "--name", "backup", "--scope", "read")
    err = beamcat(*root, "--expires", f"{tomorrow}").err
    assert f"until {tomorrow + timedelta(days=1)} 00:00 UTC" in err
    assert "no User" not in err
    listed = beamcat("token", "list").out
    assert "note [red]book" in listed
    assert "read, write" in listed
    assert "never" in listed
    assert made.out.strip() not in listed
    assert "backup" not in beamcat("token", "list", "--user", "db/ann").out
    (record,) = map(json.loads, beamcat("token", "list", "--user", "db/ann", "--json").out.splitlines())
    assert (record["name"], record["scopes"], record["expired"], record["used"]) == (
        "note [red]book", ["read", "write"], False, None
    )  # fmt: skip
    assert beamcat("token", "revoke", "db/ann", "note [red]book").status == 0
    assert "db/ann has no token named" in one_line(beamcat("token", "revoke", "db/ann", "note [red]book"))
    assert "note" not in beamcat("token", "list").out


def test_a_wrong_expiry_of_a_token_is_explained(
    beamcat: Command, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    wanted = ("token", "add", "db/ann", "--name", "n", "--scope", "read")
    for text in ("soon", "2027-02-30", "90", "-1d", "99999999d", "9999-12-31"):
        assert "give a day such as 2027-06-30 or days such as 90d" in one_line(beamcat(*wanted, f"--expires={text}"))
    for text in ("367d", "9998-12-31"):
        assert "at most 366 days ahead" in one_line(beamcat(*wanted, "--expires", text))
    assert "at most 366 days ahead" in one_line(beamcat(*wanted))
    assert "lies in the future" in one_line(beamcat(*wanted, "--expires", "2020-01-01"))
    assert beamcat(*wanted[:-2], "--expires", "1d").status == 2
    assert beamcat(*wanted[:-1], "all", "--expires", "1d").status == 2
    monkeypatch.setenv("BEAMCAT_TOKENS__LONGEST_DAYS", "0")
    made = beamcat(*wanted)
    assert "until it is revoked" in made.err
    assert "never" in beamcat("token", "list").out


def test_a_catalogue_is_written_to_a_file_and_read_from_it(
    beamcat: Command, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    by_hand, written = tmp_path / "by-hand.icat", tmp_path / "written.icat"
    by_hand.write_text('1.0\n\nFacility(name:0,createId:1)\n"one","db/ann"\n"two","db/ann"\n')
    done = beamcat("import", str(by_hand), "--attributes", "all")
    assert done.out == "2 rows: 2 objects created, 0 overwritten.\n", done.err
    assert "Facility exists with name = 'one' at line 4" in one_line(beamcat("import", str(by_hand)))
    assert beamcat("import", str(by_hand), "--duplicate", "ignore").status == 0
    assert beamcat("export", str(written), "--user", "db/admin").out == f"2 objects written to {written}.\n"
    text = written.read_text()
    assert text.startswith("# ICAT Export file written by db/admin\n1.0\n")
    assert '"db/ann"' in text
    assert list(tmp_path.glob("*.unfinished")) == []
    assert beamcat("import", str(written), "--duplicate", "check", "--attributes", "all").status == 0
    assert "nowhere" in one_line(beamcat("import", str(tmp_path / "nowhere.icat")))


def test_the_audit_trail_is_listed_pruned_and_its_readers_are_told(
    beamcat: Command, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    dump = tmp_path / "dump.icat"
    dump.write_text('1.0\n\nFacility(name:0)\n"one"\n"two"\n')
    assert beamcat("import", str(dump), "--user", "db/ann").status == 0
    with psycopg.connect(database_url) as conn:
        conn.execute("INSERT INTO event_reader (name, source, position, moved) VALUES ('slow', 'event', 0, now())")
    (event,) = map(json.loads, beamcat("events", "list", "--json").out.splitlines())
    assert [event[key] for key in ("user", "entity", "operation", "origin")] == ["db/ann", "Facility", "C", "import"]
    ((first, last),) = event["ids"]
    listed = beamcat("events", "list", "--entity", "Facility", "--id", str(last), "--user", "db/ann").out
    assert f"{first}-{last}" in listed
    assert "created" in listed
    assert "created" not in beamcat("events", "list", "--until", "2020-01-01").out
    assert "there is no entity Facilty" in one_line(beamcat("events", "list", "--entity", "Facilty"))
    assert "yesterday is neither" in one_line(beamcat("events", "list", "--since", "yesterday"))
    reader = beamcat("events", "readers").out.splitlines()[1].split()
    assert (reader[:2], reader[3]) == (["slow", "events"], "1")
    assert beamcat("events", "prune", "--before", "2999-01-01").out == "0 events removed.\n"
    assert beamcat("events", "forget", "slow").out == "slow is forgotten.\n"
    assert "there is no reader slow" in one_line(beamcat("events", "forget", "slow"))
    assert beamcat("events", "prune", "--before", "2999-01-01").out == "1 events removed.\n"
