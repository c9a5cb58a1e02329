"""Robots and floods against a server of two workers (data service specification, G, 138 and 139)."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from beamcat.protection.blocks import LOOK_EVERY_S
from beamcat.protection.daily import STEP_BYTES
from beamcat.store.units.status import USUAL_RETRY_S
from tests.conftest import TestServer
from tests.running import Beamcat, eventually

LARGE = 160 << 20
"""Bytes of a file that takes some time, most of them on no disk."""
LIMIT = LARGE + 10_000
SETTINGS = """
[database]
url = "{url}"
[catalogue]
root_user_names = ["simple/root"]
[authenticator.simple]
kind = "simple"
users = {{ root = "pw", ann = "pw" }}
[authenticator.anon]
kind = "anon"
[store]
unit = "dataset"
[store.main]
kind = "posix"
path = "{main}"
[store.archive]
kind = "posix"
path = "{archive}"
[ids]
process_queue_interval_s = 3600
[protection]
exempt = ["127.0.0.1/32"]
[protection.anonymous]
bytes_per_day = {limit}
"""
RULES = [("R", entity) for entity in ("Facility", "Investigation", "Dataset", "Datafile", "InvestigationType")]


@dataclass
class Robots:
    """A facility that everybody may read, and clients in networks of their own, 127.0.N.0/24."""

    beamcat: Beamcat
    url: str
    session: str
    archived: list[int]
    large: int
    small: int
    opened: list[httpx.Client | socket.socket] = field(default_factory=list)

    def client(self, network: int) -> httpx.Client:
        transport = httpx.HTTPTransport(local_address=f"127.0.{network}.1")
        client = httpx.Client(transport=transport, base_url=self.beamcat.url, timeout=30)
        self.opened.append(client)
        return client

    def anonymous(self, network: int = 0) -> str:
        wanted = json.dumps({"plugin": "anon", "credentials": []})
        http = self.client(network) if network else self.beamcat.http
        return str(http.post("/icat/session", data={"json": wanted}).json()["sessionId"])

    def connection(self, network: int) -> socket.socket:
        where = urlsplit(self.beamcat.url)
        sock = socket.create_connection((where.hostname or "", where.port or 0), 30, (f"127.0.{network}.1", 0))
        self.opened.append(sock)
        return sock

    def begin(self, network: int, query: str) -> Response:
        sock = self.connection(network)
        sock.sendall(f"GET /ids/getData?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(1)
        return Response(sock, int(head.split()[1]), head.decode())

    def sql(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement, params).fetchall()

    def sent(self, network: int) -> int:
        rows = self.sql("SELECT bytes FROM daily_use WHERE client = %s", f"network 127.0.{network}.0/24")
        return int(rows[0][0]) if rows else 0


@dataclass
class Response:
    """An answer of which the head has come."""

    sock: socket.socket
    status: int
    head: str

    def read(self, size: int) -> int:
        read = 0
        while read < size and (piece := self.sock.recv(min(1 << 20, size - read))):
            read += len(piece)
        return read

    def close(self) -> None:
        self.sock.close()


@pytest.fixture(scope="module")
def robots(server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robots]:
    folder = tmp_path_factory.mktemp("robots")
    for name in ("main", "archive"):
        (folder / name).mkdir()
    database = server.create(template)
    url = server.url(database)
    config = SETTINGS.format(url=url, main=folder / "main", archive=folder / "archive", limit=LIMIT)
    beamcat = Beamcat(folder / "home", "--port", "0", "--workers", "2", config=config)
    try:
        made = filled(beamcat, url, folder / "main")
        time.sleep(1.5)  # until each worker has looked at the queue once; the next look is an hour away
        with contextlib.ExitStack() as stack:
            yield made
            for opened in made.opened:
                stack.callback(opened.close)
    finally:
        assert beamcat.stop() == 0
    server.drop(database)


def filled(beamcat: Beamcat, url: str, main: Path) -> Robots:
    session = beamcat.login("root", "pw")

    def make(entity: str, **members: Any) -> dict[str, int]:
        form = {"sessionId": session, "entities": json.dumps({entity: members})}
        answer = beamcat.http.post("/icat/entityManager", data=form)
        assert answer.status_code == 200, answer.text
        return {"id": int(answer.json()[0])}

    for flags, what in RULES:
        make("Rule", crudFlags=flags, what=what)
    facility = make("Facility", name="FAC")
    kind = make("InvestigationType", name="t", facility=facility)
    dataset_type = make("DatasetType", name="t", facility=facility)
    investigation = make("Investigation", name="inv", visitId="1", title="t", facility=facility, type=kind)
    archived = []
    for number in range(11):
        dataset = make("Dataset", name=f"archived{number}", investigation=investigation, type=dataset_type)
        make("Datafile", name="file", dataset=dataset, location=f"archived/{number}", fileSize=1000)
        archived.append(dataset["id"])
    online = make("Dataset", name="online", investigation=investigation, type=dataset_type)
    files = []
    for name, size in (("large", LARGE), ("small", 1000)):
        with (main / name).open("wb") as file:
            file.truncate(size)
        files.append(make("Datafile", name=name, dataset=online, location=name, fileSize=size)["id"])
    made = Robots(beamcat, url, session, archived, *files)
    made.sql(
        "INSERT INTO unit (kind, id, dataset_id, online, size) SELECT 'dataset', id, id, false, 1000"
        " FROM unnest(%s::bigint[]) AS w (id) RETURNING id",
        archived,
    )
    return made


def test_check_138_the_eleventh_dataset_of_an_anonymous_client_stays_in_the_archive(robots: Robots) -> None:
    session = robots.anonymous()
    client = robots.client(1)

    def ask(dataset: int) -> httpx.Response:
        answer = client.get("/ids/getData", params={"sessionId": session, "datasetIds": dataset})
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"] == "DataNotOnlineException"
        return answer

    *ten, eleventh = robots.archived
    usual = [int(ask(dataset).headers["retry-after"]) for dataset in ten]
    refused = ask(eleventh)
    assert int(refused.headers["retry-after"]) > 2 * max(*usual, USUAL_RETRY_S)
    assert "stay in the archive" in refused.json()["message"]
    queued = robots.sql("SELECT id FROM unit WHERE wanted = 'RESTORE' ORDER BY id")
    assert [unit for (unit,) in queued] == ten
    told = [line for line in robots.beamcat.log.read_text().splitlines() if "client refused" in line]
    assert any("restores" in line and "127.0.1.0/24" in line for line in told)
    head = client.head("/ids/getData", params={"sessionId": session, "datasetIds": eleventh})
    assert head.status_code == 503
    prepared = client.post("/ids/prepareData", data={"sessionId": session, "datasetIds": eleventh}).text
    assert client.get("/ids/isPrepared", params={"preparedId": prepared}).text == "false"
    assert len(robots.sql("SELECT id FROM unit WHERE wanted = 'RESTORE'")) == 10, "nor by another way"
    other = robots.client(2).get("/ids/getData", params={"sessionId": session, "datasetIds": eleventh})
    assert int(other.headers["retry-after"]) < int(refused.headers["retry-after"]), "another one still has all"
    assert len(robots.sql("SELECT id FROM unit WHERE wanted = 'RESTORE'")) == 11
    robots.sql("UPDATE unit SET wanted = NULL RETURNING id")


def test_check_139_a_flood_is_refused_and_others_do_not_feel_it(robots: Robots) -> None:
    statuses: Counter[int] = Counter()
    ends = time.monotonic() + 4
    session = robots.beamcat.login("ann", "pw")

    def flood() -> None:
        sock, counted = robots.connection(3), Counter[int]()
        answers = sock.makefile("rb")
        while time.monotonic() < ends:
            sock.sendall(b"GET /icat/version HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
            for _ in range(50):
                status = int(answers.readline().split()[1])
                head = http.client.parse_headers(answers)
                answers.read(int(head["content-length"]))
                counted[status if status == 200 or head["retry-after"] else -1] += 1
        statuses.update(counted)
        answers.close()

    floods = [threading.Thread(target=flood) for _ in range(2)]
    for each in floods:
        each.start()
    eventually(lambda: time.monotonic() > ends - 3)
    took = []
    strangers, users = robots.client(4), robots.client(3)
    for _ in range(20):
        began = time.monotonic()
        assert strangers.get("/icat/version").status_code == 200
        answer = users.get("/ids/getSize", params={"sessionId": session, "datafileIds": robots.small})
        assert (answer.status_code, answer.text) == (200, "1000"), "a user behind the same address"
        took.append(time.monotonic() - began)
    for each in floods:
        each.join()
    assert set(statuses) == {200, 429}
    assert statuses[429] > 1000, f"{statuses}: that was no flood"
    assert 200 <= statuses[200] <= 200 + 4 * 20 + 5, "the burst, and what comes meanwhile, over both workers"
    assert sorted(took)[10] < 1, "two questions, however busy the machine is"
    lines = robots.beamcat.log.read_text().count("127.0.3.1")
    assert lines < 400, "requests that were refused are not in the log one by one"


def test_sixteen_answers_at_a_time_and_a_place_is_free_however_one_ends(robots: Robots) -> None:
    query = f"sessionId={robots.beamcat.login('ann', 'pw')}&datafileIds={robots.large}"
    running = [robots.begin(5, query) for _ in range(16)]
    assert {each.status for each in running} == {200}
    refused = robots.begin(5, query)
    assert refused.status == 429
    assert "retry-after:" in refused.head.lower()
    running.pop().close()

    def starts() -> bool:
        running.append(robots.begin(5, query))
        if running[-1].status == 200:
            return True
        running.pop().close()
        return False

    assert eventually(starts)
    other = robots.begin(5, f"sessionId={robots.session}&datafileIds={robots.small}")
    assert other.status == 200, "another user"
    for each in [*running, refused, other]:
        each.close()


def test_bytes_of_a_day_are_counted_over_workers_and_kills(robots: Robots) -> None:
    session = robots.anonymous()
    query = f"sessionId={session}&datafileIds={robots.large}"
    before = set(robots.beamcat.workers())
    response = robots.begin(6, query)
    assert response.status == 200, "the first one may be larger than the limit"
    read = response.read(100 << 20)
    eventually(lambda: robots.sent(6) >= read - STEP_BYTES)
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    response.close()
    eventually(lambda: len(set(robots.beamcat.workers()) - before) == 2)
    assert read - STEP_BYTES <= robots.sent(6) <= LARGE
    client = robots.client(6)
    large = {"sessionId": session, "datafileIds": robots.large}

    def answers() -> bool:
        try:
            return client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    eventually(answers)
    refused = client.get("/ids/getData", params=large)
    assert (refused.status_code, refused.json()["code"]) == (429, "DataNotOnlineException")
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert client.get("/ids/getData", params={**large, "datafileIds": robots.small}).status_code == 200
    assert client.get("/ids/getData", params={**large, "sessionId": robots.session}).status_code == 200, "staff"
    assert robots.client(7).get("/ids/getData", params=large).status_code == 200, "others"
    eventually(lambda: robots.sent(7) == LARGE)


@pytest.mark.parametrize("kind", ["network", "user", "prepared"])
def test_a_block_ends_what_is_under_way_in_all_workers(robots: Robots, kind: str) -> None:
    session = robots.beamcat.login("ann", "pw")
    ask = {"sessionId": session, "datafileIds": robots.large}
    prepared = robots.beamcat.http.post("/ids/prepareData", data=ask).text
    running = [robots.begin(8, f"preparedId={prepared}") for _ in range(4)]
    assert {each.status for each in running} == {200}
    subject = {"network": "127.0.8.0/24", "user": "simple/ann", "prepared": prepared}[kind]
    try:
        robots.sql("INSERT INTO block VALUES (%s, %s, 'a test', now(), 'root', NULL) RETURNING 1", kind, subject)
        eventually(lambda: robots.begin(8, f"preparedId={prepared}").status == 403)
        time.sleep(2 * LOOK_EVERY_S)  # until the other worker has looked
        assert max(each.read(LARGE) for each in running) < LARGE, "all of them were cut off"
        assert robots.begin(9, f"sessionId={robots.session}&datafileIds={robots.small}").status == 200
    finally:
        robots.sql("DELETE FROM block RETURNING 1")
    eventually(lambda: robots.begin(8, f"preparedId={prepared}").status == 200)
    time.sleep(2 * LOOK_EVERY_S)
