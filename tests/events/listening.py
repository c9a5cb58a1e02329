"""Consumers as facilities have them: one over AMQP (aio-pika), one over STOMP (stomp.py)."""

from __future__ import annotations

import asyncio
import queue as queues
import time
from dataclasses import dataclass
from typing import Any, Protocol, Self

import aio_pika
import orjson
import stomp

from .rabbitmq import PASSWORD, USER, RabbitMQ

PATIENCE_S = 60
QUIET_S = 0.3
"""How long nothing may come before there is taken to be nothing more."""


@dataclass(frozen=True)
class Received:
    """One message as its consumer sees it. `id` is that of the message, the same when it comes twice."""

    properties: dict[str, Any]
    body: Any
    id: str
    content_type: str
    persistent: bool


class Listener(Protocol):
    """Somebody with a durable queue, who gets what was sent while they were away."""

    async def take(self, count: int) -> list[Received]:
        """The next messages."""
        ...

    async def rest(self) -> list[Received]:
        """All that comes until it is quiet."""
        ...

    async def reconnect(self) -> None:
        """Come back after the broker was away."""
        ...

    async def close(self) -> None: ...


class AmqpListener:
    """A durable queue that is bound to an exchange."""

    def __init__(self, rabbitmq: RabbitMQ, name: str, exchange: str, routing_keys: tuple[str, ...]) -> None:
        self._rabbitmq = rabbitmq
        self._name = name
        self._exchange = exchange
        self._routing_keys = routing_keys
        self._messages: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage] = asyncio.Queue()

    @classmethod
    async def open(cls, rabbitmq: RabbitMQ, name: str, *routing_keys: str, exchange: str = "icat") -> Self:
        listener = cls(rabbitmq, name, exchange, routing_keys)
        await listener.reconnect()
        return listener

    async def reconnect(self) -> None:
        self._connection = await aio_pika.connect(self._rabbitmq.url("amqp"))
        channel = await self._connection.channel()
        exchange = await channel.declare_exchange(self._exchange, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(self._name, durable=True)
        for routing_key in self._routing_keys:
            await queue.bind(exchange, routing_key)
        await queue.consume(self._arrived)

    async def _arrived(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        await message.ack()
        self._messages.put_nowait(message)

    async def take(self, count: int) -> list[Received]:
        async with asyncio.timeout(PATIENCE_S):
            return [_received(await self._messages.get()) for _ in range(count)]

    async def rest(self) -> list[Received]:
        received: list[Received] = []
        while True:
            try:
                async with asyncio.timeout(QUIET_S):
                    received.append(_received(await self._messages.get()))
            except TimeoutError:
                return received

    async def close(self) -> None:
        await self._connection.close()


def _received(message: aio_pika.abc.AbstractIncomingMessage) -> Received:
    return Received(
        dict(message.headers),
        orjson.loads(message.body),
        message.message_id or "",
        message.content_type or "",
        message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT,
    )


class StompListener(stomp.ConnectionListener):  # type: ignore[misc]
    """A durable subscription of a topic."""

    def __init__(self, rabbitmq: RabbitMQ, name: str, destination: str) -> None:
        self._rabbitmq = rabbitmq
        self._name = name
        self._destination = destination
        self._frames: queues.Queue[Any] = queues.Queue()
        self._subscribed: queues.Queue[None] = queues.Queue()

    @classmethod
    async def open(cls, rabbitmq: RabbitMQ, name: str, *, destination: str = "/topic/icat") -> Self:
        listener = cls(rabbitmq, name, destination)
        await listener.reconnect()
        return listener

    async def reconnect(self) -> None:
        self._connection = stomp.Connection12([("127.0.0.1", self._rabbitmq.ports["stomp"])], vhost="/")
        self._connection.set_listener("", self)
        self._connection.connect(USER, PASSWORD, wait=True)
        lasting = {"durable": "true", "auto-delete": "false", "receipt": "subscribed"}
        self._connection.subscribe(self._destination, self._name, ack="auto", headers=lasting)
        self._subscribed.get(timeout=PATIENCE_S)

    def on_message(self, frame: Any) -> None:
        self._frames.put(frame)

    def on_receipt(self, frame: Any) -> None:
        if frame.headers["receipt-id"] == "subscribed":
            self._subscribed.put(None)

    async def take(self, count: int) -> list[Received]:
        return [_from_frame(self._frames.get(timeout=PATIENCE_S)) for _ in range(count)]

    async def rest(self) -> list[Received]:
        received = []
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                received.append(_from_frame(self._frames.get(timeout=QUIET_S)))
            except queues.Empty:
                return received
        raise AssertionError("it did not get quiet")

    async def close(self) -> None:
        self._connection.disconnect()


STOMPS_OWN = {"subscription", "destination", "message-id", "redelivered", "content-length", "receipt"}
"""RabbitMQ hands even the sender's `receipt` on."""


def _from_frame(frame: Any) -> Received:
    headers = {name: value for name, value in frame.headers.items() if name not in STOMPS_OWN}
    identifier, content_type = headers.pop("correlation-id"), headers.pop("content-type")
    return Received(headers, orjson.loads(frame.body), identifier, content_type, headers.pop("persistent") == "true")
