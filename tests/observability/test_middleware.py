"""What happens around every request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from beamcat.errors import Unavailable
from beamcat.observability.metrics import Metrics
from beamcat.observability.middleware import Observed
from beamcat.observability.requests import ObservedRequest, about, current_id, describe, name_outcome, name_user


async def app(scope: Any, receive: Any, send: Any) -> None:
    describe("test", "echo")
    name_user("db/ann")
    if scope["path"] == "/fault":
        raise RuntimeError("inside: secret table")
    body = f"{current_id()} {scope['client'][0]} {scope['scheme']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body[:3], "more_body": True})
    if scope["path"] == "/late":
        raise RuntimeError("too late")
    await send({"type": "http.response.body", "body": body[3:]})


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def client(metrics: Metrics) -> AsyncIterator[httpx.AsyncClient]:
    observed = Observed(app, metrics, trusted_proxies=["10.0.0.0/8", "127.0.0.1"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(observed), base_url="http://beamcat") as opened:
        yield opened


async def test_the_id_of_a_request_is_the_clients_or_a_new_one(client: httpx.AsyncClient) -> None:
    offered = await client.get("/", headers={"X-Request-ID": "mine-7"})
    assert offered.headers["x-request-id"] == "mine-7"
    assert offered.text.startswith("mine-7 ")
    made = await client.get("/", headers={"X-Request-ID": "not sane"})
    assert made.text.startswith(made.headers["x-request-id"])
    assert made.headers["x-request-id"] != "not sane"


async def test_a_fault_is_logged_with_its_id_and_shown_without_its_insides(client: httpx.AsyncClient) -> None:
    with capture_logs() as written:
        answer = await client.get("/fault", headers={"X-Request-ID": "f-1"})
    assert answer.status_code == 500
    assert "f-1" in answer.text
    assert "secret" not in answer.text
    assert [line["event"] for line in written] == ["unforeseen fault", "request"]
    assert "secret table" in str(written[0]["exc_info"])


async def test_a_fault_in_the_middle_of_an_answer_breaks_it_off(client: httpx.AsyncClient) -> None:
    with pytest.raises(RuntimeError, match="too late"):
        await client.get("/late")


async def test_a_line_is_written_per_request(client: httpx.AsyncClient) -> None:
    with capture_logs() as written:
        await client.get("/?sessionId=secret")
    (line,) = written
    assert (line["door"], line["operation"], line["status"], line["method"]) == ("test", "echo", 200, "GET")
    assert line["ms"] >= 0
    assert "secret" not in str(line)


async def test_requests_are_counted_by_door_operation_and_status(client: httpx.AsyncClient, metrics: Metrics) -> None:
    await client.get("/")
    await client.get("/")
    await client.get("/fault")
    page = metrics.page([("anon", 3, 1)]).decode()
    assert 'beamcat_requests_total{door="test",operation="echo",status="200"} 2.0' in page
    assert 'beamcat_requests_total{door="test",operation="echo",status="500"} 1.0' in page
    assert 'beamcat_request_seconds_count{door="test",operation="echo"} 3.0' in page
    assert "beamcat_requests_in_progress 0.0" in page
    assert 'beamcat_sessions{authenticator="anon",state="live"} 3.0' in page


@pytest.mark.parametrize(
    ("forwarded", "client_seen"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.99, 192.0.2.7, 10.1.1.1", "192.0.2.7"),
        ("nonsense, 10.1.1.1", "10.1.1.1"),
        ("", "127.0.0.1"),
    ],
)
async def test_the_client_behind_trusted_proxies_is_seen(
    client: httpx.AsyncClient, forwarded: str, client_seen: str
) -> None:
    answer = await client.get("/", headers={"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"})
    assert answer.text.split(" ")[1:] == [client_seen, "https"]


async def test_a_stranger_may_not_say_who_he_is(metrics: Metrics) -> None:
    observed = Observed(app, metrics, trusted_proxies=["10.0.0.0/8"])
    transport = httpx.ASGITransport(observed, client=("192.0.2.1", 9))
    async with httpx.AsyncClient(transport=transport, base_url="http://beamcat") as client:
        answer = await client.get("/", headers={"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"})
    assert answer.text.split(" ")[1:] == ["192.0.2.1", "http"]


Noted = list[tuple[ObservedRequest, float]]


async def noted_of(answering: Any, metrics: Metrics) -> tuple[ObservedRequest, float]:
    """What is noted of a request to an application, whether or not that fails."""
    noted: Noted = []
    observed = Observed(answering, metrics, note=lambda request, seconds: noted.append((request, seconds)))
    transport = httpx.ASGITransport(observed, raise_app_exceptions=False, client=("192.0.2.1", 9))
    async with httpx.AsyncClient(transport=transport, base_url="http://beamcat") as client:
        await client.get("/", headers={"X-Request-ID": "n-1"})
    ((request, seconds),) = noted
    return request, seconds


async def begin(send: Any, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})


async def test_a_request_is_noted_when_the_last_byte_is_sent(metrics: Metrics) -> None:
    async def streaming(scope: Any, receive: Any, send: Any) -> None:
        about("search", query="q").entity = "Dataset"
        about("get", query="another")
        await begin(send)
        for number in range(3):
            await asyncio.sleep(0.02)
            await send({"type": "http.response.body", "body": b"x", "more_body": number < 2})

    request, seconds = await noted_of(streaming, metrics)
    assert seconds >= 0.06
    assert (request.id, request.client, request.outcome) == ("n-1", "192.0.2.1", "ok")
    assert request.subject is not None
    assert (request.subject.operation, request.subject.query, request.subject.entity) == ("search", "q", "Dataset")


async def refusing(scope: Any, receive: Any, send: Any) -> None:
    name_outcome("FORBIDDEN")
    await begin(send, 403)
    await send({"type": "http.response.body", "body": b""})


async def refusing_without_a_word(scope: Any, receive: Any, send: Any) -> None:
    await begin(send, 405)
    await send({"type": "http.response.body", "body": b""})


async def failing(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("a fault")


async def failing_in_the_middle(scope: Any, receive: Any, send: Any) -> None:
    await begin(send)
    raise Unavailable("away")


async def stopping_in_the_middle(scope: Any, receive: Any, send: Any) -> None:
    await begin(send)
    await send({"type": "http.response.body", "body": b"x", "more_body": True})


@pytest.mark.parametrize(
    ("answering", "outcome"),
    [
        (refusing, "FORBIDDEN"),
        (refusing_without_a_word, "BAD_PARAMETER"),
        (failing, "INTERNAL"),
        (failing_in_the_middle, "UNAVAILABLE"),
        (stopping_in_the_middle, "BROKEN_OFF"),
    ],
)
async def test_what_went_wrong_is_noted(metrics: Metrics, answering: Any, outcome: str) -> None:
    observed: Noted = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    application = Observed(answering, metrics, note=lambda request, seconds: observed.append((request, seconds)))
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}
    with contextlib.suppress(Unavailable):
        await application(scope, receive, send)
    assert [request.outcome for request, _ in observed] == [outcome]
