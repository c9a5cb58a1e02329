"""Traces, received by a collector of our own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from beamcat.config import LoggingSettings
from beamcat.observability.metrics import Metrics
from beamcat.observability.middleware import Observed
from beamcat.observability.requests import describe
from beamcat.observability.tracing import open_tracing, span, traces_url

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector(HTTPServer):
    """Takes traces as OTLP over HTTP has them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[Span] = []
        self.paths: set[str] = set()


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        message = ExportTraceServiceRequest.FromString(body)
        self.server.paths.add(self.path)
        self.server.spans += [s for r in message.resource_spans for scope in r.scope_spans for s in scope.spans]
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def app(scope: Any, receive: Any, send: Any) -> None:
    describe("icat_rest", "search")
    with span("database.statement", table="dataset"):
        await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def ask(observed: Observed, headers: dict[str, str] | None = None) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(observed), base_url="http://beamcat") as client:
        await client.get("/icat/entityManager", headers=headers)


async def test_a_request_and_its_statements_arrive_as_one_trace(collector: Collector) -> None:
    tracing = open_tracing(LoggingSettings(otlp_endpoint=f"http://127.0.0.1:{collector.server_port}"), "1")
    assert tracing is not None
    await ask(
        Observed(app, Metrics(), lambda: tracing.tracer),
        {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Request-ID": "r-1"},
    )
    await asyncio.to_thread(tracing.close)
    statement, request = sorted(collector.spans, key=lambda s: s.name)
    assert collector.paths == {"/v1/traces"}
    assert (statement.name, request.name) == ("database.statement", "icat_rest search")
    assert statement.parent_span_id == request.span_id
    assert request.trace_id.hex() == TRACE
    attributes = {a.key: a.value.string_value or a.value.int_value for a in request.attributes}
    assert attributes["beamcat.request_id"] == "r-1"
    assert attributes["http.response.status_code"] == 404


async def test_no_request_is_traced_at_a_ratio_of_nought(collector: Collector) -> None:
    settings = LoggingSettings(otlp_endpoint=f"http://127.0.0.1:{collector.server_port}", trace_sample_ratio=0)
    tracing = open_tracing(settings, "1")
    assert tracing is not None
    await ask(Observed(app, Metrics(), lambda: tracing.tracer))
    await asyncio.to_thread(tracing.close)
    assert collector.spans == []


async def test_without_a_collector_nothing_is_traced() -> None:
    assert open_tracing(LoggingSettings(), "1") is None
    await ask(Observed(app, Metrics()))
    with span("outside of requests") as nothing:
        assert nothing is None


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [("http://c:4318", "http://c:4318/v1/traces"), ("http://c/v1/traces/", "http://c/v1/traces")],
)
def test_traces_go_below_the_endpoint(endpoint: str, url: str) -> None:
    assert traces_url(endpoint) == url
