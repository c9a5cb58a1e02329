"""What happens around every request: an id, a log line, a measurement, a trace, the true address of the client."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from opentelemetry.trace import Tracer

from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import logger
from beamcat.observability.metrics import Metrics
from beamcat.observability.requests import CURRENT, ObservedRequest, request_id
from beamcat.observability.tracing import request_span

WELL = "ok"
"""The outcome of a request that was answered as it was meant to be."""
BROKEN_OFF = "BROKEN_OFF"
"""The outcome of a request whose answer did not arrive in full: the client went away."""

_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_FAULT = b"Something went wrong here. Request id: "

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Note = Callable[[ObservedRequest, float], None]
"""Takes a request that has ended, and how many seconds it took."""


class _Headers:
    """The headers of a request, by their lower-case names."""

    def __init__(self, scope: Scope) -> None:
        self._pairs: Sequence[tuple[bytes, bytes]] = scope["headers"]

    def get(self, name: str) -> str | None:
        wanted = name.encode("latin-1")
        return next((value.decode("latin-1") for key, value in self._pairs if key == wanted), None)

    def every(self, name: str) -> list[str]:
        wanted = name.encode("latin-1")
        return [value.decode("latin-1") for key, value in self._pairs if key == wanted]


class Observed:
    """An ASGI application with everything that is written down about its requests.

    A fault that no door has dealt with is logged and answered with 500 and the request's id, nothing more. `note` is
    handed every request when its last byte is on its way.
    """

    def __init__(
        self,
        app: Application,
        metrics: Metrics,
        tracer: Callable[[], Tracer | None] = lambda: None,
        trusted_proxies: Sequence[str] = (),
        note: Note = lambda _request, _seconds: None,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer
        self._note = note
        self._proxies = tuple(ipaddress.ip_network(network, strict=False) for network in trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass lifespan events on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _Headers(scope)
        if self._proxies:
            _believe_proxies(scope, headers, self._proxies)
        client = scope["client"][0] if scope.get("client") else None
        request = ObservedRequest(request_id(headers.get("x-request-id")), tracer=self._tracer(), client=client)
        token = CURRENT.set(request)
        try:
            if request.tracer is None:
                await self._answer(request, scope, receive, send)
            else:
                with request_span(request.tracer, scope["method"], headers.get) as span:
                    status = await self._answer(request, scope, receive, send)
                    span.update_name(f"{request.door} {request.operation}")
                    span.set_attributes(
                        {
                            "beamcat.door": request.door,
                            "beamcat.operation": request.operation,
                            "beamcat.request_id": request.id,
                            "http.request.method": scope["method"],
                            "http.response.status_code": status,
                        }
                    )
        finally:
            CURRENT.reset(token)

    async def _answer(self, request: ObservedRequest, scope: Scope, receive: Receive, send: Send) -> int:
        status, complete = 0, False
        header = (b"x-request-id", request.id.encode("ascii"))

        async def send_with_id(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)
            complete = complete or (message["type"] != "http.response.start" and not message.get("more_body"))

        started = time.perf_counter()
        self._metrics.started()
        try:
            await self._app(scope, receive, send_with_id)
        except Exception as fault:
            if status and isinstance(fault, BeamcatError) and fault.kind is ErrorKind.FORBIDDEN:
                logger().warning("an answer is broken off", error=fault.message, door=request.door)
            else:
                logger().error("unforeseen fault", exc_info=fault, door=request.door, operation=request.operation)
            request.outcome = (fault.kind if isinstance(fault, BeamcatError) else ErrorKind.INTERNAL).name
            if status:
                raise
            await _send_fault(send_with_id, request)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.answered(request.door, request.operation, status, seconds)
            request.outcome = request.outcome or _outcome(status, complete=complete)
            self._note(request, seconds)
            is_quiet = scope["path"] in _QUIET or request.outcome == ErrorKind.TOO_MANY_REQUESTS.name
            write = logger().debug if is_quiet else logger().info
            write(
                "request",
                method=scope["method"],
                door=request.door,
                operation=request.operation,
                status=status,
                ms=round(seconds * 1000, 2),
                client=request.client,
            )
        return status


def _outcome(status: int, *, complete: bool) -> str:
    """How a request ended of which no error was told."""
    if not complete:
        return BROKEN_OFF
    if status < 400:
        return WELL
    return (ErrorKind.BAD_PARAMETER if status < 500 else ErrorKind.INTERNAL).name


async def _send_fault(send: Send, request: ObservedRequest) -> None:
    text = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": 500, "headers": [text]})
    await send({"type": "http.response.body", "body": _FAULT + request.id.encode("ascii") + b"\n"})


def _believe_proxies(scope: Scope, headers: _Headers, proxies: Sequence[Network]) -> None:
    """The client is the last address in `X-Forwarded-For` that is no proxy of ours; scheme and host are the proxy's."""
    client = scope.get("client")
    if not client or not _within(client[0], proxies):
        return
    forwarded = [part.strip() for value in headers.every("x-forwarded-for") for part in value.split(",")]
    for address in reversed(forwarded):
        if not _is_address(address):
            break
        scope.setdefault("beamcat.peer", client)  # whose connection it is
        scope["client"] = (address, 0)
        if not _within(address, proxies):
            break
    if (scheme := (headers.get("x-forwarded-proto") or "").strip().lower()) in {"http", "https"}:
        scope["scheme"] = scheme
    if host := (headers.get("x-forwarded-host") or "").split(",")[0].strip():
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        scope["headers"] = [*others, (b"host", host.encode("latin-1"))]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _within(text: str, networks: Sequence[Network]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks)
