"""What clients are told whose data have to be brought back first: when to come again, where to look (E.6.7).

The same URL works then. A request that only looks, HEAD or a conditional GET, brings nothing back.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request

from beamcat.doors.core import Core
from beamcat.doors.urls import public_url
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.protection.refusals import OverRestoreBudget
from beamcat.store.selection import Wanted
from beamcat.store.units.status import NotOnline

SPREAD = 0.1
"""Those who were told at the same time come back at different ones."""
SELECTION = ("preparedId", "investigationIds", "datasetIds", "datafileIds")
"""The parameters that say which data are meant."""


class ComeBack(BeamcatError):
    """Data are not in the main storage now. `status` is the one of HTTP, `status_url` tells how far they are."""

    kind = ErrorKind.UNAVAILABLE

    def __init__(self, message: str, retry_after_s: int, *, status: int, status_url: str) -> None:
        super().__init__(message)
        self.retry_after_s = round(retry_after_s * random.uniform(1 - SPREAD, 1 + SPREAD))  # noqa: S311
        self.status = status
        self.status_url = status_url

    @property
    def headers(self) -> dict[str, str]:
        """What tells clients when to come again, and where to look."""
        return {"Retry-After": str(self.retry_after_s), "Link": f'<{self.status_url}>; rel="status"'}


def is_probe(request: Request) -> bool:
    """Whether a request looks whether something is there, or has changed, and wants no data brought back for that."""
    headers = request.headers
    return request.method == "HEAD" or "if-none-match" in headers or "if-modified-since" in headers


def come_back(
    error: NotOnline | OverRestoreBudget, request: Request, core: Core, selection: Mapping[str, str], *, status: int
) -> ComeBack:
    """The error as it is told to a client who has asked for the data of this selection."""
    message = error.message
    if isinstance(error, NotOnline) and is_probe(request):
        message = f"{error.count} of the units asked for are not online; a plain GET has them brought back"
    url = f"{public_url(request, core)}/ids/getStatus?{urlencode(selection, safe=',')}"
    return ComeBack(message, error.retry_after_s, status=status, status_url=url)


def selection_in(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters that say which data are meant, and nothing else, least of all a session."""
    return {name: parameters[name] for name in SELECTION if name in parameters}


def selection_of(wanted: Wanted) -> dict[str, str]:
    """The same, of what is wanted."""
    ids = zip(SELECTION[1:], (wanted.investigations, wanted.datasets, wanted.datafiles), strict=True)
    return {name: ",".join(map(str, some)) for name, some in ids if some}
