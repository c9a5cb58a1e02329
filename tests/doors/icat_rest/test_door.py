"""ICAT's REST interface through HTTP (ICAT specification B, O)."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from structlog.testing import capture_logs

from beamcat.doors.icat_rest.door import RESOURCES

from .conftest import Icat, Opened, settings_for

FORM = {"content-type": "application/x-www-form-urlencoded"}


def error(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()
    assert list(body) in (["code", "message"], ["code", "message", "offset"])
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    return response.status_code, body["code"], body["message"]


async def test_version_and_properties_are_what_clients_parse(shared: Icat) -> None:
    assert (await shared.http.get("/icat/version")).text == '{"version":"6.2.0"}'
    assert (await shared.http.get("/icat/properties", params={"server": "ignored"})).text == (
        '{"maxEntities":10000,"lifetimeMinutes":120,"authenticators":['
        '{"mnemonic":"simple","keys":[{"name":"username"},{"name":"password","hide":true}]},'
        '{"mnemonic":"db","keys":[{"name":"username"},{"name":"password","hide":true}],'
        '"admin":true,"friendly":"Facility account"},{"mnemonic":"anon","keys":[]}],"containerType":"Glassfish"}'
    )


async def test_a_session_from_login_to_logout(icat: Icat) -> None:
    session = f"/icat/session/{icat.session}"
    described = (await icat.http.get(session)).json()
    assert list(described) == ["userName", "remainingMinutes"]
    assert described["userName"] == "simple/root"
    assert 119 < described["remainingMinutes"] <= 120
    assert isinstance(described["remainingMinutes"], float)
    assert (await icat.http.get("/icat/user/simple/root")).text == '{"loggedIn":true}'
    assert (await icat.http.get("/icat/user/root")).text == '{"loggedIn":false}'
    for answer in (await icat.http.put(session), await icat.http.delete(session)):
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "*"
    unknown = (403, "SESSION", f"Unable to find user by sessionid: {icat.session}")
    assert error(await icat.http.get(session)) == unknown
    assert error(await icat.http.put(session)) == unknown
    assert error(await icat.http.delete(session)) == unknown
    assert error(await icat.ask("SELECT f FROM Facility f")) == unknown


@pytest.mark.parametrize(
    "credentials",
    [
        [{"username": "ann"}, {"password": "pw"}],
        [{"username": "ann", "password": "pw"}],
        [{"password": "pw", "age": 7}, 3, "x", {"username": "ann"}, {"other": "ignored"}],
    ],
)
async def test_credentials_are_read_leniently(shared: Icat, credentials: list[Any]) -> None:
    wanted = json.dumps({"more": 1, "credentials": credentials, "plugin": "simple"})
    for content_type in (FORM["content-type"], FORM["content-type"] + ";charset=ISO-8859-1"):
        answer = await shared.http.post(
            "/icat/session", content=f"json={quote_plus(wanted)}", headers={"content-type": content_type}
        )
        assert list(answer.json()) == ["sessionId"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, (400, "BAD_PARAMETER", "json must not be null")),
        ({"json": '{"plugin":"typo"}'}, (403, "SESSION", "Authenticator mnemonic typo not recognised")),
        ({"json": '{"credentials":[]}'}, (403, "SESSION", "Authenticator mnemonic null not recognised")),
        (
            {"json": '{"plugin":"simple","credentials":{"username":"ann","password":"pw"}}'},
            (403, "SESSION", "username cannot be null or empty."),
        ),
        (
            {"json": '{"plugin":"simple","credentials":[{"username":"ann"},{"password":"wrong"}]}'},
            (403, "SESSION", "The username and password do not match"),
        ),
        ({"json": "{"}, (400, "BAD_PARAMETER", "json is not well formed")),
        ({"json": "[]"}, (400, "BAD_PARAMETER", "json must be an object")),
    ],
)
async def test_a_login_that_fails(shared: Icat, form: dict[str, str], expected: tuple[int, str, str]) -> None:
    assert error(await shared.http.post("/icat/session", data=form)) == expected


async def test_anonymous_login_needs_no_credentials(shared: Icat) -> None:
    answer = await shared.http.post("/icat/session", data={"json": '{"plugin":"anon"}'})
    described = await shared.http.get(f"/icat/session/{answer.json()['sessionId']}")
    assert described.json()["userName"] == "anon/anon"


async def test_too_many_wrong_passwords_have_to_wait(database_url: str) -> None:
    settings = settings_for(database_url, login_protection={"max_failures_per_user": 2})
    async with Opened(settings) as icat:
        for _ in range(2):
            assert (await icat.login("simple", {"username": "ann", "password": "no"})).status_code == 403
        refused = await icat.login("simple", {"username": "ann", "password": "pw"})
        assert error(refused)[:2] == (429, "SESSION")
        assert int(refused.headers["retry-after"]) > 0
        assert (await icat.login("simple", {"username": "root", "password": "pw"})).status_code == 200


async def test_what_is_written_can_be_read_updated_and_deleted(icat: Icat) -> None:
    types = [{"name": "a"}, {"name": "b"}]
    created = await icat.write(
        [{"Facility": {"name": "another", "investigationTypes": types}}, {"Facility": {"name": "F2"}}]
    )
    assert created.status_code == 200
    first, second = created.json()
    found = (await icat.ask("SELECT f FROM Facility f ORDER BY f.name INCLUDE f.investigationTypes")).json()
    assert [next(iter(row)) for row in found] == ["Facility", "Facility"]
    assert found[1]["Facility"]["id"] == first
    assert [t["name"] for t in found[1]["Facility"]["investigationTypes"]] == ["a", "b"]
    assert list(found[0]["Facility"])[:5] == ["id", "createId", "createTime", "modId", "modTime"]
    assert found[0]["Facility"]["createId"] == "simple/root"

    assert (await icat.write({"Facility": {"id": second, "description": "new"}})).text == "[]"
    one = await icat.ask("Facility INCLUDE 1", id=str(second))
    assert one.json()["Facility"]["description"] == "new"
    assert (await icat.ask("SELECT f.id, f.description FROM Facility f ORDER BY f.id")).json() == [
        [first, None],
        [second, "new"],
    ]
    assert (await icat.ask("SELECT COUNT(f) FROM Facility f")).text == "[2]"

    deleted = await icat.delete([{"Facility": {"id": first}}, {"Facility": {"id": second}}])
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await icat.ask("SELECT f FROM Facility f")).text == "[]"


async def test_one_object_may_be_deleted_without_an_array(icat: Icat) -> None:
    (identifier,) = (await icat.write({"Facility": {"name": "F"}})).json()
    assert (await icat.delete({"Facility": {"id": identifier}})).status_code == 204


async def test_errors_carry_the_offset_only_where_it_means_something(icat: Icat) -> None:
    assert (await icat.write({"Facility": {"name": "LILS"}})).status_code == 200
    twice = await icat.write([{"Facility": {"name": "other"}}, {"Facility": {"name": "LILS"}}])
    assert twice.status_code == 412
    assert twice.text == '{"code":"OBJECT_ALREADY_EXISTS","message":"Facility exists with name = \'LILS\'","offset":1}'
    missing = await icat.ask("Dataset", id="4711")
    assert missing.status_code == 404
    assert missing.text == '{"code":"NO_SUCH_OBJECT_FOUND","message":"Dataset[id:4711] not found."}'
    assert (await icat.ask("SELECT COUNT(f) FROM Facility f")).text == "[1]"


async def test_a_stranger_may_neither_see_nor_write_what_the_administrator_may(icat: Icat) -> None:
    (identifier,) = (await icat.write({"Facility": {"name": "F"}})).json()
    stranger = Icat(icat.http)
    await stranger.login("simple", {"username": "ann", "password": "pw"})
    assert (await stranger.ask("SELECT f FROM Facility f")).text == "[]"
    assert (await stranger.ask("SELECT COUNT(f) FROM Facility f")).text == "[0]"
    forbidden = (403, "INSUFFICIENT_PRIVILEGES")
    assert error(await stranger.ask("Facility", id=str(identifier)))[:2] == forbidden
    assert error(await stranger.write({"Facility": {"name": "G"}}))[:2] == forbidden
    assert error(await stranger.write({"Facility": {"id": identifier, "name": "G"}}))[:2] == forbidden
    assert error(await stranger.delete({"Facility": {"id": identifier}}))[:2] == forbidden
    assert len((await icat.ask("SELECT f FROM Facility f")).json()) == 1


async def test_arguments_are_checked_before_the_session(shared: Icat) -> None:
    http = shared.http
    assert error(await http.get("/icat/entityManager")) == (400, "BAD_PARAMETER", "query is not set")
    assert error(await http.post("/icat/entityManager")) == (400, "BAD_PARAMETER", "entities is not set")
    assert error(await http.delete("/icat/entityManager")) == (400, "BAD_PARAMETER", "entities is not set")
    stranger = Icat(http)
    for entities, status, message in [
        ("rubbish", 400, " in json rubbish"),
        (
            {"Dataset": {"id": 1}, "Facility": {"id": 1}},
            400,
            "entity must have one keyword followed by its values in json",
        ),
        ({"Dataset": {"id": 1, "name": "x"}}, 400, "entity must have only the id value specified in json"),
        ({"Dataset": {}}, 400, "entity must have the id value specified in json"),
        ({"Nonsense": {"id": 1}}, 400, "Nonsense is not an ICAT entity"),
        ({"Dataset": {"id": 1}}, 403, "Session Id cannot be null or empty."),
    ]:
        answer = error(await stranger.delete(entities))
        assert answer[0] == status
        assert message in answer[2]
    assert error(await stranger.write({"Facility": {"name": "x"}}))[1] == "SESSION"


async def test_a_clone_gets_a_new_name_and_another_id(icat: Icat) -> None:
    (identifier,) = (await icat.write({"Facility": {"name": "F", "investigationTypes": [{"name": "t"}]}})).json()
    form = {"sessionId": icat.session, "name": "Facility", "id": str(identifier), "keys": '{"name":"G"}'}
    answer = await icat.http.post("/icat/cloner", data=form)
    assert list(answer.json()) == ["id"]
    clone = (await icat.ask("Facility INCLUDE InvestigationType", id=str(answer.json()["id"]))).json()["Facility"]
    assert clone["name"] == "G"
    assert [t["name"] for t in clone["investigationTypes"]] == ["t"]
    for change, status in [
        ({"id": "x"}, 400),
        ({"name": "Nonsense"}, 400),
        ({"keys": "[]"}, 400),
        ({"keys": '{"name":3}'}, 400),
        ({"keys": "{"}, 400),
        ({"keys": '{"name":"G"}'}, 412),
        ({"id": "4711"}, 404),
        ({"sessionId": "x"}, 403),
    ]:
        assert error(await icat.http.post("/icat/cloner", data={**form, **change}))[0] == status
    del form["keys"]
    assert error(await icat.http.post("/icat/cloner", data=form)) == (400, "BAD_PARAMETER", "keys is not set")


@pytest.mark.parametrize("number", ["x", "1.5", "99999999999999999999", "\u0661", "1_0", " 1"])
async def test_an_id_that_is_no_number_is_answered_like_an_unknown_path(shared: Icat, number: str) -> None:
    assert error(await shared.ask("Facility", id=number))[:2] == (404, "NOT_IMPLEMENTED")


@pytest.mark.parametrize("path", ["/icat/", "/icat/nope", "/icat/version/", "/icat/version/x", "/icat/user/a/b/c"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_an_unknown_path(shared: Icat, path: str, method: str) -> None:
    answer = await shared.http.request(method, path)
    assert answer.status_code == 404
    assert answer.text == '{"code":"NOT_IMPLEMENTED","message":"Operation not implemented by this ICAT server."}'


@pytest.mark.parametrize("path", RESOURCES)
async def test_wrong_methods_are_refused_and_options_answered_everywhere(shared: Icat, path: str) -> None:
    url = "/icat" + path.format(session_id="x", name="x", mnemonic="y", seconds=0, entity="z", min_id=0)
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "X"} - set(RESOURCES[path]):
        answer = await shared.http.request(method, url)
        assert error(answer)[:2] == (405, "NOT_IMPLEMENTED")
        assert set(RESOURCES[path]) <= set(answer.headers["allow"].split(", "))
        assert answer.headers["access-control-allow-origin"] == "*"
    options = await shared.http.options(url)
    assert (options.status_code, options.content) == (200, b"")
    assert options.headers["access-control-allow-methods"] == "GET, POST, DELETE, PUT"


async def test_head_answers_without_a_body(shared: Icat) -> None:
    answer = await shared.http.head("/icat/version")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_test_aids_exist_only_where_they_are_switched_on(shared: Icat, database_url: str) -> None:
    slept = (await shared.http.get("/icat/sleep/0")).json()
    assert list(slept) == ["slept"]
    waited = await shared.http.post("/icat/waitMillis", data={"sessionId": shared.session, "ms": "1"})
    assert (waited.status_code, waited.content) == (204, b"")
    ordinary = Icat(shared.http)
    await ordinary.login("anon")
    refused = await shared.http.post("/icat/waitMillis", data={"sessionId": ordinary.session, "ms": "1"})
    assert error(refused) == (403, "INSUFFICIENT_PRIVILEGES", "user must be in rootUserNames")
    async with Opened(settings_for(database_url)) as other:
        assert error(await other.http.get("/icat/sleep/0"))[0] == 404
        assert error(await other.http.post("/icat/waitMillis", data={"ms": "1"}))[0] == 404


async def test_a_request_that_takes_too_long_is_stopped(database_url: str) -> None:
    settings = settings_for(database_url, server={"sleep_enabled": True, "request_timeout_s": 0.2})
    async with Opened(settings) as icat:
        assert error(await icat.http.get("/icat/sleep/20"))[:2] == (504, "INTERNAL")
        assert (await icat.http.get("/icat/version")).status_code == 200


async def test_strangers_and_what_is_not_offered(shared: Icat) -> None:
    for cache in ("markPublicTablesStale", "markPublicStepsStale"):
        assert error(await shared.http.post(f"/icat/gatekeeper/{cache}"))[:2] == (403, "INSUFFICIENT_PRIVILEGES")
    assert error(await shared.http.get("/icat/jpql"))[:2] == (501, "NOT_IMPLEMENTED")


async def test_a_body_that_is_too_large_is_refused_announced_or_not(shared: Icat) -> None:
    body = b"entities=" + b"x" * 2**20

    async def unannounced() -> Any:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    for content in (body, unannounced()):
        answer = await shared.http.post("/icat/entityManager", content=content, headers=FORM)
        assert error(answer)[:2] == (413, "BAD_PARAMETER")
    allowed = await shared.http.post("/icat/entityManager", content=body[: 2**20], headers=FORM)
    assert error(allowed)[1] == "SESSION"


async def test_only_url_encoded_bodies_are_taken(shared: Icat) -> None:
    answer = await shared.http.post("/icat/entityManager", json={"entities": []})
    assert error(answer)[:2] == (400, "BAD_PARAMETER")


async def test_nesting_has_a_limit(shared: Icat) -> None:
    nested: Any = {"name": "x"}
    for _ in range(40):
        nested = {"name": "x", "investigations": [nested]}
    assert error(await shared.write({"Facility": nested}))[0] in {400, 413}
    assert error(await shared.write("[" * 100_000))[:2] == (400, "BAD_PARAMETER")


async def test_a_large_answer_is_streamed_and_complete(icat: Icat) -> None:
    types = [{"name": f"type {number:04}"} for number in range(1201)]
    assert (await icat.write({"Facility": {"name": "F", "investigationTypes": types}})).status_code == 200
    answer = await icat.ask("SELECT t.name FROM InvestigationType t ORDER BY t.name")
    assert answer.json() == [t["name"] for t in types]
    whole = (await icat.ask("SELECT t FROM InvestigationType t ORDER BY t.name")).json()
    assert [row["InvestigationType"]["name"] for row in whole] == [t["name"] for t in types]


async def test_a_log_of_a_session_holds_neither_its_id_nor_passwords(icat: Icat) -> None:
    with capture_logs() as written:
        await icat.login("simple", {"username": "ann"}, {"password": "pw-that-is-wrong"})
        await icat.login("simple", {"username": "ann"}, {"password": "pw"})
        await icat.ask("SELECT f FROM Facility f")
        await icat.http.get(f"/icat/session/{icat.session}")
        await icat.http.delete(f"/icat/session/{icat.session}")
        await icat.ask("SELECT f FROM Facility f")
    assert len(written) >= 6
    assert icat.session not in str(written)
    assert "pw-that-is-wrong" not in str(written)
    assert [line["operation"] for line in written if line["event"] == "request"] == [
        "login",
        "login",
        "search",
        "session",
        "logout",
        "search",
    ]


async def test_requests_at_the_same_time_keep_their_ids_apart(shared: Icat) -> None:
    answers = await asyncio.gather(
        *(shared.http.get(f"/icat/session/{n}", headers={"X-Request-ID": f"r{n}"}) for n in range(20))
    )
    assert [answer.headers["x-request-id"] for answer in answers] == [f"r{n}" for n in range(20)]


async def test_the_pages_beside_the_protocols(icat: Icat) -> None:
    assert (await icat.http.get("/healthz")).text == "ok\n"
    assert (await icat.http.get("/readyz")).json() == {"ready": True}
    page = await icat.http.get("/")
    assert "Beamcat" in page.text
    assert 'src="http' not in page.text
    numbers = (await icat.http.get("/metrics")).text
    assert 'beamcat_sessions{authenticator="simple",state="live"} 1.0' in numbers
    assert 'beamcat_requests_total{door="icat_rest",operation="login",status="200"} 1.0' in numbers


async def test_a_worker_without_a_database_says_so() -> None:
    async with Opened(settings_for("postgresql://nobody@127.0.0.1:1/nowhere?connect_timeout=1")) as icat:
        assert (await icat.http.get("/healthz")).status_code == 200
        ready = await icat.http.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["reasons"]
        away = await icat.http.get("/icat/entityManager", params={"query": "Facility"})
        assert error(away)[:2] == (503, "INTERNAL")
        assert away.headers["retry-after"]
        assert (await icat.http.get("/metrics")).status_code == 200
