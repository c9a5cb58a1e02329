"""The core's errors in the words of ICAT's REST interface (ICAT specification A.5, B.1 and O)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from beamcat.doors.core import message_for_client
from beamcat.errors import BeamcatError, ErrorKind, TooManyAttempts, TooManyRequests

ICAT_ERRORS: Mapping[ErrorKind, tuple[int, str]] = {
    ErrorKind.BAD_PARAMETER: (400, "BAD_PARAMETER"),
    ErrorKind.VALIDATION: (412, "VALIDATION"),
    ErrorKind.ALREADY_EXISTS: (412, "OBJECT_ALREADY_EXISTS"),
    ErrorKind.NOT_FOUND: (404, "NO_SUCH_OBJECT_FOUND"),
    ErrorKind.FORBIDDEN: (403, "INSUFFICIENT_PRIVILEGES"),
    ErrorKind.NO_SESSION: (403, "SESSION"),
    ErrorKind.TOO_LARGE: (413, "BAD_PARAMETER"),
    ErrorKind.TOO_MANY_ATTEMPTS: (429, "SESSION"),
    ErrorKind.TOO_MANY_REQUESTS: (429, "INTERNAL"),
    ErrorKind.NOT_IMPLEMENTED: (501, "NOT_IMPLEMENTED"),
    ErrorKind.UNAVAILABLE: (503, "INTERNAL"),
    ErrorKind.TIMED_OUT: (504, "INTERNAL"),
    ErrorKind.INTERNAL: (500, "INTERNAL"),
}
"""HTTP status and ICAT's error type of every kind. A session error is 403, as ICAT's clients expect, never 401."""

NOT_AN_OPERATION = "Operation not implemented by this ICAT server."
UNAVAILABLE_RETRY_S = 2
"""When to come back after a service was away."""


class UnknownOperation(BeamcatError):
    """No such path, or a number in it or its query string that is none."""

    kind = ErrorKind.NOT_IMPLEMENTED

    def __init__(self) -> None:
        super().__init__(NOT_AN_OPERATION)


class WrongMethod(BeamcatError):
    """The path is known, but not with this method; `allowed` are the ones it has."""

    kind = ErrorKind.NOT_IMPLEMENTED

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"The method {method} is not implemented here; there is {allowed}")
        self.allowed = allowed


def error_response(error: BeamcatError, request_id: str) -> Response:
    """The error as ICAT's clients expect it. A fault of ours shows the request's id and nothing else."""
    status, code = ICAT_ERRORS[error.kind]
    headers: dict[str, str] = {}
    message = message_for_client(error, request_id)
    match error:
        case UnknownOperation():
            status = 404
        case WrongMethod():
            status = 405
            headers["Allow"] = error.allowed
        case TooManyAttempts() | TooManyRequests():
            headers["Retry-After"] = str(error.retry_after_s)
    if error.kind is ErrorKind.UNAVAILABLE:
        headers["Retry-After"] = str(UNAVAILABLE_RETRY_S)
    body: dict[str, Any] = {"code": code, "message": message}
    if error.offset is not None and error.offset >= 0:
        body["offset"] = error.offset
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
