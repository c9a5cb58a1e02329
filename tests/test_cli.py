"""The `beamcat` command: what it prints, and what it says when something is wrong."""

from __future__ import annotations

import io
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beamcat import __version__
from beamcat.cli import main


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


class Command:
    """Runs `beamcat` in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, typed: str = "") -> Outcome:
        self._monkeypatch.setattr(sys, "argv", ["beamcat", *arguments])
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        self._capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        out, err = self._capsys.readouterr()
        return Outcome(status, out, err)


@pytest.fixture
def beamcat(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.setenv("BEAMCAT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "120")
    return Command(monkeypatch, capsys)


@pytest.fixture
def server_url_of_an_empty_database(server: Any) -> Iterator[str]:
    name = server.create()
    yield server.url(name)
    server.drop(name)


def one_line(outcome: Outcome) -> str:
    assert outcome.status == 1
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("beamcat: ")
    return outcome.err


def test_it_says_its_version(beamcat: Command) -> None:
    assert beamcat("version") == Outcome(0, f"Beamcat {__version__} (ICAT 6.2.0)\n", "")


@pytest.mark.parametrize(
    "command", ["serve", "demo", "init", "migrate", "account add", "account set-password", "account remove",
                "account list", "settings show", "import", "export"]
)  # fmt: skip
def test_every_command_teaches_by_example(beamcat: Command, command: str) -> None:
    outcome = beamcat(*command.split(), "--help")
    assert outcome.status == 0
    assert f"beamcat {command}" in outcome.out.replace("Usage: beamcat", "")


@pytest.mark.parametrize(
    "arguments", [["serv"], ["serve", "--prot", "1"], ["account", "add"], ["serve", "--port", "x"]]
)
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
    assert "the database is away" in one_line(beamcat("account", "list"))
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", server_url_of_an_empty_database)
    for command in (["account", "list"], ["migrate"]):
        assert "beamcat init" in one_line(beamcat(*command))
    assert beamcat("init").out == "The catalogue is ready (schema 0001).\n"
    assert beamcat("init").status == 0
    assert beamcat("migrate").out == "The schema is 0001 already.\n"
    assert beamcat("account", "list").status == 0


def test_accounts_are_made_changed_listed_and_removed(
    beamcat: Command, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    assert beamcat("account", "add", "ann", typed="first\n") == Outcome(0, "ann can sign in now.\n", "")
    assert "there is an account ann already" in one_line(beamcat("account", "add", "ann", typed="first\n"))
    assert "characters" in one_line(beamcat("account", "add", "bob", typed="\n"))
    listed = beamcat("account", "list").out
    assert "ann" in listed
    assert "bob" not in listed
    assert beamcat("account", "set-password", "ann", typed="second\n").out == "ann has a new password.\n"
    assert "there is no account bob" in one_line(beamcat("account", "set-password", "bob", typed="x\n"))
    assert beamcat("account", "remove", "ann").out == "ann is removed.\n"
    assert "there is no account ann" in one_line(beamcat("account", "remove", "ann"))


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
