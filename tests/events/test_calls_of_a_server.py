"""What a running server with several workers writes into the log of calls (ICAT specification H.2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from tests.conftest import TestServer
from tests.doors.icat_soap.client import bean, enveloped
from tests.running import Beamcat, eventually

PASSWORD = "a-secret-nobody-may-see"
DATASETS = 1500
"""More than fit into one piece of an answer."""
SETTINGS = """
[authenticator.simple]
kind = "simple"
expose = true
users = {{ root = "{password}", ann = "{password}" }}

[catalogue]
root_user_names = ["simple/root"]

[calls]
record = ["SESSION", "READ", "WRITE", "INFO"]
buffer = 50

[database]
url = "{url}"
"""


@dataclass
class Running:
    """A server, the database it stands on, and the secrets that were told to or by it."""

    beamcat: Beamcat
    url: str
    secrets: list[str] = field(default_factory=lambda: [PASSWORD])
    asked: int = 0
    expected: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def ask(self, send: Callable[[httpx.Client, dict[str, str]], httpx.Response]) -> tuple[httpx.Response, str]:
        """The answer to a request, and the request's id."""
        self.asked += 1
        number = f"call-{self.asked}"
        return send(self.beamcat.http, {"X-Request-ID": number}), number

    def row(self, number: str) -> dict[str, Any]:
        """The one row of a request, as soon as it is there."""
        (found,) = eventually(lambda: self.rows([number]))
        return dict(found)

    def rows(self, numbers: list[str]) -> list[dict[str, Any]]:
        """The rows of requests that are there now."""
        with psycopg.connect(self.url, row_factory=dict_row) as conn:
            statement = "SELECT * FROM call WHERE request_id = ANY(%s) ORDER BY position"
            return conn.execute(statement, [numbers]).fetchall()

    def expect(self, number: str, *expected: Any) -> None:
        """Have `check` look for a row with these `facts`."""
        self.expected[number] = expected

    def check(self) -> None:
        """Wait until all rows are there that are expected, and compare them."""
        eventually(lambda: len(self.rows(list(self.expected))) >= len(self.expected))
        found = self.rows(list(self.expected))
        assert {row["request_id"]: facts(row) for row in found} == self.expected
        assert len(found) == len(self.expected)
        self.expected.clear()

    def log_in(self, name: str) -> str:
        session = self.beamcat.login(name, PASSWORD)
        self.secrets.append(session)
        return session

    def rest(self, method: str, path: str, status: int = 200, **request: Any) -> tuple[Any, str]:
        """The content of a REST answer, and the id of the request."""
        answer, number = self.ask(lambda http, headers: http.request(method, path, headers=headers, **request))
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content[:1] in {b"[", b"{"} else answer.text, number

    def soap(self, operation: str, parameters: str, status: int = 200) -> tuple[str, str]:
        """The text of a SOAP answer, and the id of the request."""
        body = enveloped(f"<ns1:{operation}>{parameters}</ns1:{operation}>")
        answer, number = self.ask(
            lambda http, headers: http.post(
                "/ICATService/ICAT", content=body, headers={**headers, "content-type": "text/xml"}
            )
        )
        assert answer.status_code == status, answer.text
        return answer.text, number


@pytest.fixture(scope="module")
def running(server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    name = server.create(template)
    url = server.url(name)
    config = SETTINGS.format(password=PASSWORD, url=url)
    home = tmp_path_factory.mktemp("calls") / "home"
    beamcat = Beamcat(home, "--port", "0", "--workers", "2", config=config)
    opened = Running(beamcat, url)
    yield opened
    _, last = opened.rest("GET", "/icat/session/nobody", 403)
    assert beamcat.stop() == 0
    assert len(opened.rows([last])) == 1, "a clean stop writes the last calls"
    assert "unforeseen" not in beamcat.log.read_text()
    server.drop(name)


@pytest.fixture(scope="module")
def root(running: Running) -> str:
    return running.log_in("root")


@pytest.fixture(scope="module")
def datasets(running: Running, root: str) -> list[int]:
    """Ids of many datasets."""

    def write(entities: object) -> list[int]:
        form = {"sessionId": root, "entities": json.dumps(entities)}
        ids, _ = running.rest("POST", "/icat/entityManager", data=form)
        return list(ids)

    facility = {"id": write({"Facility": {"name": "F"}})[0]}
    kind, of_data = write(
        [
            {"InvestigationType": {"name": "t", "facility": facility}},
            {"DatasetType": {"name": "t", "facility": facility}},
        ]
    )
    investigation = {"name": "i", "visitId": "1", "title": "t", "facility": facility, "type": {"id": kind}}
    [above] = write({"Investigation": investigation})
    common = {"investigation": {"id": above}, "type": {"id": of_data}}
    return write([{"Dataset": {"name": f"d{number:04}", **common}} for number in range(DATASETS)])


TERMINATE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND usename = current_user
"""


def facts(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("operation", "outcome", "user_name", "entity", "object_id", "query"))


def of(session: str, **parameters: object) -> dict[str, Any]:
    return {"sessionId": session, **{name: str(value) for name, value in parameters.items()}}


def test_rest_calls_of_every_kind(running: Running, root: str, datasets: list[int], tmp_path: Path) -> None:
    ann = running.log_in("ann")
    who = "simple/root"
    [made], call = running.rest(
        "POST", "/icat/entityManager", data=of(root, entities=json.dumps({"Facility": {"name": "G"}}))
    )
    running.expect(call, "write", "ok", who, "Facility", made, None)
    row = running.row(call)
    assert (row["door"], row["client"]) == ("icat_rest", "127.0.0.1")
    assert row["duration_ms"] > 0
    change = json.dumps({"Facility": {"id": made, "url": "u"}})
    _, call = running.rest("POST", "/icat/entityManager", data=of(root, entities=change))
    running.expect(call, "write", "ok", who, "Facility", made, None)
    [second], call = running.rest(
        "POST",
        "/icat/entityManager",
        data=of(root, entities=json.dumps([{"Facility": {"id": made, "url": "v"}}, {"Grouping": {"name": "g"}}])),
    )
    running.expect(call, "write", "ok", who, "Grouping", second, None)
    keys = json.dumps({"name": "H"})
    copy, call = running.rest("POST", "/icat/cloner", data=of(root, name="Facility", id=made, keys=keys))
    running.expect(call, "clone", "ok", who, "Facility", copy["id"], None)
    query = "SELECT f FROM Facility f WHERE f.name IN ('G', 'H') ORDER BY f.name"
    _, call = running.rest("GET", "/icat/entityManager", params=of(root, query=query))
    running.expect(call, "search", "ok", who, "Facility", made, query)
    _, call = running.rest("GET", "/icat/entityManager", params=of(root, query="SELECT count(f) FROM Facility f"))
    running.expect(call, "search", "ok", who, None, None, "SELECT count(f) FROM Facility f")
    _, call = running.rest("GET", "/icat/entityManager", params=of(root, query="Facility", id=made))
    running.expect(call, "get", "ok", who, "Facility", made, "Facility")
    gone = json.dumps([{"Facility": {"id": copy["id"]}}, {"Facility": {"id": made}}])
    _, call = running.rest("DELETE", "/icat/entityManager", 204, params=of(root, entities=gone))
    running.expect(call, "delete", "ok", who, "Facility", copy["id"], None)
    order = json.dumps({"sessionId": root, "query": "SELECT g FROM Grouping g"})
    dump, call = running.rest("GET", "/icat/port", params={"json": order})
    running.expect(call, "export", "ok", who, None, None, "SELECT g FROM Grouping g")
    order = json.dumps({"sessionId": root, "duplicate": "IGNORE"})
    _, call = running.rest("POST", "/icat/port", 204, data={"json": order}, files={"file": ("dump", dump)})
    running.expect(call, "import", "ok", who, None, None, None)
    _, call = running.rest("GET", f"/icat/session/{ann}")
    running.expect(call, "getUserName", "ok", "simple/ann", None, None, None)
    _, call = running.rest("PUT", f"/icat/session/{ann}", 204)
    running.expect(call, "refresh", "ok", "simple/ann", None, None, None)
    _, call = running.rest("DELETE", f"/icat/session/{ann}", 204)
    running.expect(call, "logout", "ok", "simple/ann", None, None, None)
    running.check()


def test_a_streamed_answer_counts_to_its_end(running: Running, root: str, datasets: list[int]) -> None:
    query = "SELECT d FROM Dataset d ORDER BY d.name"
    found, call = running.rest("GET", "/icat/entityManager", params=of(root, query=query))
    assert len(found) == DATASETS
    running.expect(call, "search", "ok", "simple/root", "Dataset", datasets[0], query)
    running.check()


def test_soap_calls_of_every_kind(running: Running) -> None:
    entries = "".join(
        f"<entry><key>{key}</key><value>{value}</value></entry>"
        for key, value in (("username", "root"), ("password", PASSWORD))
    )
    answer, call = running.soap("login", f"<plugin>simple</plugin><credentials>{entries}</credentials>")
    who = "simple/root"
    running.expect(call, "login", "ok", who, None, None, None)
    assert running.row(call)["door"] == "icat_soap"
    session = answer.partition("<return>")[2].partition("</return>")[0]
    running.secrets.append(session)
    first = f"<sessionId>{session}</sessionId>"

    def number(text: str) -> int:
        return int(text.partition("<return>")[2].partition("</return>")[0])

    answer, call = running.soap("create", first + bean("grouping", "<name>soap</name>"))
    made = number(answer)
    running.expect(call, "create", "ok", who, "Grouping", made, None)
    beans = "".join(bean("grouping", f"<name>soap {n}</name>", "beans") for n in range(2))
    answer, call = running.soap("createMany", first + beans)
    many = number(answer)
    running.expect(call, "createMany", "ok", who, "Grouping", many, None)
    _, call = running.soap("update", first + bean("grouping", f"<id>{made}</id><name>other</name>"))
    running.expect(call, "update", "ok", who, "Grouping", made, None)
    _, call = running.soap("get", f"{first}<query>Grouping</query><primaryKey>{made}</primaryKey>")
    running.expect(call, "get", "ok", who, "Grouping", made, "Grouping")
    query = f"SELECT g FROM Grouping g WHERE g.id = {made} AND 1 < 2"
    _, call = running.soap("search", f"{first}<query>{escape(query)}</query>")
    running.expect(call, "search", "ok", who, "Grouping", made, query)
    allowed = bean("grouping", f"<id>{made}</id>") + "<accessType>READ</accessType>"
    _, call = running.soap("isAccessAllowed", first + allowed)
    running.expect(call, "isAccessAllowed", "ok", who, "Grouping", made, None)
    for operation in ("getUserName", "getRemainingMinutes"):
        _, call = running.soap(operation, first)
        running.expect(call, operation, "ok", who if operation == "getUserName" else None, None, None, None)
    _, call = running.soap("delete", first + bean("grouping", f"<id>{made}</id>"))
    running.expect(call, "delete", "ok", who, "Grouping", made, None)
    _, call = running.soap("deleteMany", first + bean("grouping", f"<id>{many}</id>", "beans"))
    running.expect(call, "delete", "ok", who, "Grouping", many, None)
    for operation in ("refresh", "logout"):
        _, call = running.soap(operation, first)
        running.expect(call, operation, "ok", who, None, None, None)
    running.check()


def test_refused_calls_are_there_with_the_kind_of_the_refusal(running: Running, root: str, datasets: list[int]) -> None:
    wrong = {"plugin": "simple", "credentials": [{"username": "ann"}, {"password": f"{PASSWORD}-wrong"}]}
    _, call = running.rest("POST", "/icat/session", 403, data={"json": json.dumps(wrong)})
    running.expect(call, "login", "NO_SESSION", None, None, None, None)
    asking = {"json": json.dumps({"credentials": wrong["credentials"]})}
    _, call = running.rest("POST", "/authn.simple/authenticate", 403, data=asking)
    running.expect(call, "authenticate", "NO_SESSION", None, None, None, None)
    ann = running.log_in("ann")
    _, call = running.rest("GET", "/icat/entityManager", 403, params=of(ann, query="Dataset", id=datasets[0]))
    running.expect(call, "get", "FORBIDDEN", "simple/ann", "Dataset", datasets[0], "Dataset")
    _, call = running.rest("GET", "/icat/entityManager", 400, params=of(ann, query="SELEKT"))
    running.expect(call, "search", "BAD_PARAMETER", "simple/ann", None, None, "SELEKT")
    gone = "00000000-0000-4000-8000-000000000000"
    running.secrets.append(gone)
    _, call = running.rest("GET", "/icat/entityManager", 403, params=of(gone, query="Dataset", id=1))
    running.expect(call, "get", "NO_SESSION", None, None, None, None)
    _, call = running.rest("PUT", f"/icat/session/{gone}", 403)
    running.expect(call, "refresh", "NO_SESSION", None, None, None, None)
    text = f"<sessionId>{root}</sessionId>{bean('facility', '<name>F</name>')}"
    _, call = running.soap("create", text, 500)
    running.expect(call, "create", "ALREADY_EXISTS", "simple/root", "Facility", None, None)
    running.check()


def test_what_tells_nothing_about_anybody_is_not_recorded(running: Running, root: str) -> None:
    paths = ["/healthz", "/readyz", "/metrics", "/", "/icat/version", "/icat/properties", "/nowhere"]
    for number, path in enumerate(paths):
        running.beamcat.http.get(path, headers={"X-Request-ID": f"quiet-{number}"})
    _, call = running.rest("GET", f"/icat/session/{root}")
    running.row(call)
    assert running.rows([f"quiet-{number}" for number in range(len(paths))]) == []


def test_the_calls_of_all_workers_are_there_once(running: Running, root: str) -> None:
    numbers = [f"many-{number}" for number in range(60)]

    def ask(number: str) -> int:
        headers = {"X-Request-ID": number, "Connection": "close"}
        return httpx.get(f"{running.beamcat.url}/icat/session/{root}", headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, numbers)) == {200}
    eventually(lambda: len(running.rows(numbers)) >= len(numbers))
    assert sorted(row["request_id"] for row in running.rows(numbers)) == sorted(numbers)


def test_calls_wait_for_a_database_that_is_away(running: Running, server: TestServer, root: str) -> None:
    name = urlsplit(running.url).path[1:]
    with psycopg.connect(server.server.url, autocommit=True) as conn:
        conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        try:
            conn.execute(TERMINATE, [name])
            _, call = running.rest("POST", "/icat/session", 403, data={"json": "{}"})
        finally:
            conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
    running.expect(call, "login", "NO_SESSION", None, None, None, None)
    running.check()


def test_no_secret_is_in_any_row(running: Running, root: str) -> None:
    _, call = running.rest("GET", f"/icat/session/{root}")
    running.row(call)
    with psycopg.connect(running.url) as conn:
        rows = conn.execute("SELECT call::text FROM call").fetchall()
    assert len(rows) > 1
    assert [secret for secret in running.secrets for (row,) in rows if secret in row] == []
