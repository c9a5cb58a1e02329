"""The readers that tell message brokers of changes and calls, as the settings `notifications` have it.

Every broker has a reader for each, `notifications-NAME` and `calls-NAME`, so that one that is away holds up nobody
else. A position is stored when the broker has confirmed all before it: nothing is lost, and after a crash or a broken
connection the latest messages are sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from beamcat.config import NotificationSettings, Settings
from beamcat.database.pool import Connection, Database
from beamcat.errors import ValidationFailed
from beamcat.events.brokers.broker import Broker
from beamcat.events.calls import COLUMNS, Call
from beamcat.events.event import Event
from beamcat.events.keeping import Source, Start, keep, move_on
from beamcat.events.messages import batches, message_of, notifications_of
from beamcat.events.reading import keep_reading
from beamcat.model import ENTITIES

BATCH = 500
"""Most messages that a broker is given before it has to confirm them, and most calls that are read at once."""


class ChangeNotifier:
    """Tells a broker of the changes that the settings name, in one message per object. A `Reader`."""

    start = Start.NEWEST

    def __init__(self, name: str, settings: NotificationSettings, broker: Broker) -> None:
        self.name = f"notifications-{name}"
        self._announced = {(entity, letter) for entity, letters in settings.entities.items() for letter in letters}
        self._origins = frozenset(settings.origins)
        self._broker = broker

    async def handle(self, events: Sequence[Event]) -> None:
        """See `Reader`: the broker has confirmed every message when this returns."""
        messages = (message for event in events if self._is_announced(event) for message in notifications_of(event))
        for batch in batches(messages, BATCH):
            await self._broker.publish(batch)

    def _is_announced(self, event: Event) -> bool:
        return (event.entity, event.operation.value) in self._announced and event.origin.value in self._origins


def broker_of(settings: NotificationSettings) -> Broker:
    """The broker in the settings; it is connected to when there is something to tell."""
    if settings.url.get_secret_value().startswith("amqp"):
        from beamcat.events.brokers.amqp import AmqpBroker

        return AmqpBroker(settings)
    from beamcat.events.brokers.stomp import StompBroker

    return StompBroker(settings)


def check_notifications(settings: Settings) -> None:
    """Raise `ValidationFailed` for an entity that there is not, and for calls that are not written down."""
    for name, chosen in settings.notifications.items():
        for entity in chosen.entities:
            if entity not in ENTITIES:
                raise ValidationFailed(f"the settings are not right: notifications.{name}.entities: no entity {entity}")
        for group in chosen.log:
            if group not in settings.calls.record:
                raise ValidationFailed(
                    f"the settings are not right: notifications.{name}.log: calls.record has no {group}"
                )


async def keep_notifying(database: Database, settings: Settings) -> None:
    """Tell the brokers in the settings what happens, until cancelled. One worker does so for each reader."""
    async with asyncio.TaskGroup() as tasks:
        for name, chosen in settings.notifications.items():
            if chosen.entities:
                tasks.create_task(_tell_changes(database, name, chosen))
            if chosen.log:
                tasks.create_task(_tell_calls(database, name, chosen))


async def _tell_changes(database: Database, name: str, settings: NotificationSettings) -> None:
    broker = broker_of(settings)
    try:
        await keep_reading(database, ChangeNotifier(name, settings, broker))
    finally:
        await broker.close()


async def _tell_calls(database: Database, name: str, settings: NotificationSettings) -> None:
    reader, broker = f"calls-{name}", broker_of(settings)

    async def turn(conn: Connection, position: int) -> int:
        calls = await _calls_after(conn, position)
        if not calls:
            return position
        messages = [message for call in calls if (message := message_of(call, settings.log)) is not None]
        if messages:
            await broker.publish(messages)
        await move_on(conn, reader, position, calls[-1].position)
        return calls[-1].position

    try:
        await keep(database, reader, Source.CALLS, Start.NEWEST, turn)
    finally:
        await broker.close()


async def _calls_after(conn: Connection, position: int) -> list[Call]:
    """The next calls after a position, in order."""
    cursor = await conn.execute(
        f"SELECT {COLUMNS} FROM call WHERE position > %s ORDER BY position LIMIT %s", [position, BATCH]
    )
    return [Call(*row) for row in await cursor.fetchall()]
