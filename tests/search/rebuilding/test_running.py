"""A fresh server has search without a command; its index is rebuilt while it runs, and checked when it does not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.client import Session, sign_in
from tests.running import Beamcat, eventually

PASSWORD = "not a secret"
CONFIG = f"""
[catalogue]
root_user_names = ["simple/root"]

[authenticator.simple]
kind = "simple"
users = {{ root = "{PASSWORD}" }}

[database]
embedded_shared_buffers = "64MB"
"""


class Served:
    """A server, and commands beside it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.beamcat = Beamcat(home, "--port", "0", config=CONFIG, search=True)
        self.root: Session = sign_in(self.beamcat.http, "simple", username="root", password=PASSWORD)

    def command(self, *arguments: str, expected: int = 0) -> str:
        """What a command writes."""
        options = ["--config", str(self.home.with_suffix(".toml")), "--home", str(self.home)]
        command = [sys.executable, "-m", "beamcat", *arguments, *options]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        assert outcome.returncode == expected, outcome.stderr
        return outcome.stdout

    def found(self, text: str) -> list[int]:
        """The datasets that ICAT's search finds."""
        query = json.dumps({"target": "Dataset", "text": text})
        parameters = {"sessionId": self.root.id, "query": query, "maxCount": "10"}
        answer = self.beamcat.http.get("/icat/lucene/data", params=parameters)
        assert answer.status_code == 200, answer.text
        return sorted(hit["id"] for hit in answer.json())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "home")
    yield served
    if served.beamcat.process.poll() is None:
        served.beamcat.stop()


@pytest.mark.slow
def test_a_fresh_server_has_search_which_can_be_rebuilt_and_checked(served: Served) -> None:
    facility = served.root.create("Facility", name="LILS")
    usual: dict[str, Any] = {"name": "usual", "facility": {"id": facility}}
    kind, type_ = served.root.create("InvestigationType", **usual), served.root.create("DatasetType", **usual)
    members = {"name": "HC-1", "visitId": "1", "title": "Rust", "facility": {"id": facility}, "type": {"id": kind}}
    of = {"investigation": {"id": served.root.create("Investigation", **members)}, "type": {"id": type_}}
    first = served.root.create("Dataset", name="goldfoil", **of)
    eventually(lambda: served.found("goldfoil") == [first])

    served.command("reindex", "--processes", "2")
    second = served.root.create("Dataset", name="goldfoil again", **of)
    eventually(lambda: served.found("goldfoil") == [first, second])
    status = json.loads(served.command("search", "status", "--json"))
    assert status["is_followed"]
    assert status["rebuild"] is None
    assert {each["entity"]: each["documents"] for each in status["entities"]}["Dataset"] == 2

    answer = served.beamcat.http.post("/icat/lucene/db/Dataset", data={"sessionId": served.root.id, "delete": "true"})
    assert answer.status_code == 204, answer.text
    asked = {"sessionId": served.root.id}
    eventually(lambda: served.beamcat.http.get("/icat/lucene/db", params=asked).json() == [])
    assert served.beamcat.http.post("/icat/lucene/db", data=asked).status_code == 204
    assert served.found("goldfoil") == [first, second]

    served.beamcat.stop(signal.SIGKILL)
    assert served.command("search", "check") == ""
