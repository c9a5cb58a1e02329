"""What goes wrong, as a page for people and as a problem for programs (RFC 9457)."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from starlette.responses import HTMLResponse, Response

from beamcat.doors.bytes_out import StatusError
from beamcat.doors.coming_back import ComeBack
from beamcat.doors.core import message_for_client
from beamcat.doors.data.pages import problem_page
from beamcat.doors.statuses import STATUSES as BY_KIND
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.store.permalinks import Gone
from beamcat.store.units.status import RestoreFailed

STATUSES = BY_KIND | {ErrorKind.VALIDATION: 400}
"""The HTTP status of every kind."""
CHALLENGE = 'Bearer realm="data"'
AWAY_RETRY_S = 5
"""When to come back after a service was away."""


class SignInFirst(BeamcatError):
    """Nobody has signed in, and what is asked for is not for everybody."""

    kind = ErrorKind.NO_SESSION

    def __init__(self) -> None:
        super().__init__("These data are not open to everybody: sign in, and send the session id or a token")


def error_response(error: BeamcatError, request_id: str, *, as_page: bool) -> Response:
    """The error, as a page where one is wanted."""
    status = error.status if isinstance(error, StatusError) else STATUSES[error.kind]
    if isinstance(error, RestoreFailed):
        status = 500
    if isinstance(error, Gone):
        status = 410
    if isinstance(error, ComeBack):
        status = error.status
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    if isinstance(error, StatusError | ComeBack):
        headers |= error.headers
    if status == 401:
        known = isinstance(error, SignInFirst)
        headers["WWW-Authenticate"] = CHALLENGE if known else f'{CHALLENGE}, error="invalid_token"'
    retry_after_s = getattr(error, "retry_after_s", AWAY_RETRY_S if status == 503 else None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    message = message_for_client(error, request_id)
    if as_page:
        return HTMLResponse(problem_page(status, message), status, headers)
    body: dict[str, Any] = {"status": status, "title": type(error).__name__, "detail": message}
    if isinstance(error, Gone):
        body |= {"doi": error.tombstone.doi, "deleted": f"{error.tombstone.deleted.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return Response(json.dumps(body), status, headers, media_type="application/problem+json")
