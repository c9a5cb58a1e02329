"""Pages of what went wrong: what happened, and what to do next."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.doors.core import message_for_client
from beamcat.doors.statuses import STATUSES
from beamcat.errors import BeamcatError, ErrorKind, NoSuchObject, TooManyAttempts, TooManyRequests
from beamcat.observability.requests import current_id
from beamcat.portal.page import Asking
from beamcat.portal.visiting import SignInFirst


async def problem_page(asking: Asking, error: BeamcatError | None = None) -> Response:
    """The page of an error. To strangers, what is forbidden and what is not there look alike."""
    error = error or NoSuchObject("There is nothing at this address")
    kind = error.kind
    if kind is ErrorKind.FORBIDDEN and not asking.visitor.signed_in and asking.request.method in {"GET", "HEAD"}:
        kind, error = ErrorKind.NOT_FOUND, NoSuchObject("There is nothing at this address")
    headers = {}
    if isinstance(error, TooManyAttempts | TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    elif kind is ErrorKind.UNAVAILABLE:
        headers["Retry-After"] = "5"
    template = "_problem.html" if asking.is_fragment else "problem.html"
    return await asking.render(
        template,
        status=STATUSES[kind],
        headers=headers,
        kind=kind.name.lower(),
        message=message_for_client(error, current_id()),
        may_sign_in=not asking.visitor.signed_in and kind in {ErrorKind.NOT_FOUND, ErrorKind.NO_SESSION},
        sign_in_first=isinstance(error, SignInFirst),
    )
