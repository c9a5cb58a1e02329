"""The request being answered, as seen by logs, metrics, traces and the log of calls.

It lives in a context variable, so that any code below a door can speak of "this request" without being handed one.
"""

from __future__ import annotations

import re
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass, field

from opentelemetry.trace import Tracer

_SANE_ID = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")


@dataclass(slots=True)
class Subject:
    """What a request asks of the core: the operation in ICAT's words, its query, and the first object it is about."""

    operation: str
    query: str | None = None
    entity: str | None = None
    object_id: int | None = None


@dataclass(slots=True)
class ObservedRequest:
    """One request. The door that answers it says what it is: `door`, `operation`, and the `user` once known.

    The core adds the `subject`, and whoever tells the client of an error the `outcome`: the name of its kind.
    `started` is in seconds since 1970.
    """

    id: str
    door: str = "none"
    operation: str = "unknown"
    user: str | None = None
    tracer: Tracer | None = None
    client: str | None = None
    started: float = field(default_factory=time.time)
    subject: Subject | None = None
    outcome: str | None = None


CURRENT: ContextVar[ObservedRequest | None] = ContextVar("beamcat_request", default=None)
"""The request of this task; None outside of requests."""


def request_id(offered: str | None) -> str:
    """The id a client offers when it is sane (RFC 3986 characters, up to 128), else a new one of 16 hex digits.

    One that holds a token is not: ids are written down.
    """
    is_sane = offered is not None and _SANE_ID.fullmatch(offered) and "beamcat_" not in offered.lower()
    return offered if offered is not None and is_sane else secrets.token_hex(8)


def current_id() -> str:
    """The id of this request; `-` outside of requests."""
    request = CURRENT.get()
    return request.id if request else "-"


def describe(door: str, operation: str) -> None:
    """Say which door is answering and what it does. `operation` is one of a small closed set: it labels metrics."""
    request = CURRENT.get()
    if request is not None:
        request.door = door
        request.operation = operation


def name_user(user: str) -> None:
    """Say who is asking, for the log."""
    request = CURRENT.get()
    if request is not None:
        request.user = user


def about(
    operation: str, *, query: str | None = None, entity: str | None = None, object_id: int | None = None
) -> Subject:
    """Say what the request asks of the core; facts that are known later are set on what is returned.

    The first word counts: what one operation of the core asks of another one is not what the client asked.
    """
    subject = Subject(operation, query, entity, object_id)
    request = CURRENT.get()
    if request is not None and request.subject is None:
        request.subject = subject
    return subject


def name_outcome(outcome: str) -> None:
    """Say how the request ended, where that is not well: the name of an `ErrorKind`."""
    request = CURRENT.get()
    if request is not None:
        request.outcome = outcome
