"""A day with the catalogue by curl alone: what a person types, status codes and bodies as curl shows them."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conformance.client import Session
from tests.conformance.conftest import PASSWORD, RULES_SETTLE_S, Running

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Shown:
    """What came back."""

    status: int
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def curl(running_server: Running) -> Callable[..., Shown]:
    """`curl ARGUMENTS... BASE/PATH`."""

    def run(path: str, *arguments: str) -> Shown:
        command = ["curl", "--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}"]
        ran = subprocess.run(
            [*command, *arguments, f"{running_server.url}/icat/{path}"], capture_output=True, text=True, check=True
        )
        body, _, status = ran.stdout.rpartition("\n")
        return Shown(int(status), body)

    return run


def sign_in(curl: Callable[..., Shown], name: str) -> str:
    login = {"plugin": "simple", "credentials": [{"username": name}, {"password": PASSWORD}]}
    shown = curl("session", "--data-urlencode", f"json={json.dumps(login)}")
    assert shown.status == 200
    assert list(shown.json) == ["sessionId"]
    session: str = shown.json["sessionId"]
    assert UUID.fullmatch(session)
    return session


def ask(curl: Callable[..., Shown], session: str, query: str, *more: str) -> Shown:
    return curl("entityManager", "--get", "-d", f"sessionId={session}", "--data-urlencode", f"query={query}", *more)


def write(curl: Callable[..., Shown], session: str, entities: object) -> Shown:
    text = json.dumps(entities)
    return curl("entityManager", "-d", f"sessionId={session}", "--data-urlencode", f"entities={text}")


def delete(curl: Callable[..., Shown], session: str, entities: object) -> Shown:
    parameters = ("-d", f"sessionId={session}", "--data-urlencode", f"entities={json.dumps(entities)}")
    return curl("entityManager", "-X", "DELETE", "--get", *parameters)


def test_a_session_by_curl_alone(curl: Callable[..., Shown], empty: Session) -> None:
    assert curl("version").json == {"version": "6.2.0"}
    properties = curl("properties").json
    assert properties["maxEntities"] == 10_000
    assert [a["mnemonic"] for a in properties["authenticators"]] == ["simple", "anon"]
    assert properties["authenticators"][0]["keys"] == [{"name": "username"}, {"name": "password", "hide": True}]

    # Sign in
    root, ann = sign_in(curl, "root"), sign_in(curl, "ann")
    shown = curl(f"session/{ann}")
    assert (shown.status, shown.json["userName"]) == (200, "simple/ann")
    assert 119 < shown.json["remainingMinutes"] <= 120
    assert curl(f"session/{ann}", "-X", "PUT") == Shown(204, "")
    assert curl("user/simple/ann").json == {"loggedIn": True}
    assert curl("user/simple/nobody").json == {"loggedIn": False}

    # A facility with everything below it, in one request
    shown = write(
        curl,
        root,
        [
            {
                "Facility": {
                    "name": "LILS",
                    "investigationTypes": [{"name": "experiment"}],
                    "datasetTypes": [{"name": "raw"}],
                }
            },
            {"User": {"name": "simple/ann", "fullName": "Ann"}},
        ],
    )
    assert shown.status == 200
    facility, person = shown.json
    [investigation_type] = ask(curl, root, "InvestigationType.id").json
    [dataset_type] = ask(curl, root, "DatasetType.id").json

    def investigation(name: str, **more: object) -> dict[str, object]:
        members = {"name": name, "visitId": "1", "title": f"About {name}", "facility": {"id": facility}}
        return {"Investigation": {**members, "type": {"id": investigation_type}, **more}}

    run = {"name": "run 1", "complete": False, "type": {"id": dataset_type}}
    files = [{"name": f"{number}.nxs", "fileSize": 1024 * number} for number in (1, 2, 3)]
    shown = write(
        curl,
        root,
        [
            investigation(
                "mine",
                investigationUsers=[{"user": {"id": person}, "role": "PI"}],
                keywords=[{"name": "magnons"}],
                datasets=[{**run, "datafiles": files}],
            ),
            investigation("other", datasets=[run]),
        ],
    )
    assert shown.status == 200
    mine, other = shown.json
    shown = write(curl, root, {"Facility": {"name": "LILS"}})
    assert (shown.status, shown.json) == (
        412,
        {"code": "OBJECT_ALREADY_EXISTS", "message": "Facility exists with name = 'LILS'", "offset": 0},
    )

    # Rules: who takes part reads, and may change what is in the datasets
    own = "{} <-> InvestigationUser <-> User [name = :user]"
    shown = write(
        curl,
        root,
        [
            {"Rule": {"crudFlags": "R", "what": own.format("Investigation")}},
            {"Rule": {"crudFlags": "RCU", "what": own.format("Dataset <-> Investigation")}},
            {"Rule": {"crudFlags": "RC", "what": own.format("Datafile <-> Dataset <-> Investigation")}},
            {"Rule": {"crudFlags": "R", "what": "DatasetType"}},
        ],
    )
    assert shown.status == 200
    time.sleep(RULES_SETTLE_S)

    # An allowed read next to a forbidden one
    assert ask(curl, root, "SELECT i.name FROM Investigation i ORDER BY i.name").json == ["mine", "other"]
    assert ask(curl, ann, "SELECT i.name FROM Investigation i ORDER BY i.name").json == ["mine"]
    assert ask(curl, ann, "SELECT COUNT(i) FROM Investigation i").json == [1]
    shown = ask(curl, ann, "Investigation", "-d", f"id={mine}")
    assert (shown.status, shown.json["Investigation"]["title"]) == (200, "About mine")
    shown = ask(curl, ann, "Investigation", "-d", f"id={other}")
    assert (shown.status, shown.json) == (
        403,
        {"code": "INSUFFICIENT_PRIVILEGES", "message": "READ access to this Investigation is not allowed."},
    )
    assert ask(curl, ann, "SELECT k FROM Keyword k").json == []
    [row] = ask(
        curl, ann, "SELECT ds FROM Dataset ds INCLUDE ds.datafiles, ds.type, ds.investigation i, i.keywords"
    ).json
    dataset = row["Dataset"]
    assert [file["name"] for file in dataset["datafiles"]] == ["1.nxs", "2.nxs", "3.nxs"]
    assert dataset["type"]["name"] == "raw"
    assert dataset["investigation"]["keywords"] == []
    assert (dataset["fileCount"], dataset["fileSize"]) == (3, 6144)

    # Create with children, and update
    shown = write(
        curl,
        ann,
        [
            {"Dataset": {**run, "name": "run 2", "investigation": {"id": mine}, "datafiles": files[:1]}},
            {"Dataset": {"id": dataset["id"], "description": "repeated"}},
        ],
    )
    assert shown.status == 200
    [second] = shown.json
    assert ask(curl, ann, "SELECT ds.name, ds.description FROM Dataset ds ORDER BY ds.name").json == [
        ["run 1", "repeated"],
        ["run 2", None],
    ]
    assert ask(curl, ann, "SELECT ds.createId, ds.modId FROM Dataset ds ORDER BY ds.name").json == [
        ["simple/root", "simple/ann"],
        ["simple/ann", "simple/ann"],
    ]

    # Forbidden writes change nothing
    for entities, message in (
        ({"Dataset": {**run, "name": "run 3", "investigation": {"id": other}}}, "CREATE access to this Dataset"),
        ({"Investigation": {"id": mine, "title": "Mine"}}, "UPDATE access to this Investigation"),
    ):
        shown = write(curl, ann, entities)
        assert (shown.status, shown.json["code"]) == (403, "INSUFFICIENT_PRIVILEGES")
        assert shown.json["message"] == f"{message} is not allowed."
    shown = delete(curl, ann, {"Dataset": {"id": second}})
    assert (shown.status, shown.json["message"]) == (403, "DELETE access to this Dataset is not allowed.")
    assert ask(curl, root, "SELECT COUNT(ds) FROM Dataset ds").json == [3]
    assert ask(curl, root, "SELECT i.title FROM Investigation i ORDER BY i.title").json == ["About mine", "About other"]

    # Delete, with all below
    assert delete(curl, root, [{"Dataset": {"id": second}}, {"Investigation": {"id": other}}]) == Shown(204, "")
    assert ask(curl, root, "SELECT ds.name FROM Dataset ds").json == ["run 1"]
    assert ask(curl, root, "COUNT(Datafile)").json == [3]
    shown = delete(curl, root, {"Dataset": {"id": second}})
    assert (shown.status, shown.json["code"], shown.json["offset"]) == (404, "NO_SUCH_OBJECT_FOUND", 0)

    # Sign out
    assert curl(f"session/{ann}", "-X", "DELETE") == Shown(204, "")
    time.sleep(RULES_SETTLE_S)
    for shown in (ask(curl, ann, "Dataset"), curl(f"session/{ann}"), curl(f"session/{ann}", "-X", "PUT")):
        assert (shown.status, shown.json) == (
            403,
            {"code": "SESSION", "message": f"Unable to find user by sessionid: {ann}"},
        )
    assert ask(curl, root, "COUNT(Dataset)").json == [1]
    assert curl(f"session/{root}", "-X", "DELETE").status == 204


def test_wrong_passwords_and_empty_sessions_are_refused(curl: Callable[..., Shown]) -> None:
    wrong = {"plugin": "simple", "credentials": [{"username": "ann"}, {"password": "wrong"}]}
    shown = curl("session", "--data-urlencode", f"json={json.dumps(wrong)}")
    assert (shown.status, shown.json) == (
        403,
        {"code": "SESSION", "message": "The username and password do not match"},
    )
    shown = curl("entityManager", "--get", "--data-urlencode", "query=Dataset")
    assert (shown.status, shown.json["message"]) == (403, "Session Id cannot be null or empty.")


def test_anybody_may_sign_in_without_an_account(curl: Callable[..., Shown]) -> None:
    shown = curl("session", "--data-urlencode", 'json={"plugin":"anon"}')
    assert curl(f"session/{shown.json['sessionId']}").json["userName"] == "anon/anon"


def test_paths_and_methods_that_do_not_exist(curl: Callable[..., Shown]) -> None:
    shown = curl("nonsense")
    assert (shown.status, shown.json) == (
        404,
        {"code": "NOT_IMPLEMENTED", "message": "Operation not implemented by this ICAT server."},
    )
    for path in ("session/a/b", "user/", ""):
        shown = curl(path)
        assert (shown.status, shown.json["code"]) == (404, "NOT_IMPLEMENTED")
    shown = curl("session/a%0Ab")
    assert (shown.status, shown.json["code"]) == (403, "SESSION")
    shown = curl("entityManager", "-X", "PATCH", "--include")
    assert shown.status == 405
    [allowed] = re.findall(r"^allow: (.*?)\r?$", shown.body, re.M | re.I)
    assert {"GET", "POST", "DELETE"} <= set(allowed.split(", "))


def test_pages_of_other_sites_may_read_answers_and_errors(curl: Callable[..., Shown]) -> None:
    for path in ("version", "nonsense", "session/none"):
        headers = curl(path, "--include", "-H", "Origin: https://elsewhere.example").body.lower()
        assert "access-control-allow-origin: *" in headers
        assert "access-control-allow-methods: get, post, delete, put" in headers
    assert curl("entityManager", "-X", "OPTIONS").status == 200


def test_the_request_id_of_a_client_comes_back(curl: Callable[..., Shown]) -> None:
    shown = curl("nonsense", "--include", "-H", "X-Request-ID: from-the-portal-17")
    assert "x-request-id: from-the-portal-17" in shown.body.lower()
