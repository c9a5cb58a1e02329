"""The sessions that the page on the SOAP interface shows run as they are, and print what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from beamcat.doors.icat_soap.signatures import SIGNATURES
from tests.conformance import node_client
from tests.conformance.conftest import PASSWORD, Running

PAGE = Path(__file__).parent.parent.parent / "docs" / "users" / "soap.md"
SESSION = re.compile(r"^### ([^\n]*)\n\n```(\w+)\n(.*?)```\n```text\n(.*?)```\n", re.S | re.M)
SHOWN = {name: (language, code, output) for name, language, code, output in SESSION.findall(PAGE.read_text())}
COMMANDS = {"python": [sys.executable, "-"], "js": ["node", "--input-type=module", "-"]}


def test_the_page_shows_a_session_of_each_client() -> None:
    assert list(SHOWN) == ["python-icat", "zeep", "npm soap"]


@pytest.mark.parametrize("name", SHOWN)
def test_a_session_runs_and_prints_what_the_page_says(name: str, running_server: Running, tmp_path: Path) -> None:
    language, code, output = SHOWN[name]
    if language == "js":
        node_client.install()
    done = subprocess.run(
        COMMANDS[language],
        input=code.replace("http://127.0.0.1:8080", running_server.url).replace('"beamcat"', f'"{PASSWORD}"'),
        cwd=node_client.FOLDER if language == "js" else tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},  # python-icat keeps descriptions among the temporary files
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == (output, 0), done.stderr


def test_the_page_names_every_operation() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    assert set(SIGNATURES) - named == set()
