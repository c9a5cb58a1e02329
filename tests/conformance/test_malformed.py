"""Whatever a client sends, the fault is never the server's: no 5xx, and an error in ICAT's form."""

from __future__ import annotations

import json
import re
import socket
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import schemathesis
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from beamcat.doors.icat_rest.door import RESOURCES
from beamcat.model import BASE_ATTRIBUTES, ICAT_ENTITIES, Attribute, Kind
from tests.conformance.answers import check, check_answer, modest
from tests.conformance.client import Session
from tests.conformance.conftest import Base, Running

DESCRIPTION = Path(__file__).with_name("icat-rest-openapi.yaml")
api = schemathesis.openapi.from_path(DESCRIPTION)


def unnamed(path: str) -> str:
    """The path with the names of its parts left out."""
    return re.sub(r"\{\w+\}", "{}", path)


CALLS = [
    (path, method.upper())
    for path, item in yaml.safe_load(DESCRIPTION.read_text())["paths"].items()
    for method in item
    if method != "parameters"
]
BY_ROOT = re.compile("entityManager|cloner|waitMillis|jpql|lucene|search|facet")


def test_the_description_names_every_call() -> None:
    described = {(method, unnamed(path)) for path, method in CALLS}
    assert described == {(method, unnamed(f"/icat{path}")) for path, methods in RESOURCES.items() for method in methods}


@pytest.mark.parametrize(("path", "method"), CALLS)
def test_generated_calls_by_strangers(path: str, method: str, running_server: Running) -> None:
    @given(case=api[path][method].as_strategy())
    @modest
    def ask(case: schemathesis.Case) -> None:
        answer = case.call(base_url=running_server.url)
        check(answer.status_code, answer.content, (answer.headers.get("content-type") or [""])[0])

    ask()


@pytest.mark.parametrize(("path", "method"), [call for call in CALLS if BY_ROOT.search(call[0])])
def test_generated_calls_by_root(path: str, method: str, running_server: Running, root: Session) -> None:
    @given(case=api[path][method].as_strategy())
    @modest
    def ask(case: schemathesis.Case) -> None:
        if isinstance(case.query, dict):
            case.query["sessionId"] = root.id
        if isinstance(case.body, dict):
            case.body["sessionId"] = root.id
        answer = case.call(base_url=running_server.url)
        check(answer.status_code, answer.content, (answer.headers.get("content-type") or [""])[0])

    ask()


# Bodies: JSON that is nearly right

NAMES = sorted({*ICAT_ENTITIES, "Parameter", "Session", "Account", "facility", ""})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(
        [
            "2001-01-01T17:59:00.000Z",
            "2001-02-30T00:00:00.000Z",
            "9999-12-31T23:59:59.999-12:00",
            "NUMERIC",
            "NEW",
            "x" * 300,
        ]
    )
    | st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 1e308, float("nan"), float("inf")])
)


def members_of(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Members of an entity, mostly by their true names, with any value."""
    entity = ICAT_ENTITIES.get(name)
    known = [*entity.fields, "nonsense"] if entity else [attribute.name for attribute in BASE_ATTRIBUTES]
    return st.dictionaries(st.sampled_from(known), values, max_size=5)


VALUES = st.recursive(
    SCALARS | st.builds(lambda identifier: {"id": identifier}, st.integers(1, 20)),
    lambda inner: st.lists(inner, max_size=3) | st.sampled_from(NAMES).flatmap(lambda name: members_of(name, inner)),
    max_leaves=8,
)
ELEMENTS = st.sampled_from(NAMES).flatmap(
    lambda name: st.builds(lambda members: {name: members}, members_of(name, VALUES) | VALUES)
)
WRITES = ELEMENTS | st.lists(ELEMENTS, max_size=3) | VALUES


@dataclass(frozen=True)
class Existing:
    """Stands for the id of an object that is there."""

    entity: str
    choice: int


MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}.000Z")
FITTING: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.STRING: st.text(max_size=12) | st.sampled_from(["Dataset", "datafiles", "R", "CRUD", "ds [name = 'x']"]),
    Kind.LONG: st.integers(-(2**63), 2**63 - 1) | st.integers(0, 10),
    Kind.INTEGER: st.integers(-(2**31), 2**31 - 1),
    Kind.DOUBLE: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
    Kind.BOOLEAN: st.booleans(),
    Kind.DATETIME: MOMENTS,
    Kind.ENUM: st.sampled_from(["NUMERIC", "STRING", "DATE_AND_TIME", "new", "COMPLETE"]),
}


def mostly(right: st.SearchStrategy[Any], wrong: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nine times out of ten what is right."""
    return st.integers(0, 9).flatmap(lambda chance: wrong if chance == 9 else right)


def a_value(attribute: Attribute) -> st.SearchStrategy[Any]:
    return mostly(FITTING[attribute.kind], SCALARS)


def well_meant(name: str, depth: int = 1) -> st.SearchStrategy[Any]:
    """The members of an object: every required one, mostly right, so that much gets past the first checks."""
    entity = ICAT_ENTITIES[name]
    references = {r: mostly(st.builds(Existing, st.just(r.target), st.integers(0, 9)), SCALARS) for r in entity.to_one}
    required = {
        **{a.name: a_value(a) for a in entity.attributes if a.required},
        **{r.name: value for r, value in references.items() if r.required},
    }
    optional = {
        **{a.name: a_value(a) for a in entity.attributes if not a.required},
        **{r.name: value for r, value in references.items() if not r.required},
    }
    if depth:
        optional |= {r.name: st.lists(well_meant(r.target, depth - 1), max_size=2) for r in entity.to_many}
    return st.fixed_dictionaries(required, optional=optional)


WELL_MEANT = st.sampled_from(sorted(ICAT_ENTITIES)).flatmap(
    lambda name: st.builds(
        lambda members, update: {name: {**members, **({"id": Existing(name, 0)} if update else {})}},
        well_meant(name),
        st.booleans(),
    )
)


@pytest.fixture(scope="module")
def existing(base_once: Base, root: Session) -> dict[str, list[int]]:
    return {name: root.search(f"SELECT x.id FROM {name} x") for name in ICAT_ENTITIES}


def with_ids(value: Any, existing: dict[str, list[int]]) -> Any:
    """The value with true ids in place of `Existing`."""
    match value:
        case Existing(entity, choice):
            ids = existing[entity]
            return {"id": ids[choice % len(ids)] if ids else 1}
        case dict():
            members = {name: with_ids(member, existing) for name, member in value.items()}
            return {**members, "id": members["id"]["id"]} if isinstance(value.get("id"), Existing) else members
        case list():
            return [with_ids(element, existing) for element in value]
        case _:
            return value


@given(entities=WELL_MEANT | st.lists(WELL_MEANT, min_size=1, max_size=3))
@settings(modest, max_examples=300)
def test_well_meant_objects(entities: Any, existing: dict[str, list[int]], root: Session) -> None:
    form = {"sessionId": root.id, "entities": json.dumps(with_ids(entities, existing))}
    check_answer(root.http.post("/icat/entityManager", data=form))


@given(entities=WRITES)
@settings(modest, max_examples=150)
def test_nearly_right_objects(entities: Any, root: Session) -> None:
    form = {"sessionId": root.id, "entities": json.dumps(entities)}
    check_answer(root.http.post("/icat/entityManager", data=form))


@given(entities=WRITES)
@settings(modest, max_examples=60)
def test_nearly_right_deletions(entities: Any, root: Session) -> None:
    parameters = {"sessionId": root.id, "entities": json.dumps(entities)}
    check_answer(root.http.delete("/icat/entityManager", params=parameters))


@given(name=st.sampled_from(NAMES), id=SCALARS.map(str), keys=VALUES.map(json.dumps))
@modest
def test_nearly_right_copies(name: str, id: str, keys: str, root: Session) -> None:
    form = {"sessionId": root.id, "name": name, "id": id, "keys": keys}
    check_answer(root.http.post("/icat/cloner", data=form))


@pytest.mark.parametrize("bracket", ["[", '{"Facility":', '{"a":['])
def test_deeply_nested_json_is_refused(root: Session, bracket: str) -> None:
    for depth in (30, 1_000, 200_000):
        form = {"sessionId": root.id, "entities": bracket * depth}
        answer = root.http.post("/icat/entityManager", data=form)
        check_answer(answer)
        assert 400 <= answer.status_code < 500


def nested(depth: int) -> str:
    """A facility with a type, whose own members are nested so many times."""
    return '{"Facility":{"name":"outer","investigationTypes":[{"name":' + '{"id":' * depth + "1" + "}" * depth + "}]}}"


def test_deeply_nested_objects_are_refused_and_shallow_ones_are_not(empty: Session) -> None:
    shallow = '{"Facility":{"name":"outer","investigationTypes":[{"name":"inner"}]}}'
    assert len(empty.write_text(shallow)) == 1
    for depth in (100, 1_000, 100_000):
        answer = empty.http.post("/icat/entityManager", data={"sessionId": empty.id, "entities": nested(depth)})
        check_answer(answer)
        assert answer.status_code in {400, 413}
    assert empty.search("COUNT(Facility)") == [1]


# Requests: bytes on the wire


def exchange(url: str, request: bytes) -> bytes:
    """What comes back for these bytes; empty when the connection is closed without an answer."""
    parts = urlsplit(url)
    assert parts.hostname
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            return b""
    return received


def is_no_fault(received: bytes) -> bool:
    status_line = received.partition(b"\r\n")[0]
    return not received or not status_line.startswith((b"HTTP/1.1 5", b"HTTP/1.0 5")) or b" 501 " in status_line


TOKENS = st.text(string.ascii_letters + "-", min_size=1, max_size=12).map(str.encode)
PATHS = [b"entityManager", b"session", b"session/%00", b"user/%FF", b"cloner", b"user/a/b/c", b"../x", b"%2e%2e"]
BODIES = [b"json=%", b"json=%FF", b"entities=%00", b"entities=[&sessionId", b"=&=&&"]
BYTES = st.binary(max_size=60).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b""))


@given(
    method=st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS", b"TRACE"]) | TOKENS,
    path=st.sampled_from(PATHS),
    parameters=st.text(max_size=20).map(lambda text: quote(text).encode()) | BYTES,
    headers=st.lists(st.tuples(TOKENS, BYTES), max_size=4),
    content_type=st.sampled_from(
        [
            b"application/x-www-form-urlencoded",
            b"application/x-www-form-urlencoded;charset=latin-9",
            b"application/json",
            b"multipart/form-data; boundary=x",
            b"multipart/form-data",
            b"\xff",
            b"",
        ]
    ),
    body=st.binary(max_size=200) | st.sampled_from(BODIES),
    announced=st.none() | st.integers(-2, 500) | st.just(2**70),
)  # fmt: skip
@settings(modest, max_examples=150)
def test_requests_of_any_bytes(
    method: bytes,
    path: bytes,
    parameters: bytes,
    headers: list[tuple[bytes, bytes]],
    content_type: bytes,
    body: bytes,
    announced: int | None,
    running_server: Running,
) -> None:
    length = len(body) if announced is None else announced
    lines = [
        method + b" /icat/" + path + b"?" + parameters + b" HTTP/1.1",
        b"Host: localhost",
        b"Connection: close",
        b"Content-Type: " + content_type,
        b"Content-Length: " + str(length).encode(),
        *(name + b": " + value for name, value in headers),
    ]
    assert is_no_fault(exchange(running_server.url, b"\r\n".join(lines) + b"\r\n\r\n" + body))


@given(request=st.binary(max_size=300))
@modest
def test_noise_on_the_wire(request: bytes, running_server: Running) -> None:
    assert is_no_fault(exchange(running_server.url, request))


def test_the_server_still_answers_afterwards(root: Session, make_base: Callable[[], Base]) -> None:
    make_base()
    assert root.search("COUNT(Dataset)") == [4]
