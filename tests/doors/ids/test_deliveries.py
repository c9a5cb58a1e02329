"""What has reached whom, with a real server of two workers and clients that stop at any byte (E.4, rows 135 to 137)."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from beamcat.store.deliveries.counting import BELIEVED_AFTER_S, IN_DOUBT, head_length
from tests.doors.ids.conftest import UNKNOWN, put
from tests.doors.ids.test_door import Z1
from tests.running import Beamcat, eventually

SETTINGS = """
[authenticator.simple]
kind = "simple"
users = {{ root = "pw", ann = "pw" }}

[catalogue]
root_user_names = ["simple/root"]

[store.main]
kind = "posix"
path = "{path}"

[ids]
confirm_bytes = 1000
catalogue_checksums_are_crc32 = true
trust_catalogue_checksums = true
"""
LARGE = 64_000_000
VICTIM = 100_000
HUGE = 10**12
"""Bytes of a file that has no blocks on the disk."""
SMALL = 183
"""Bytes of the ZIP file of `df1` alone."""


@dataclass
class Facility:
    """A server of two workers, with a small file and a large one in its storage."""

    beamcat: Beamcat
    session: str
    ids: dict[str, int]
    large: bytes
    base: Path

    def bytes_read(self) -> int:
        """What the workers have read so far, from files and from others."""
        counted = [Path(f"/proc/{worker}/io").read_text().split() for worker in self.beamcat.workers()]
        return sum(int(words[words.index("rchar:") + 1]) for words in counted)

    def prepare(self, *names: str, zip_: bool = False) -> str:
        files = ",".join(str(self.ids[name]) for name in names)
        form = {"sessionId": self.session, "datafileIds": files, "zip": str(zip_).lower()}
        answer = self.beamcat.http.post("/ids/prepareData", data=form)
        assert answer.status_code == 200, answer.text
        return answer.text

    def status(self, prepared: str) -> dict[str, Any]:
        answer = self.beamcat.http.get("/ids/getDeliveryStatus", params={"preparedId": prepared})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def once(self, prepared: str, **members: Any) -> dict[str, Any]:
        """The status when it says so."""

        def look() -> dict[str, Any] | None:
            status = self.status(prepared)
            return status if members.items() <= status.items() else None

        return dict(eventually(look))

    def url(self, prepared: str) -> str:
        return f"{self.beamcat.url}/ids/getData?preparedId={prepared}"

    def fetch(self, prepared: str, *ranges: str) -> list[bytes]:
        """Each range by a connection of its own."""

        def one(wanted: str) -> bytes:
            return subprocess.run(
                ["curl", "-sSf", *(["-r", wanted] if wanted else []), self.url(prepared)],
                check=True,
                capture_output=True,
            ).stdout

        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(one, ranges))

    def connection(self) -> socket.socket:
        where = urlsplit(self.beamcat.url)
        return socket.create_connection((where.hostname, where.port))

    def stop_reading(self, prepared: str, after: int, *, first: int = 0, patience_s: float = 0) -> int:
        """Take so many bytes of the body and go; how many there were."""
        with self.connection() as sock:
            wanted = f"Range: bytes={first}-\r\n" if first else ""
            head = f"GET /ids/getData?preparedId={prepared} HTTP/1.1\r\nHost: x\r\n{wanted}\r\n"
            sock.sendall(head.encode())
            got = b""
            while b"\r\n\r\n" not in got:
                got += sock.recv(1)
            read = 0
            while read < after and (piece := sock.recv(min(1 << 16, after - read))):
                read += len(piece)
            time.sleep(patience_s)
        return read

    def broken(self, prepared: str) -> int:
        """How many responses the server has seen to end early."""
        return sum(each["broken"] for each in self.deliveries() if each["preparedId"] == prepared)

    def deliveries(self, **parameters: str) -> list[dict[str, Any]]:
        answer = self.beamcat.http.get("/ids/getDeliveries", params={"sessionId": self.session, **parameters})
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def confirm(self, prepared: str, digest: str) -> int:
        form = {"preparedId": prepared, "digest": digest}
        answer = self.beamcat.http.post("/ids/confirmDelivery", data=form)
        assert (answer.status_code, answer.content) == (204, b"") or "code" in answer.json()
        return answer.status_code


@pytest.fixture(scope="module")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    path = tmp_path_factory.mktemp("deliveries")
    base = path / "main"
    base.mkdir()
    running = Beamcat(path / "home", "--port", "0", "--workers", "2", config=SETTINGS.format(path=base))
    try:
        yield _filled(running, base)
    finally:
        assert running.stop() == 0


def _filled(running: Beamcat, base: Path) -> Facility:
    session = running.login("root", "pw")

    def make(entity: str, **members: Any) -> dict[str, int]:
        form = {"sessionId": session, "entities": json.dumps({entity: members})}
        answer = running.http.post("/icat/entityManager", data=form)
        assert answer.status_code == 200, answer.text
        return {"id": int(answer.json()[0])}

    facility = make("Facility", name="FAC")
    kind = make("InvestigationType", name="t", facility=facility)
    dataset_type = make("DatasetType", name="t", facility=facility)
    investigation = make("Investigation", name="inv", visitId="1-1", title="t", facility=facility, type=kind)
    dataset = make("Dataset", name="ds", investigation=investigation, type=dataset_type)
    large = random.Random(1).randbytes(LARGE)
    moved = {"datafileModTime": "2010-10-09T05:00:00Z", "dataset": dataset}
    ids = {
        "inv": investigation["id"],
        "df1": make("Datafile", name="a/df1.nxs", **moved, **put(base, "1/2/a", b"hello world"))["id"],
        "large": make("Datafile", name="large", **moved, **put(base, "1/2/b", large))["id"],
        "victim": make("Datafile", name="victim", **moved, **put(base, "1/2/victim", large[:VICTIM]))["id"],
        "second victim": make("Datafile", name="v2", **moved, **put(base, "1/2/second victim", large))["id"],
    }
    with (base / "1/2/huge").open("wb") as huge:
        huge.truncate(HUGE)
    ids["huge"] = make("Datafile", name="huge", location="1/2/huge", fileSize=HUGE, dataset=dataset)["id"]
    return Facility(running, session, ids, large, base)


def test_ranges_of_several_connections_make_one_delivery(facility: Facility) -> None:
    prepared = facility.prepare("df1", zip_=True)
    eventually(lambda: facility.status(prepared)["size"])  # known when the files have been looked at
    assert facility.status(prepared) == {
        "preparedId": prepared, "etag": None, "size": SMALL, "delivered": 0, "complete": False, "ranges": [],
        "missing": [[0, SMALL]], "filesComplete": 0, "filesTotal": 1, "requests": 0, "firstByteAt": None,
        "lastByteAt": None, "sizeMismatch": [], "confirmed": False,
    }  # fmt: skip
    facility.fetch(prepared, "0-49")
    assert facility.once(prepared, delivered=50)["filesComplete"] == 0
    facility.fetch(prepared, "0-99")
    status = facility.once(prepared, delivered=100)
    assert (status["size"], status["complete"], status["filesComplete"]) == (SMALL, False, 1)
    assert (status["ranges"], status["missing"]) == ([[0, 100]], [[100, SMALL]])
    facility.fetch(prepared, "50-182")
    status = facility.once(prepared, complete=True)
    assert (status["delivered"], status["ranges"], status["missing"]) == (SMALL, [[0, SMALL]], [])
    assert (status["filesComplete"], status["requests"]) == (1, 3)
    assert status["firstByteAt"] <= status["lastByteAt"]
    assert status["etag"].startswith('"z1-')


def test_a_client_that_dies_in_the_middle_and_comes_back_gets_all_of_it(facility: Facility, tmp_path: Path) -> None:
    prepared, file = facility.prepare("large"), tmp_path / "large"
    command = ["curl", "-sS", "--limit-rate", "50M", "-o", str(file), facility.url(prepared)]
    curl = subprocess.Popen(command)
    eventually(lambda: file.exists() and file.stat().st_size > 45_000_000)
    curl.send_signal(signal.SIGKILL)
    curl.wait()
    received = file.stat().st_size
    assert received < LARGE
    eventually(lambda: facility.broken(prepared))
    status = facility.status(prepared)
    assert not status["complete"]
    assert received - 1.3 * IN_DOUBT < status["delivered"] <= received
    assert status["missing"][-1][1] == LARGE
    subprocess.run(["curl", "-sS", "-C", "-", "-o", str(file), facility.url(prepared)], check=True)
    assert file.read_bytes() == facility.large
    status = facility.once(prepared, complete=True)
    assert (status["delivered"], status["requests"], status["missing"]) == (LARGE, 2, [])


@pytest.mark.parametrize(("name", "size"), [("df1", SMALL), ("large", LARGE)])
def test_it_is_never_complete_when_a_byte_is_missing(facility: Facility, name: str, size: int) -> None:
    chance = random.Random(size)
    stops = [0, 1, 120, size - 1, *(chance.randrange(size) for _ in range(10))]
    stops += [size - chance.randrange(1, min(size, 200_000)) for _ in range(6)]

    def one(stop: int) -> tuple[str, int]:
        prepared = facility.prepare(name, zip_=name == "df1")
        return prepared, facility.stop_reading(prepared, stop, patience_s=chance.choice([0, 0.3]))

    with ThreadPoolExecutor(4) as threads:
        tried = list(threads.map(one, stops))
    for prepared, received in tried:
        assert received < size
        eventually(lambda prepared=prepared: facility.broken(prepared))
        status = facility.status(prepared)
        assert not status["complete"]
        assert status["delivered"] <= received, (status, received)
        assert status["missing"][-1][1] == size


def test_what_was_taken_in_pieces_by_clients_that_break_off_is_complete_at_the_end(facility: Facility) -> None:
    prepared, have, chance = facility.prepare("large"), 0, random.Random(3)
    while have < LARGE:
        assert not facility.status(prepared)["complete"]
        seen = facility.broken(prepared)
        wanted = min(LARGE - have, chance.randrange(10_000_000, 25_000_000))
        have += facility.stop_reading(prepared, wanted, first=have)
        if have < LARGE:
            eventually(lambda seen=seen: facility.broken(prepared) > seen)
            assert facility.status(prepared)["delivered"] <= have
    status = facility.once(prepared, complete=True)
    assert status["ranges"] == [[0, LARGE]]


def test_a_client_that_leaves_the_connection_open_is_believed_by_its_next_request(facility: Facility) -> None:
    prepared = facility.prepare("df1")
    assert facility.beamcat.http.get("/ids/getData", params={"preparedId": prepared}).content == b"hello world"
    began = time.monotonic()
    facility.once(prepared, complete=True, filesComplete=1)
    assert time.monotonic() - began < BELIEVED_AFTER_S


def test_the_kernel_is_asked_for_what_the_server_sends_in_full(facility: Facility) -> None:
    """The length of the head of a response is known to the byte: a server that writes other heads breaks this."""
    with facility.connection() as sock:
        sock.sendall(f"GET /ids/getData?preparedId={facility.prepare('df1')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(1)
    line, *headers = head.decode().split("\r\n")[:-2]
    pairs = [(name.encode(), value.encode()) for name, _, value in (header.partition(": ") for header in headers)]
    ours = [pair for pair in pairs if pair[0] not in {b"date", b"server"}]
    assert len(ours) == len(pairs) - 2
    assert head_length(int(line.split()[1]), ours) == len(head)


def test_every_answer_with_a_body_says_where_it_ends(facility: Facility) -> None:
    session, prepared = facility.session, facility.prepare("df1")
    file = facility.ids["df1"]
    for call in (
        "ping",
        "version",
        f"getSize?sessionId={session}&datafileIds={file}",
        f"getDatafileIds?sessionId={session}&datafileIds={file}",
        f"getData?preparedId={prepared}",
        f"getData?sessionId={session}&datafileIds={file}&zip=true",
        f"getMetalink?sessionId={session}&datafileIds={file}",
        f"getDeliveries?sessionId={session}",
    ):
        answer = facility.beamcat.http.get(f"/ids/{call}")
        assert answer.status_code == 200
        assert ("content-length" in answer.headers) != (answer.headers.get("transfer-encoding") == "chunked"), call


def test_a_file_that_was_cut_short_is_not_delivered(facility: Facility) -> None:
    prepared = facility.prepare("victim")
    assert len(facility.fetch(prepared, "")[0]) == VICTIM
    os.truncate(facility.base / "1/2/victim", VICTIM // 2)
    for _ in range(2):
        answer = facility.beamcat.http.get("/ids/getData", params={"preparedId": prepared})
        assert (answer.status_code, answer.json()["code"]) == (500, "InternalException")
    assert "has changed since the download was prepared" in facility.beamcat.log.read_text()


def test_a_file_that_is_cut_short_while_it_is_sent_breaks_the_answer_off(facility: Facility) -> None:
    prepared = facility.prepare("second victim")
    with facility.connection() as sock:
        sock.sendall(f"GET /ids/getData?preparedId={prepared} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = len(sock.recv(1 << 16))
        os.truncate(facility.base / "1/2/second victim", 1_000_000)
        while piece := _received(sock):
            received += len(piece)
    assert received < LARGE
    assert not facility.status(prepared)["complete"]


def test_the_middle_of_a_terabyte_is_there_at_once(facility: Facility) -> None:
    prepared = facility.prepare("huge", zip_=True)
    eventually(lambda: facility.beamcat.http.get("/ids/isPrepared", params={"preparedId": prepared}).text == "true")
    before = facility.bytes_read()
    began = time.monotonic()
    asked = {"Range": "bytes=900000000000-900000000999"}
    answer = facility.beamcat.http.get("/ids/getData", params={"preparedId": prepared}, headers=asked)
    assert (answer.status_code, len(answer.content)) == (206, 1000)
    assert time.monotonic() - began < 1
    assert facility.bytes_read() - before < 2_000_000


def test_several_ranges_in_one_response_are_put_where_they_belong(facility: Facility) -> None:
    prepared = facility.prepare("large")
    facility.fetch(prepared, "0-9,1000000-1000019,5000000-5000009")
    status = facility.once(prepared, delivered=40)
    assert status["ranges"] == [[0, 10], [1_000_000, 1_000_020], [5_000_000, 5_000_010]]
    assert status["missing"][0] == [10, 1_000_000]


def test_a_digest_that_can_be_checked_confirms_a_delivery(facility: Facility) -> None:
    prepared = facility.prepare("df1", zip_=True)
    assert facility.confirm(prepared, f"sha-256={Z1}") == 400
    facility.fetch(prepared, "")
    facility.once(prepared, complete=True)
    for wrong in (f"sha-256={'0' * 64}", f"md5={'0' * 32}", "sha-256=", Z1):
        assert facility.confirm(prepared, wrong) == 400
    assert not facility.status(prepared)["confirmed"]
    assert facility.confirm(prepared, f"sha-256={Z1}") == 204
    assert facility.status(prepared)["confirmed"]
    assert facility.confirm(prepared, f"sha-256={Z1.upper()}") == 204


def test_what_is_too_large_to_be_read_for_it_cannot_be_confirmed(facility: Facility) -> None:
    prepared = facility.prepare("large", zip_=True)
    facility.fetch(prepared, "0-99")
    facility.once(prepared, delivered=100)
    form = {"preparedId": prepared, "digest": f"sha-256={Z1}"}
    answer = facility.beamcat.http.post("/ids/confirmDelivery", data=form)
    assert answer.status_code == 400
    assert "more than 1000 bytes" in answer.json()["message"]


def test_the_list_is_for_administrators(facility: Facility) -> None:
    ann = facility.beamcat.login("ann", "pw")
    http = facility.beamcat.http
    assert http.get("/ids/getDeliveries", params={"sessionId": ann}).status_code == 403
    for wrong in ({"state": "lost"}, {"since": "yesterday"}):
        assert http.get("/ids/getDeliveries", params={"sessionId": facility.session, **wrong}).status_code == 400
    assert http.get("/ids/getDeliveryStatus", params={"preparedId": UNKNOWN}).status_code == 404
    assert http.get("/ids/getDeliveryStatus").status_code == 400


def test_what_is_fetched_by_its_ids_belongs_to_the_user(facility: Facility) -> None:
    now = datetime.now(UTC).isoformat()
    parameters = {"sessionId": facility.session, "datafileIds": facility.ids["df1"], "format": "tar"}
    for wanted in ("bytes=0-511", "bytes=512-"):
        assert facility.beamcat.http.get("/ids/getData", params=parameters, headers={"Range": wanted}).is_success
    (delivery,) = eventually(lambda: facility.deliveries(since=now, state="complete"))
    assert delivery["preparedId"] is None
    assert (delivery["userName"], delivery["size"], delivery["requests"]) == ("simple/root", 2048, 2)
    assert (delivery["investigationIds"], delivery["clients"]) == ([facility.ids["inv"]], ["127.0.0.1"])
    assert facility.deliveries(since=now, state="incomplete") == []
    assert facility.deliveries(since=now, userName="simple/ann") == []


def test_a_killed_worker_takes_what_it_had_not_written_down_with_it_and_nothing_more(facility: Facility) -> None:
    prepared = facility.prepare("large")
    with facility.connection() as sock:
        sock.sendall(f"GET /ids/getData?preparedId={prepared} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = 0
        while received < LARGE - 1_000_000:
            received += len(sock.recv(1 << 16))
        before = facility.beamcat.workers()
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        while piece := _received(sock):
            received += len(piece)
    eventually(lambda: len(facility.beamcat.workers()) == 2 and not set(before) & set(facility.beamcat.workers()))
    facility.beamcat.http.close()
    facility.beamcat.http = httpx.Client(base_url=facility.beamcat.url, timeout=60, trust_env=False)
    status = facility.status(prepared)
    assert not status["complete"]
    assert status["delivered"] <= received
    facility.fetch(prepared, "0-30000000", "30000000-")
    assert facility.once(prepared, complete=True)["ranges"] == [[0, LARGE]]


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1 << 16)
    except ConnectionResetError:
        return b""


def test_numbers_for_prometheus_are_kept(facility: Facility) -> None:
    prepared = facility.prepare("df1", zip_=True)
    facility.fetch(prepared, "")
    facility.once(prepared, complete=True)
    page = facility.beamcat.http.get("/metrics").text
    assert re.search(r'beamcat_deliveries_total\{event="completed"\} [1-9]', page)
    assert re.search(r"beamcat_delivered_bytes_total [1-9]", page)
    assert "beamcat_deliveries_stalled 0" in page
    assert "download complete" in facility.beamcat.log.read_text()
