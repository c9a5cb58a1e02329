"""A small REST client that costs little itself: one kept connection, nothing parsed unless asked."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlencode

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class RestClient:
    """A session at a running server."""

    def __init__(self, port: int, plugin: str, credentials: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self.session = ""
        self.session = self.login(plugin, credentials)

    def login(self, plugin: str, credentials: dict[str, str]) -> str:
        """A session id."""
        given = json.dumps({"plugin": plugin, "credentials": [{key: value} for key, value in credentials.items()]})
        return str(json.loads(self.call("POST", "/icat/session", urlencode({"json": given})))["sessionId"])

    def call(self, method: str, path: str, body: str | None = None) -> bytes:
        """The body of the answer; an error stops the benchmark."""
        self._connection.request(method, path, body, FORM if body else {})
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path[:200]}: {response.status} {content[:500]!r}")
        return content

    def path(self, query: str) -> str:
        """The path that asks a query."""
        return f"/icat/entityManager?sessionId={self.session}&query={quote(query)}"

    def search(self, query: str) -> Any:
        """The parsed answer of a query."""
        return json.loads(self.call("GET", self.path(query)))

    def write(self, entities: list[dict[str, Any]]) -> list[int]:
        """Create or update; the ids of what was created."""
        form = urlencode({"sessionId": self.session, "entities": json.dumps(entities)})
        ids: list[int] = json.loads(self.call("POST", "/icat/entityManager", form))
        return ids
