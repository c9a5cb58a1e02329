"""Answers in the words of the data service: all text is ASCII, errors have one of seven codes (A.1, A.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from beamcat.doors.bytes_out import StatusError
from beamcat.doors.coming_back import ComeBack
from beamcat.doors.core import message_for_client
from beamcat.errors import BeamcatError, ErrorKind, TooManyAttempts, TooManyRequests
from beamcat.store.units.status import RestoreFailed

IDS_ERRORS: Mapping[ErrorKind, tuple[int, str]] = {
    ErrorKind.BAD_PARAMETER: (400, "BadRequestException"),
    ErrorKind.VALIDATION: (400, "BadRequestException"),
    ErrorKind.ALREADY_EXISTS: (400, "BadRequestException"),
    ErrorKind.NOT_FOUND: (404, "NotFoundException"),
    ErrorKind.FORBIDDEN: (403, "InsufficientPrivilegesException"),
    ErrorKind.NO_SESSION: (403, "InsufficientPrivilegesException"),
    ErrorKind.TOO_LARGE: (413, "BadRequestException"),
    ErrorKind.TOO_MANY_ATTEMPTS: (429, "BadRequestException"),
    ErrorKind.TOO_MANY_REQUESTS: (429, "BadRequestException"),
    ErrorKind.NOT_IMPLEMENTED: (501, "NotImplementedException"),
    ErrorKind.UNAVAILABLE: (503, "DataNotOnlineException"),
    ErrorKind.TIMED_OUT: (504, "InternalException"),
    ErrorKind.INTERNAL: (500, "InternalException"),
}
"""HTTP status and code of every kind. Clients know no other codes: the Java client takes an unknown one for success."""

UNAVAILABLE_RETRY_S = 5
"""When to come back after a service was away."""


class UnknownCall(BeamcatError):
    """No such path."""

    kind = ErrorKind.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("The data service has no such call")


class WrongMethod(BeamcatError):
    """The path is known, but not with this method; `allowed` are the ones it has."""

    kind = ErrorKind.NOT_IMPLEMENTED

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"The method {method} is not implemented here; there is {allowed}")
        self.allowed = allowed


def error_response(error: BeamcatError, request_id: str, *, of_data: bool = False) -> Response:
    """The error as clients of the data service expect it. `of_data`: they have asked for bytes."""
    status, code = IDS_ERRORS[error.kind]
    headers = {"Cache-Control": "no-store"}
    match error:
        case WrongMethod():
            status = 405
            headers["Allow"] = error.allowed
        case TooManyAttempts():
            headers["Retry-After"] = str(error.retry_after_s)
        case TooManyRequests():
            headers["Retry-After"] = str(error.retry_after_s)
            code = "DataNotOnlineException" if of_data else code
        case StatusError():
            status = error.status
            headers |= error.headers
        case ComeBack():
            headers |= error.headers
        case RestoreFailed():
            status, code = IDS_ERRORS[ErrorKind.INTERNAL]
    if status == IDS_ERRORS[ErrorKind.UNAVAILABLE][0]:
        headers["Retry-After"] = str(getattr(error, "retry_after_s", UNAVAILABLE_RETRY_S))
    body = {"code": code, "message": message_for_client(error, request_id)}
    return Response(json.dumps(body), status, headers, media_type="application/json")


def text_response(text: str) -> Response:
    """200 with plain text."""
    return Response(text, media_type="text/plain")


def json_response(value: Any) -> Response:
    """200 with JSON in ASCII."""
    return Response(json.dumps(value, separators=(",", ":")), media_type="application/json")


def no_content() -> Response:
    """204 with an empty body: the Java client takes any text in it for an error."""
    return Response(status_code=204)
