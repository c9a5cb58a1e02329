"""Whatever strangers send: an answer in ICAT's words, and never a fault of ours."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from beamcat.model import ICAT_ENTITIES

from .conftest import Icat

hostile = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
names = st.sampled_from(sorted(ICAT_ENTITIES))
members = st.sampled_from(
    [
        "id",
        "name",
        "createTime",
        "facility",
        "investigations",
        "datasets",
        "numericValue",
        "startDate",
        "complete",
        "what",
        "x",
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.just("2020-01-01T00:00:00.000Z")
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner, max_size=4))
objects = st.dictionaries(names | st.text(max_size=5), values | st.dictionaries(members, values), max_size=2)
WORDS = (
    "SELECT FROM WHERE Dataset ds . name = ' ( ) INCLUDE 1 LIMIT , {ts \0 BY ORDER COUNT( - / 0 :user <-> [ ] LIKE "
    "\ud800 \u00e9 DISTINCT id NOT IN"
)
words = st.sampled_from(WORDS.split(" "))
queries = st.lists(words).map(" ".join) | st.text()
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"])
paths = st.sampled_from(
    [
        "entityManager",
        "session",
        "session/%00",
        "session/%ff",
        "user/%00/x",
        "cloner",
        "sleep/-1",
        "version",
    ]
)


def text_of(value: str) -> str:
    """Half surrogates cannot be sent; what a client sends instead is this."""
    return value.encode("utf-8", "replace").decode()


def assert_no_fault(answer: httpx.Response) -> None:
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    if answer.status_code >= 400:
        assert list(answer.json())[:2] == ["code", "message"]


@hostile
@given(queries, st.none() | st.text() | st.integers())
@example("SELECT d FROM Dataset d WHERE d.name = '\0'", None)
@example("SELECT 1/0 FROM Facility f", None)
async def test_queries(shared: Icat, query: str, identifier: Any) -> None:
    more = {} if identifier is None else {"id": text_of(str(identifier))}
    assert_no_fault(await shared.ask(text_of(query), **more))


@hostile
@given(st.lists(objects, max_size=3) | objects | values)
@example([{"Facility": {"name": "\0"}}])
@example([{"Facility": {"name": "x" * 300}}])
@example({"Facility": {"id": 2**63}})
@example({"Facility": {"name": "y", "daysUntilRelease": 2**40}})
@example({"Dataset": {"name": "n", "complete": 1, "investigation": {"id": None}, "type": 3}})
async def test_entities(shared: Icat, entities: Any) -> None:
    assert_no_fault(await shared.write(json.dumps(entities)))
    assert_no_fault(await shared.delete(json.dumps(entities)))


@hostile
@given(methods, paths, st.binary(max_size=200), st.binary(max_size=100))
@example("POST", "session", b'json={"plugin":"simple","credentials":[{"username":"%00","password":"x"}]}', b"")
@example("POST", "session", b'json={"plugin":"db","credentials":[{"username":"\\ud800","password":"\\ud800"}]}', b"")
@example("POST", "session", b'json={"plugin":"\\u0000"}', b"")
@example("GET", "entityManager", b"", b"query=%ff")
async def test_requests_of_any_kind(shared: Icat, method: str, path: str, body: bytes, query: bytes) -> None:
    url = httpx.URL("http://beamcat").copy_with(raw_path=f"/icat/{path}?".encode() + query.hex("%").encode())
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await shared.http.request(method, url, content=body, headers=form)
    if method != "HEAD":
        assert_no_fault(answer)
