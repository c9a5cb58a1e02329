"""What a message broker promises, and where one is."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

from beamcat.errors import InternalError, Unavailable
from beamcat.events.messages import Message

PORTS = {"amqp": 5672, "amqps": 5671, "stomp": 61613, "stomps": 61614}
"""Where brokers listen when the URL does not say."""


class Broker(Protocol):
    """One message broker. It is connected to when there is something to publish, and again after a loss.

    Only `BeamcatError`s leave a broker: `Unavailable` when it is away or does not confirm in time, `BrokerRefused` when
    it will not have what it was given. After either, any of the messages may have been taken, and all may be given
    again. One call at a time.
    """

    async def publish(self, messages: Sequence[Message]) -> None:
        """Hand over the messages in their order; return when the broker has confirmed every one of them.

        They are persistent: what was confirmed and is in a durable queue survives a restart of the broker.
        """
        ...

    async def close(self) -> None:
        """Part from the broker. What was not confirmed is not waited for."""
        ...


class BrokerRefused(InternalError):
    """The broker does not accept what the settings say: the login, the virtual host, the exchange."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is, and who we are to it; `login` None is whoever comes without a name."""

    protocol: str
    host: str
    port: int
    virtual_host: str
    login: str | None = None
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """The address in a URL of the settings (RabbitMQ's URI specification: no path is the virtual host `/`)."""
        parts = urlsplit(url)
        assert parts.hostname
        return cls(
            parts.scheme,
            parts.hostname,
            parts.port or PORTS[parts.scheme],
            unquote(parts.path.removeprefix("/")) or "/",
            None if parts.username is None else unquote(parts.username),
            unquote(parts.password or ""),
        )

    def __str__(self) -> str:
        return f"{self.protocol}://{self.host}:{self.port}"

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection is TLS from its first byte on."""
        return self.protocol in {"amqps", "stomps"}

    def encryption(self, ca_file: Path | None) -> ssl.SSLContext | None:
        """How to encrypt, the certificate and its name checked. Raises `BrokerRefused` for an unreadable `ca_file`."""
        if not self.is_encrypted:
            return None
        try:
            return ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise BrokerRefused(f"the ca_file of the broker {self} cannot be read: {error}") from error

    def is_away(self, reason: object) -> Unavailable:
        """The error for a broker that cannot be reached, or was lost."""
        return Unavailable(f"the broker {self} is away: {str(reason) or 'it did not answer in time'}")
