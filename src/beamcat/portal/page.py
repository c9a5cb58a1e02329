"""What every page is: an address, a function that answers, and what the function is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from beamcat.doors.core import Core
from beamcat.doors.forms import form_parameters, query_parameters
from beamcat.errors import NoSuchObject
from beamcat.portal.formatting import Formatting
from beamcat.portal.rendering import Rendering
from beamcat.portal.visiting import Visitor

LONGEST_FORM = 2**20
"""Bytes of a form."""


class Asking:
    """One request for a page."""

    def __init__(self, request: Request, core: Core, visitor: Visitor, rendering: Rendering, page: Page) -> None:
        self.request = request
        self.core = core
        self.visitor = visitor
        self.rendering = rendering
        self.page = page
        self.now = datetime.now(UTC)
        self._form: Mapping[str, str] | None = None

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The parameters of the address; of one given twice, the first."""
        return query_parameters(self.request)

    @cached_property
    def formatting(self) -> Formatting:
        """How values are told."""
        return Formatting(self.visitor.words, self.rendering.zone)

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks, which wants a part of the page. A page from its history is asked for whole."""
        headers = self.request.headers
        return headers.get("hx-request") == "true" and headers.get("hx-history-restore-request") != "true"

    @property
    def address(self) -> str:
        """Path and query of this page."""
        query = self.request.url.query
        return f"{self.request.url.path}?{query}" if query else self.request.url.path

    def id_of(self, name: str = "id") -> int:
        """A number of the path. Raises `NoSuchObject` for what is none, as for what is not there."""
        text = self.request.path_params[name]
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise NoSuchObject("There is nothing here")
        return int(text)

    async def form(self) -> Mapping[str, str]:
        """The fields of the form that was sent."""
        if self._form is None:
            self._form = await form_parameters(self.request, LONGEST_FORM)
        return self._form

    async def render(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
    ) -> Response:
        """A page, or a fragment, of a template."""
        return await self.rendering.response(self, template, values, status, headers or {})

    def go(self, path: str, **query: str) -> Response:
        """Have the browser go to another page, which it gets with GET (RFC 9110 section 15.4.4)."""
        return RedirectResponse(address(path, **query), status_code=303)


Answer = Callable[[Asking], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """An address of the portal.

    `name` is what logs and metrics call it. `path` is one of Starlette's. A page that changes something has the method
    POST; only forms of the portal itself can send one.
    """

    path: str
    answer: Answer
    name: str
    method: str = "GET"


def address(path: str, **query: str) -> str:
    """A path with a query; parameters that are empty are left out."""
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path
