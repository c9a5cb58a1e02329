"""What is told to message brokers, in ICAT's form (ICAT specification H).

A notification says that one object was created, updated or deleted; a message of the call log says that one call
succeeded. ICAT sends both over JMS; properties and members have the same names here, and bodies are JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import TypeVar

import orjson

from beamcat.events.calls import GROUPS, WELL, Call
from beamcat.events.event import Event

T = TypeVar("T")

ICATS_OPERATION = {
    "login": "login",
    "logout": "logout",
    "refresh": "refresh",
    "get": "get",
    "search": "search",
    "create": "create",
    "createMany": "createMany",
    "update": "update",
    "delete": "delete",
    "write": "write",
    "clone": "write",
}
"""The calls that ICAT announces, and what it calls them there."""


class Subject(Enum):
    """What a message is about."""

    CHANGE = auto()
    CALL = auto()


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `properties` are what a consumer can select by, `body` is JSON.

    `id` is the same when the message has to be sent again.
    """

    subject: Subject
    id: str
    routing_key: str
    properties: Mapping[str, str | int]
    body: bytes


def notifications_of(event: Event) -> Iterator[Message]:
    """One message per object, by ascending id (ICAT specification H.1)."""
    properties = {"entity": event.entity, "operation": event.operation.value}
    for number in event.each_id():
        yield Message(
            Subject.CHANGE,
            f"event-{event.position}-{number}",
            f"{event.entity}.{event.operation.value}",
            properties,
            orjson.dumps({**properties, "id": number}),
        )


def message_of(call: Call, groups: Collection[str]) -> Message | None:
    """The message of a call (ICAT specification H.2); None when it failed, is of no such group or never announced."""
    operation = ICATS_OPERATION.get(call.operation)
    if operation is None or call.outcome != WELL or GROUPS[call.operation] not in groups:
        return None
    body = {"userName": call.user, "entityName": call.entity, "entityId": call.id, "query": call.query}
    return Message(
        Subject.CALL,
        f"call-{call.position}",
        f"log.{operation}",
        {
            "operation": operation,
            "ip": call.client or "",
            "millis": round(call.duration_ms),
            "start": round(call.started.timestamp() * 1000),
        },
        orjson.dumps({member: value for member, value in body.items() if value is not None}),
    )


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`, in their order."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
