"""The server: where it listens, what it tells of itself, and what it keeps of the past."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from beamcat.config.section import Section, ZoneName


class ServerSettings(Section):
    """How the server listens, and what it takes from strangers."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8080, ge=0, le=65535)
    """Port to listen on; 0 takes any free one."""
    workers: int = Field(1, ge=1)
    """Worker processes. They share nothing but the database."""
    connections: int = Field(10_000, ge=10)
    """Connections that each worker holds at a time; further clients wait. Never more than a third of the files that it
    may open (`ulimit -Hn`): a download has its connection twice, and a file."""
    direct_bytes: int = Field(64 << 20, ge=0)
    """Downloads of so many bytes, or more, go from the files to the connection, past the HTTP server, which takes a
    quarter of the CPU. Their answers end the connection (`Connection: close`). 0: none do."""
    public_url: str | None = None
    """URL under which clients reach the server, where a proxy stands in front."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose `X-Forwarded-For`, `-Proto` and `-Host` are believed."""
    max_request_bytes: int = Field(64 * 2**20, ge=1024)
    """Largest request body, in bytes."""
    max_nesting: int = Field(32, ge=1)
    """Deepest nesting of JSON objects and arrays, or of objects in XML, in a request."""
    max_xml_elements: int = Field(2_000_000, ge=100)
    """Most XML elements, and most attributes of them, in a request."""
    request_timeout_s: float = Field(300.0, gt=0)
    """Longest time to read one request body and answer it; downloads that move are not counted."""
    time_zone: ZoneName = "UTC"
    """IANA name, such as `Europe/Berlin`, of the zone in which dates are read that SOAP clients send without one: that
    of the ICAT server before, where scripts send local time. A time that occurs twice when clocks are set back is taken
    as the first, one that is skipped as if clocks had not been set yet."""
    sleep_enabled: bool = False
    """Whether `GET /icat/sleep` and `POST /icat/waitMillis` exist (test aids)."""


class LoggingSettings(Section):
    """What is written down about the running server."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe message to write."""
    format: Literal["auto", "json", "text"] = "auto"
    """`json` for machines, `text` for people; `auto` is text on a terminal."""
    slow_query_ms: float = Field(1000.0, ge=0)
    """Questions that take longer are logged with their SQL and plan; 0 logs every one."""
    otlp_endpoint: str | None = None
    """OpenTelemetry collector (OTLP over HTTP) to send traces to; none without it."""
    trace_sample_ratio: float = Field(1.0, ge=0, le=1)
    """Share of requests that are traced."""


class EventSettings(Section):
    """The record of every change, which is also the audit trail."""

    keep_days: float = Field(0.0, ge=0)
    """How long events are kept once all readers have read them; 0: for ever."""


class CallSettings(Section):
    """What is written down about the calls of clients: who asked what, when, and for how long."""

    record: tuple[Literal["SESSION", "READ", "WRITE", "INFO"], ...] = ("SESSION", "READ", "WRITE")
    """Groups of calls to record, as in ICAT's `log.list`: `SESSION` is login, logout and refresh, `READ` get, search
    and export, `WRITE` everything that changes the catalogue, `INFO` questions about sessions and rights."""
    keep_days: float = Field(90.0, gt=0)
    """How long calls are kept."""
    max_query_characters: int = Field(8192, ge=0)
    """Longer queries are cut; 0 keeps none."""
    buffer: int = Field(10_000, ge=1)
    """Calls that a worker keeps while the database is away; the oldest are dropped for newer ones."""


class NotificationSettings(Section):
    """A message broker that is told of changes, and of calls, in ICAT's form."""

    url: SecretStr
    """The broker: `amqp://user:password@host:5672/vhost`, encrypted `amqps://` (port 5671), or over STOMP 1.2 `stomp://`
    (port 61613) and `stomps://` (61614). Without a path the virtual host is `/`; special characters in user and
    password are percent-encoded."""
    ca_file: Path | None = None
    """PEM file with the authorities that sign the broker's certificate; without it, those of the system."""
    timeout_s: float = Field(10.0, gt=0)
    """Longest wait for a connection, and for the broker to confirm up to 500 messages."""
    entities: dict[str, str] = Field(default_factory=dict)
    """Which changes are announced, by entity: letters of `CUD` for create, update and delete, such as
    `{ Dataset = "CU", Investigation = "CUD" }`. ICAT's `notification.list` and `notification.ENTITY`, and D."""
    origins: tuple[Literal["call", "below", "import", "sign-in"], ...] = ("call",)
    """Which changes of these entities: those a `call` asked for, as ICAT has it; objects created or deleted `below`
    the one that was named; those of an `import` of a dump; memberships that follow a `sign-in`."""
    log: tuple[Literal["READ", "WRITE", "SESSION"], ...] = ()
    """Groups of calls that are announced: ICAT's `log.list`."""
    exchange: str = Field("icat", pattern=r"^[-_.:a-zA-Z0-9]{1,255}$")
    """AMQP: the topic exchange. Routing keys are `ENTITY.OPERATION`, such as `Dataset.C`, for calls `log.OPERATION`."""
    declare_exchange: bool = True
    """AMQP: make the exchange, durable, when it is not there; it takes the permission to configure it."""
    destination: str = Field("/topic/icat", min_length=1)
    """STOMP: where changes are sent."""
    log_destination: str = Field("/topic/icat.log", min_length=1)
    """STOMP: where calls are sent."""

    @field_validator("url")
    @classmethod
    def _url_names_a_broker(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            named = parts.scheme in {"amqp", "amqps", "stomp", "stomps"} and parts.hostname and parts.port != 0
        except ValueError:
            named = False
        if not named:
            raise ValueError("url is amqp://, amqps://, stomp:// or stomps:// and a host")
        if parts.query or parts.fragment:
            raise ValueError("url ends with the virtual host; ? and # in a password are written %3F and %23")
        return url

    @field_validator("entities")
    @classmethod
    def _operations_are_known(cls, entities: dict[str, str]) -> dict[str, str]:
        for entity, letters in entities.items():
            if not letters or not set(letters) <= set("CUD"):
                raise ValueError(f"{entity} = {letters!r}: give letters of CUD, for create, update and delete")
        return entities
