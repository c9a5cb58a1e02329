"""OpenTelemetry traces, only where `logging.otlp_endpoint` names a collector: a span per request and per statement.

Without a collector a span costs one look at a context variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from opentelemetry.trace import Span, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from beamcat.config import LoggingSettings
from beamcat.observability.requests import CURRENT

AttributeValue = str | bool | int | float
_NO_SPAN: AbstractContextManager[None] = nullcontext()
_PROPAGATOR = TraceContextTextMapPropagator()


class Tracing:
    """The connection to the collector. `close` sends what is waiting."""

    def __init__(self, settings: LoggingSettings, version: str) -> None:
        # Half of the start-up time of a worker that traces nothing would go into these.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

        endpoint = settings.otlp_endpoint or ""
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.trace_sample_ratio)),
            resource=Resource.create({"service.name": "beamcat", "service.version": version}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=traces_url(endpoint))))
        self.tracer: Tracer = self._provider.get_tracer("beamcat")

    def close(self) -> None:
        """Send the remaining spans. Waits for the network: call it from a thread."""
        self._provider.shutdown()


def open_tracing(settings: LoggingSettings, version: str) -> Tracing | None:
    """Tracing as the settings ask for it; None without a collector."""
    return Tracing(settings, version) if settings.otlp_endpoint else None


def traces_url(endpoint: str) -> str:
    """Where a collector takes traces: `/v1/traces` below the endpoint, unless that is named already (OTLP/HTTP)."""
    trimmed = endpoint.rstrip("/")
    return trimmed if trimmed.endswith("/v1/traces") else f"{trimmed}/v1/traces"


def span(name: str, **attributes: AttributeValue) -> AbstractContextManager[Span | None]:
    """A span around a `with` block, such as a statement; the block gets None where nothing is traced."""
    request = CURRENT.get()
    if request is None or request.tracer is None:
        return _NO_SPAN
    return request.tracer.start_as_current_span(name, attributes=attributes, kind=SpanKind.CLIENT)


def request_span(tracer: Tracer, name: str, header: Callable[[str], str | None]) -> AbstractContextManager[Span]:
    """The span of a whole request, continuing the trace a client's `traceparent` header names."""
    carrier: Mapping[str, str] = {
        key: value for key in ("traceparent", "tracestate") if (value := header(key)) is not None
    }
    return tracer.start_as_current_span(name, context=_PROPAGATOR.extract(carrier), kind=SpanKind.SERVER)
