"""The request being answered, as seen by logs, metrics and traces.

It lives in a context variable, so that any code below a door can speak of "this request" without being handed one.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry.trace import Tracer

_SANE_ID = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")


@dataclass(slots=True)
class ObservedRequest:
    """One request. The door that answers it says what it is: `door`, `operation`, and the `user` once known."""

    id: str
    door: str = "none"
    operation: str = "unknown"
    user: str | None = None
    tracer: Tracer | None = None


CURRENT: ContextVar[ObservedRequest | None] = ContextVar("beamcat_request", default=None)
"""The request of this task; None outside of requests."""


def request_id(offered: str | None) -> str:
    """The id a client offers when it is sane (RFC 3986 characters, up to 128), else a new one of 16 hex digits."""
    return offered if offered and _SANE_ID.fullmatch(offered) else secrets.token_hex(8)


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
