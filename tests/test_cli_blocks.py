"""`beamcat block`: who is kept out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Command, one_line


@pytest.fixture
def beamcat(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, database_url: str
) -> Command:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    return Command(monkeypatch, capsys, tmp_path)


def test_who_is_blocked_is_listed_until_that_is_taken_back(beamcat: Command) -> None:
    added = beamcat("block", "add", "--network", "192.0.2.7/24", "--reason", "fetches [everything] twice")
    assert (added.status, added.out) == (0, "The network 192.0.2.0/24 is blocked.\n")
    added = beamcat("block", "add", "--user", "db/ann", "--reason", "asked for it", "--days", "2")
    assert added.out.startswith("The user db/ann is blocked until ")
    shown = beamcat("block", "list").out
    assert "192.0.2.0/24" in shown
    assert "fetches [everything] twice" in shown
    listed = [json.loads(line) for line in beamcat("block", "list", "--json").out.splitlines()]
    assert [(line["kind"], line["subject"], line["expires"] is None) for line in listed] == [
        ("network", "192.0.2.0/24", True),
        ("user", "db/ann", False),
    ]
    assert beamcat("block", "remove", "--network", "192.0.2.0/24").out == (
        "The network 192.0.2.0/24 is blocked no longer.\n"
    )
    assert len(beamcat("block", "list", "--json").out.splitlines()) == 1


def test_what_cannot_be_blocked_is_said(beamcat: Command) -> None:
    assert "no address" not in one_line(beamcat("block", "remove", "--user", "db/ann"))
    assert "not an address or a network" in one_line(beamcat("block", "add", "--network", "x", "--reason", "y"))
    assert beamcat("block", "add", "--reason", "y").status == 2
    assert beamcat("block", "add", "--user", "a", "--network", "192.0.2.1", "--reason", "y").status == 2
