"""What goes wrong, as a problem for programs (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from beamcat.doors.api.calls import Model
from beamcat.doors.bytes_out import StatusError
from beamcat.doors.core import message_for_client
from beamcat.doors.statuses import STATUSES
from beamcat.errors import BeamcatError, ErrorKind

MEDIA_TYPE = "application/problem+json"

CHALLENGE = 'Bearer realm="api"'
AWAY_RETRY_S = 5
"""When to come back after a service was away."""
MOST_FAULTS = 20


class Fault(Model):
    """One member or parameter that is not as it has to be."""

    name: str
    """Where it is: `limit`, or `filters.0.field` in a body."""
    problem: str
    """What is wrong with it."""


class Problem(Model):
    """What went wrong (RFC 9457)."""

    type: str
    """`about:blank`: the status says which kind of problem it is."""
    title: str
    """The name of the status."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong, for people, and what to do."""
    kind: str
    """The kind of error, as under *Errors* in the documentation: `BAD_PARAMETER`, `NO_SESSION` ..."""
    request_id: str
    """Names the request in the logs of the server."""
    faults: tuple[Fault, ...] | None = None
    """What is wrong with which parameter, where several may be."""


class SignInFirst(BeamcatError):
    """Nobody has signed in, and this facility answers nobody who has not."""

    kind = ErrorKind.NO_SESSION

    def __init__(self) -> None:
        super().__init__("Sign in, and send the session id or a token in the header Authorization: Bearer ...")


class Malformed(BeamcatError):
    """Parameters or a body that cannot be read."""

    kind = ErrorKind.BAD_PARAMETER

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(
            "; ".join(f"{fault.name}: {fault.problem}" if fault.name else fault.problem for fault in faults)
        )
        self.faults = tuple(faults)


def malformed(error: ValidationError, known: Sequence[str]) -> Malformed:
    """The error of a model, in words for clients. `known` are the names there are, for who uses another."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return Malformed([_fault(detail, known) for detail in details[:MOST_FAULTS]])


def _fault(detail: Mapping[str, Any], known: Sequence[str]) -> Fault:
    name = ".".join(str(part)[:100] for part in detail["loc"])
    if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1:
        return Fault(name=name, problem=f"there is no such parameter; there is {', '.join(known) or 'none'}")
    return Fault(name=name, problem=detail["msg"].removeprefix("Value error, "))


def error_response(error: BeamcatError, request_id: str) -> Response:
    """The error as a problem."""
    status = error.status if isinstance(error, StatusError) else STATUSES[error.kind]
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, StatusError):
        headers |= error.headers
    if status == 401:
        headers["WWW-Authenticate"] = (
            CHALLENGE if isinstance(error, SignInFirst) else f'{CHALLENGE}, error="invalid_token"'
        )
    retry_after_s = getattr(error, "retry_after_s", AWAY_RETRY_S if status == 503 else None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=message_for_client(error, request_id),
        kind=error.kind.name,
        request_id=request_id,
        faults=error.faults if isinstance(error, Malformed) else None,
    )
    return Response(orjson.dumps(problem.model_dump(exclude_none=True)), status, headers, media_type=MEDIA_TYPE)
