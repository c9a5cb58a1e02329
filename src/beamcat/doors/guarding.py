"""How the doors for strangers let requests in: blocks and limits hold before anything is looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from beamcat.doors.core import Core

_CREDENTIALS = re.compile(rb"(?:^|&)(?:sessionId|preparedId)=", re.ASCII)
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SESSION_PATH = "/icat/session/"


@contextmanager
def guarded(scope: Scope, core: Core | None) -> Iterator[None]:
    """While a request is answered. Raises `Blocked` and `TooManyRequests`. Without a core there is nothing to guard."""
    if core is None:
        yield
        return
    client = scope.get("client")
    visit = core.protection.visit(client[0] if client else "")
    with visit.inside(shows_credentials=_shows_credentials(scope)):
        yield


def _shows_credentials(scope: Scope) -> bool:
    """Whether a session, a token or the id of a prepared download may be found in the request; a body is not read."""
    return (
        scope["method"] in _WITH_BODY
        or scope["path"].startswith(_SESSION_PATH)
        or _CREDENTIALS.search(scope["query_string"]) is not None
        or any(name == b"authorization" for name, _ in scope["headers"])
    )
