"""A client that takes its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import httpx

from tests.doors.ids.conftest import Facility

LARGE = b"0123456789abcdef" * 20_000
"""More than is sent at once."""


async def put_large(facility: Facility, dataset: str) -> str:
    """The id of a new datafile with more bytes than are sent at once."""
    query = facility.named({"datasetIds": dataset})
    query |= {"datasetId": query.pop("datasetIds"), "datafileFormatId": str(facility.ids["format"]), "name": "large"}
    answer = await facility.http.put("/ids/put", params=query, content=LARGE)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


class Reader:
    """A client that takes the first bytes, and the rest only when it is told to."""

    def __init__(
        self,
        facility: Facility,
        headers: Mapping[str, str] | None = None,
        path: str = "/ids/getData",
        **parameters: str,
    ) -> None:
        self.body = b""
        self._begun, self._may_end = asyncio.Event(), asyncio.Event()
        query = httpx.QueryParams(facility.named(dict(parameters)))
        sent = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        self._scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
                       "query_string": str(query).encode(), "headers": sent, "root_path": "", "scheme": "http",
                       "server": ("beamcat", 80), "client": ("10.0.0.1", 1), "http_version": "1.1",
                       "asgi": {"version": "3.0"}}  # fmt: skip
        self._app = facility.http._transport.app  # type: ignore[attr-defined]

    async def begin(self) -> None:
        """Ask, and wait for the first bytes."""
        self._reading = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        begun = asyncio.create_task(self._begun.wait())
        await asyncio.wait([begun, self._reading], return_when=asyncio.FIRST_COMPLETED)
        assert self._begun.is_set(), "there was no answer with bytes"

    async def end(self) -> bytes:
        """Take the rest; all of it."""
        self._may_end.set()
        await self._reading
        return self.body

    async def go_away(self) -> None:
        """Take no more."""
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    async def _receive(self) -> Any:
        await asyncio.Event().wait()

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            self.body += message["body"]
            self._begun.set()
            await self._may_end.wait()
