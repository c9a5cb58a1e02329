"""RabbitMQ, spoken to in its own language (AMQP 0-9-1) with publisher confirms."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelClosed,
    ChannelInvalidStateError,
    InvalidFrameError,
    ProbableAuthenticationError,
)

from beamcat.config import NotificationSettings
from beamcat.errors import BeamcatError
from beamcat.events.brokers.broker import Address, BrokerRefused
from beamcat.events.messages import Message

REFUSED_LOGINS = (AuthenticationError, ProbableAuthenticationError)
FAILURES = (AMQPError, ChannelInvalidStateError, OSError)
"""What the library raises when the broker is away, goes away, or refuses; a `TimeoutError` is an `OSError`."""
GOODBYE_S = 3.0
"""How long hanging up is waited for. It goes on after that: cut short, it leaves the socket open."""


class AmqpBroker:
    """Messages go to a topic exchange, with their routing key; queues are the consumers' business."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings
        self._address = Address.of(settings.url.get_secret_value())
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None
        self._farewells: set[asyncio.Task[None]] = set()

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Broker`."""
        try:
            exchange = await self._connected()
            async with asyncio.timeout(self._settings.timeout_s):
                # The tasks write their frames one after the other, in their order; only the confirms overlap.
                outcomes = await asyncio.gather(
                    *(_publish(exchange, message) for message in messages), return_exceptions=True
                )
            for outcome in outcomes:
                if isinstance(outcome, asyncio.CancelledError):
                    raise ConnectionAbortedError("the connection was lost")
                if outcome is not None:
                    raise outcome
        except FAILURES as error:
            await self.close()
            raise self._described(error) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """See `Broker`."""
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            farewell = asyncio.create_task(_part(connection))
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)
            await asyncio.wait([farewell], timeout=GOODBYE_S)

    async def _connected(self) -> AbstractExchange:
        """The exchange, on a connection that lives as far as we know."""
        if self._exchange is not None and self._connection is not None and not self._connection.is_closed:
            return self._exchange
        await self.close()
        address, settings = self._address, self._settings
        async with asyncio.timeout(settings.timeout_s):
            self._connection = await aio_pika.connect(
                host=address.host,
                port=address.port,
                login=address.login or "guest",
                password=address.password if address.login else "guest",
                virtualhost=address.virtual_host,
                ssl=address.is_encrypted,
                ssl_context=address.encryption(settings.ca_file),
                client_properties={"connection_name": "beamcat"},
            )
            channel = await self._connection.channel(publisher_confirms=True)
            self._exchange = (
                await channel.declare_exchange(settings.exchange, aio_pika.ExchangeType.TOPIC, durable=True)
                if settings.declare_exchange
                else await channel.get_exchange(settings.exchange)
            )
        return self._exchange

    def _described(self, error: BaseException) -> BeamcatError:
        if isinstance(error, REFUSED_LOGINS):
            return BrokerRefused(f"the broker {self._address} refuses the login of {self._address.login or 'guest'}")
        if isinstance(error, InvalidFrameError):  # the library's word for a farewell in answer to the virtual host
            virtual_host = self._address.virtual_host
            return BrokerRefused(f"the broker {self._address} refuses the virtual host {virtual_host}: {error}")
        if isinstance(error, ChannelClosed):
            return BrokerRefused(f"the broker {self._address} refuses: {error}")
        return self._address.is_away(error)


async def _publish(exchange: AbstractExchange, message: Message) -> None:
    await exchange.publish(
        aio_pika.Message(
            message.body,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers=dict(message.properties),
            message_id=message.id,
            app_id="beamcat",
        ),
        message.routing_key,
        mandatory=False,
    )


async def _part(connection: AbstractConnection) -> None:
    with contextlib.suppress(*FAILURES):
        await connection.close()
