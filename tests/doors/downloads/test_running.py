"""A running server brings downloads forward and sends mails, whatever is killed meanwhile (G.8)."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import Beamcat, eventually
from tests.store.requests.mail_server import MailServer

PARTS = 20

CONFIG = """
[server]
public_url = "https://data.example.org"
[catalogue]
root_user_names = ["simple/root"]
[authenticator.simple]
kind = "simple"
users = {{ root = "pw" }}
[downloads.queue]
max_active = -1
max_part_files = 1
default_priority = 1
[downloads.mail]
enabled = true
host = "127.0.0.1"
port = {port}
body = "${{downloadUrl}}"
"""


@pytest.fixture
def mails() -> Iterator[tuple[MailServer, int]]:
    server = MailServer()
    port = server.start()
    yield server, port
    server.stop()


def make(server: Beamcat, session: str, entities: Any) -> list[int]:
    answer = server.http.post("/icat/entityManager", data={"sessionId": session, "entities": json.dumps(entities)})
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def filled(server: Beamcat, session: str) -> None:
    """A visit of `PARTS` datasets with a file each."""
    (facility,) = make(server, session, [{"Facility": {"name": "FAC"}}])
    kinds = [{kind: {"name": "t", "facility": {"id": facility}}} for kind in ("InvestigationType", "DatasetType")]
    investigation_type, dataset_type = make(server, session, kinds)
    about = {
        "name": "i",
        "visitId": "1-1",
        "title": "t",
        "facility": {"id": facility},
        "type": {"id": investigation_type},
    }
    (investigation,) = make(server, session, [{"Investigation": about}])
    within = {"investigation": {"id": investigation}, "type": {"id": dataset_type}}
    names = [f"ds{number}" for number in range(PARTS)]
    file = {"name": "f", "location": "1/f", "fileSize": 1}
    make(server, session, [{"Dataset": {"name": name, **within, "datafiles": [file]}} for name in names])


def test_everything_that_was_requested_is_complete_and_told_of_once(
    tmp_path: Path, mails: tuple[MailServer, int]
) -> None:
    mail_server, port = mails
    server = Beamcat(tmp_path / "home", "--port", "0", "--workers", "2", config=CONFIG.format(port=port))
    try:
        session = server.login("root", "pw")
        filled(server, session)
        asked = {"sessionId": session, "transport": "https", "visitId": "1-1", "email": "ann@example.org"}
        ids = server.http.post("/topcat/user/queue/visit", data=asked).json()
        assert len(ids) == PARTS
        for worker in eventually(lambda: len(server.workers()) == 2 and server.workers()):
            os.kill(worker, signal.SIGKILL)

        def downloads() -> list[dict[str, Any]]:
            try:
                answer = server.http.get("/topcat/user/downloads", params={"sessionId": session})
            except httpx.TransportError:  # one of those killed
                return []
            return list(answer.json()) if answer.status_code == 200 else []

        def done() -> bool:
            found = downloads()
            return bool(found) and all(each["status"] == "COMPLETE" and each["isEmailSent"] for each in found)

        eventually(done)
        found = downloads()
        assert [each["id"] for each in found] == ids
        wanted = {
            f"https://data.example.org/ids/getData?preparedId={each['preparedId']}&outname={each['fileName']}"
            for each in found
        }
        told = {mail["Message-ID"]: mail.get_content().strip() for mail in mail_server.mails}
        assert set(told.values()) == wanted
        assert len(told) == PARTS
    finally:
        server.stop()
