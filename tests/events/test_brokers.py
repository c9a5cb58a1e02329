"""Brokers against a real RabbitMQ: what they promise is the same over AMQP and over STOMP."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import aio_pika
import orjson
import pytest

from beamcat.config import NotificationSettings
from beamcat.errors import Unavailable
from beamcat.events.brokers import stomp as stomp_broker
from beamcat.events.brokers.broker import Address, Broker, BrokerRefused
from beamcat.events.messages import Message, Subject
from beamcat.events.notifications import broker_of
from tests.access.directory import free_port

from .listening import AmqpListener, Listener, StompListener
from .rabbitmq import PASSWORD, VHOST, RabbitMQ

TIMEOUT_S = 5.0


def change(number: int, text: str = "") -> Message:
    properties = {"entity": "Dataset", "operation": "C"}
    body = orjson.dumps({**properties, "id": number, "text": text})
    return Message(Subject.CHANGE, f"event-1-{number}", "Dataset.C", properties, body)


def changes(count: int, first: int = 1) -> list[Message]:
    return [change(number) for number in range(first, first + count)]


CALL = Message(Subject.CALL, "call-7", "log.login", {"operation": "login", "millis": 2**40}, b'{"userName":"db/ann"}')


class BrokerContract:
    """What every broker promises. Subclasses say how to reach it, and how to listen."""

    plain: str
    encrypted: str

    numbers = itertools.count()

    async def listener(self, rabbitmq: RabbitMQ, subject: Subject = Subject.CHANGE) -> Listener:
        raise NotImplementedError

    def given(self, rabbitmq: RabbitMQ, **more: Any) -> NotificationSettings:
        return NotificationSettings(**{"url": rabbitmq.url(self.plain), "timeout_s": TIMEOUT_S, **more})

    @pytest.fixture
    async def broker(self, rabbitmq: RabbitMQ) -> AsyncIterator[Broker]:
        broker = broker_of(self.given(rabbitmq))
        yield broker
        await broker.close()

    async def refused(self, settings: NotificationSettings, kind: type[Exception]) -> str:
        broker = broker_of(settings)
        try:
            with pytest.raises(kind) as error:
                await broker.publish(changes(3))
        finally:
            await broker.close()
        assert PASSWORD not in str(error.value)
        return str(error.value)

    async def test_messages_arrive_in_order_as_they_were_given(self, rabbitmq: RabbitMQ, broker: Broker) -> None:
        listener = await self.listener(rabbitmq)
        await broker.publish(changes(500))
        await broker.publish([change(501, "line\nbreak, ünïcode, \0 and a : colon")])
        received = await listener.take(501)
        assert [message.body["id"] for message in received] == list(range(1, 502))
        assert [message.id for message in received] == [f"event-1-{number}" for number in range(1, 502)]
        assert {(m.content_type, m.persistent, *sorted(m.properties.items())) for m in received} == {
            ("application/json", True, ("entity", "Dataset"), ("operation", "C"))
        }
        assert received[-1].body["text"] == "line\nbreak, ünïcode, \0 and a : colon"
        await listener.close()

    async def test_calls_go_where_calls_go(self, rabbitmq: RabbitMQ, broker: Broker) -> None:
        listener = await self.listener(rabbitmq, Subject.CALL)
        await broker.publish([change(1), CALL, change(2)])
        [received] = await listener.take(1)
        assert await listener.rest() == []
        assert (received.id, received.body) == ("call-7", {"userName": "db/ann"})
        assert {name: str(value) for name, value in received.properties.items()} == {
            "operation": "login",
            "millis": str(2**40),
        }
        await listener.close()

    async def test_nothing_to_say_is_nothing_said(self, broker: Broker) -> None:
        await broker.publish([])

    async def test_a_connection_that_was_closed_meanwhile_is_opened_again(
        self, rabbitmq: RabbitMQ, broker: Broker
    ) -> None:
        listener = await self.listener(rabbitmq)
        await broker.publish([change(1)])
        await broker.close()
        await broker.publish([change(2)])
        assert [message.body["id"] for message in await listener.take(2)] == [1, 2]
        await listener.close()

    async def test_a_wrong_password_is_refused_in_clear_words(self, rabbitmq: RabbitMQ) -> None:
        said = await self.refused(self.given(rabbitmq, url=rabbitmq.url(self.plain, password="wr0ng")), BrokerRefused)
        assert said.startswith(f"the broker {self.plain}://localhost:{rabbitmq.ports[self.plain]} refuses the login of")
        assert "beamcat" in said
        assert "wr0ng" not in said

    async def test_the_path_names_the_virtual_host(self, rabbitmq: RabbitMQ) -> None:
        broker = broker_of(self.given(rabbitmq, url=f"{rabbitmq.url(self.plain)}/{VHOST.replace(' ', '%20')}"))
        await broker.publish([change(1)])
        await broker.close()
        await self.refused(self.given(rabbitmq, url=f"{rabbitmq.url(self.plain)}/elsewhere"), BrokerRefused)

    async def test_who_may_not_write_is_told_so(self, rabbitmq: RabbitMQ) -> None:
        given = self.given(rabbitmq, url=rabbitmq.url(self.plain, "onlooker"), declare_exchange=False)
        assert "refuse" in await self.refused(given, BrokerRefused)

    async def test_it_is_encrypted_and_the_certificate_is_checked(self, rabbitmq: RabbitMQ) -> None:
        url = rabbitmq.url(self.encrypted)
        broker = broker_of(self.given(rabbitmq, url=url, ca_file=rabbitmq.ca_file))
        listener = await self.listener(rabbitmq)
        await broker.publish(changes(20))
        assert len(await listener.take(20)) == 20
        await broker.close()
        await listener.close()
        for trusted in (rabbitmq.home / "other.pem", None):
            said = await self.refused(self.given(rabbitmq, url=url, ca_file=trusted), Unavailable)
            assert "certificate verify failed" in said

    async def test_a_certificate_for_another_host_is_refused(self, rabbitmq: RabbitMQ) -> None:
        url = rabbitmq.url(self.encrypted, host="127.0.0.2")
        said = await self.refused(self.given(rabbitmq, url=url, ca_file=rabbitmq.ca_file), Unavailable)
        assert "127.0.0.2" in said
        assert "certificate" in said

    async def test_an_unreadable_ca_file_is_said(self, rabbitmq: RabbitMQ) -> None:
        given = self.given(rabbitmq, url=rabbitmq.url(self.encrypted), ca_file=rabbitmq.home / "none.pem")
        assert "ca_file" in await self.refused(given, BrokerRefused)

    async def test_a_host_that_says_nothing_is_waited_for_only_so_long(self, rabbitmq: RabbitMQ) -> None:
        callers: list[asyncio.StreamWriter] = []
        silent = await asyncio.start_server(lambda _reader, writer: callers.append(writer), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        url = f"{self.plain}://beamcat:secret@127.0.0.1:{port}"
        assert "did not answer" in await self.refused(self.given(rabbitmq, url=url, timeout_s=0.2), Unavailable)
        silent.close()
        for writer in callers:
            writer.close()

    async def test_a_broker_that_does_not_confirm_is_waited_for_only_so_long(self, rabbitmq: RabbitMQ) -> None:
        broker = broker_of(self.given(rabbitmq, timeout_s=1))
        await broker.publish([change(1)])
        os.kill(rabbitmq.virtual_machine(), signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable, match="did not answer in time"):
                await broker.publish(changes(3))
        finally:
            os.kill(rabbitmq.virtual_machine(), signal.SIGCONT)
        await broker.publish(changes(3))
        await broker.close()

    async def test_nobody_there_is_away(self, rabbitmq: RabbitMQ) -> None:
        url = f"{self.plain}://beamcat:secret@127.0.0.1:{free_port()}"
        assert "is away" in await self.refused(self.given(rabbitmq, url=url), Unavailable)


class TestAmqp(BrokerContract):
    plain = "amqp"
    encrypted = "amqps"

    async def listener(self, rabbitmq: RabbitMQ, subject: Subject = Subject.CHANGE) -> Listener:
        routing_key = "log.#" if subject is Subject.CALL else "Dataset.C"
        return await AmqpListener.open(rabbitmq, f"amqp-{next(self.numbers)}", routing_key)

    async def test_a_message_that_a_queue_does_not_take_is_not_confirmed(self, rabbitmq: RabbitMQ) -> None:
        connection = await aio_pika.connect(rabbitmq.url("amqp"))
        channel = await connection.channel()
        exchange = await channel.declare_exchange("full", aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(
            exclusive=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"}
        )
        await queue.bind(exchange, "#")
        await self.refused(self.given(rabbitmq, exchange="full"), Unavailable)
        await connection.close()

    async def test_an_exchange_of_another_type_is_refused(self, rabbitmq: RabbitMQ) -> None:
        said = await self.refused(self.given(rabbitmq, exchange="amq.fanout"), BrokerRefused)
        assert "amq.fanout" in said

    async def test_an_exchange_may_be_left_to_the_administrator(self, rabbitmq: RabbitMQ) -> None:
        given = self.given(rabbitmq, exchange="not-there", declare_exchange=False)
        assert "not-there" in await self.refused(given, BrokerRefused)
        connection = await aio_pika.connect(rabbitmq.url("amqp"))
        channel = await connection.channel()
        await channel.declare_exchange("not-there", aio_pika.ExchangeType.TOPIC)
        broker = broker_of(given)
        await broker.publish([change(1)])
        await broker.close()
        await connection.close()


class TestStomp(BrokerContract):
    plain = "stomp"
    encrypted = "stomps"

    async def listener(self, rabbitmq: RabbitMQ, subject: Subject = Subject.CHANGE) -> Listener:
        destination = "/topic/icat.log" if subject is Subject.CALL else "/topic/icat"
        return await StompListener.open(rabbitmq, f"stomp-{next(self.numbers)}", destination=destination)

    @pytest.fixture
    def fast_heart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stomp_broker, "HEART_BEAT_MS", 300)

    @pytest.mark.usefixtures("fast_heart")
    async def test_signs_of_life_keep_an_idle_connection_alive(self, rabbitmq: RabbitMQ, broker: Broker) -> None:
        await broker.publish([change(1)])
        session = broker._session  # type: ignore[attr-defined]
        await asyncio.sleep(2)  # RabbitMQ ends a connection after two beats that are missing
        await broker.publish([change(2)])
        assert broker._session is session  # type: ignore[attr-defined]

    @pytest.mark.usefixtures("fast_heart")
    async def test_a_broker_without_signs_of_life_is_connected_to_anew(
        self, rabbitmq: RabbitMQ, broker: Broker
    ) -> None:
        await broker.publish([change(1)])
        session = broker._session  # type: ignore[attr-defined]
        os.kill(rabbitmq.virtual_machine(), signal.SIGSTOP)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while not session.is_over:
                    await asyncio.sleep(0.05)
        finally:
            os.kill(rabbitmq.virtual_machine(), signal.SIGCONT)
        await broker.publish([change(2)])


async def test_what_is_confirmed_outlives_the_broker_which_is_connected_to_again(rabbitmq: RabbitMQ) -> None:
    contracts: tuple[BrokerContract, ...] = (TestAmqp(), TestStomp())
    listeners = [await contract.listener(rabbitmq) for contract in contracts]
    brokers = [broker_of(contract.given(rabbitmq)) for contract in contracts]
    for listener in listeners:
        await listener.close()
    for broker in brokers:
        await broker.publish(changes(200))
    rabbitmq.kill()
    try:
        for contract, broker in zip(contracts, brokers, strict=True):
            for _ in range(2):
                away = f"{contract.plain}://localhost:{rabbitmq.ports[contract.plain]} is away"
                with pytest.raises(Unavailable, match=away):
                    await broker.publish(changes(1))
    finally:
        rabbitmq.start()
    for broker, listener in zip(brokers, listeners, strict=True):
        await broker.publish(changes(10, first=201))
        await broker.close()
        await listener.reconnect()
        assert [message.body["id"] for message in await listener.take(210)] == list(range(1, 211))
        await listener.close()


ADDRESSES = [
    ("amqp://host", Address("amqp", "host", 5672, "/")),
    ("amqps://host/", Address("amqps", "host", 5671, "/")),
    ("stomp://ann:s%3Aun@host:1/%2F", Address("stomp", "host", 1, "/", "ann", "s:un")),
    ("stomps://a%40b:@[::1]/the%2Ffacility", Address("stomps", "::1", 61614, "the/facility", "a@b", "")),
]


@pytest.mark.parametrize(("url", "address"), ADDRESSES)
def test_a_url_is_an_address(url: str, address: Address) -> None:
    assert Address.of(url) == address


def test_an_address_is_shown_without_the_password() -> None:
    address = Address.of("amqp://ann:sunshine@host")
    assert "sunshine" not in f"{address} {address!r}"
