"""ICAT's REST interface and data service as the loader uses them: sign in, ask in pages, write, send data to tape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from beamcat.errors import BeamcatError, ErrorKind

TIMEOUT_S = 300.0
PAGE_ROWS = 5000
"""Rows asked for at a time; a server answers at most `catalogue.max_entities`."""


class LoadFailed(BeamcatError):
    """The server refused a call, or cannot be reached."""

    kind = ErrorKind.INTERNAL


class IcatClient:
    """A session at an ICAT server."""

    def __init__(self, http: httpx.AsyncClient, session: str) -> None:
        self._http = http
        self.session = session

    async def rows(self, query: str) -> list[Any]:
        """All rows of a query that has an ORDER BY and no LIMIT, fetched in pages."""
        found: list[Any] = []
        while True:
            page = await self.search(f"{query} LIMIT {len(found)},{PAGE_ROWS}")
            found.extend(page)
            if len(page) < PAGE_ROWS:
                return found

    async def search(self, query: str) -> list[Any]:
        """The answer to a query, as B.5 of the interface renders it. Raises `LoadFailed`."""
        answer = await _call(
            self._http, "GET", "/icat/entityManager", params={"sessionId": self.session, "query": query}
        )
        return list(answer)

    async def write(self, objects: Sequence[dict[str, Any]]) -> list[int]:
        """Create `objects`, each wrapped in its entity's name, or update those that have an `id`, in one transaction.

        Answers the ids of the created ones. Raises `LoadFailed`.
        """
        form = {"sessionId": self.session, "entities": orjson.dumps(objects).decode()}
        answer = await _call(self._http, "POST", "/icat/entityManager", data=form)
        return [int(number) for number in answer]

    async def delete(self, objects: Sequence[dict[str, Any]]) -> None:
        """Delete `objects`, such as `{"Dataset": {"id": 7}}`, with all that belongs to them. Raises `LoadFailed`."""
        params = {"sessionId": self.session, "entities": orjson.dumps(objects).decode()}
        await _call(self._http, "DELETE", "/icat/entityManager", params=params)

    async def has_tapes(self) -> bool:
        """Whether the data service has two levels of storage."""
        return bool(await _call(self._http, "GET", "/ids/isTwoLevel"))

    async def send_to_tape(self, dataset_ids: Sequence[int]) -> None:
        """Ask for datasets to be moved to tape, which takes its time. Raises `LoadFailed`."""
        form = {"sessionId": self.session, "datasetIds": ",".join(map(str, dataset_ids))}
        await _call(self._http, "POST", "/ids/archive", data=form)

    async def logout(self) -> None:
        """End the session."""
        await _call(self._http, "DELETE", f"/icat/session/{self.session}")


@asynccontextmanager
async def signed_in(base_url: str, user_name: str, password: str) -> AsyncIterator[IcatClient]:
    """A session of `user_name` (such as `simple/root`) at the server, ended at the end."""
    plugin, _, name = user_name.partition("/")
    credentials = {"plugin": plugin, "credentials": [{"username": name}, {"password": password}]}
    async with httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT_S, trust_env=False) as http:
        answer = await _call(http, "POST", "/icat/session", data={"json": orjson.dumps(credentials).decode()})
        client = IcatClient(http, answer["sessionId"])
        yield client
        await client.logout()


async def _call(http: httpx.AsyncClient, method: str, path: str, **content: Any) -> Any:
    try:
        response = await http.request(method, path, **content)
    except httpx.HTTPError as error:
        raise LoadFailed(f"{http.base_url} cannot be reached: {error!r}") from error
    if response.is_error:
        raise LoadFailed(f"{method} {path} was answered {response.status_code}: {response.text[:1000]}")
    return orjson.loads(response.content) if response.content else None
