"""The `beamcat` command, run in the process of a test."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from beamcat.cli import main


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


class Command:
    """Runs `beamcat`, with a home of its own below `folder`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("BEAMCAT_HOME", str(folder / "home"))
        monkeypatch.setenv("COLUMNS", "120")

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


def one_line(outcome: Outcome) -> str:
    """The error of a command that says what is wrong in one line."""
    assert outcome.status == 1
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("beamcat: ")
    return outcome.err
