"""Searches on a server, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from beamcat.errors import BadParameter, BeamcatError, ErrorKind

TIMEOUT_S = 60.0
Json = Mapping[str, Any]


class CannotSearch(BeamcatError):
    """A server that cannot be reached, or answers that it cannot do this."""

    kind = ErrorKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Asked:
    """A search: `server` is the URL of Beamcat, `parameters` are those of `GET /api/search`."""

    server: str
    parameters: Mapping[str, str | int | list[str]]
    token: str | None = None


def pages(asked: Asked, *, every: bool) -> Iterator[Json]:
    """The first page of answers, or `every` one. Facets and counts are on the first."""
    url = _url(asked.server)
    headers = {"Accept": "application/json"}
    if asked.token:
        headers["Authorization"] = f"Bearer {asked.token}"
    parameters = dict(asked.parameters)
    with httpx.Client(headers=headers, timeout=TIMEOUT_S) as http:
        while True:
            page = _page(http, url, parameters)
            yield page
            after = page.get("next")
            if not every or after is None:
                return
            parameters = {name: value for name, value in parameters.items() if name != "facet"} | {"after": after}


def _url(server: str) -> str:
    if urlsplit(server).scheme not in {"http", "https"} or not urlsplit(server).hostname:
        raise BadParameter(f"{server} is not the URL of a server, such as https://icat.example.org")
    return f"{server.rstrip('/')}/api/search"


def _page(http: httpx.Client, url: str, parameters: Mapping[str, str | int | list[str]]) -> Json:
    try:
        answer = http.get(url, params=parameters)
    except httpx.HTTPError as error:
        raise CannotSearch(f"{url}: {error or type(error).__name__}") from error
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise CannotSearch(f"{url}: {answer.status_code} {answer.reason_phrase}; is this a Beamcat server?")
    if answer.status_code != HTTPStatus.OK:
        raise CannotSearch(f"{url}: {told.get('detail') or told.get('message') or answer.reason_phrase}")
    return told
