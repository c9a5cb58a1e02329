"""The little client the tests speak through: ICAT's REST interface, and nothing but it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

Json = Any


class IcatError(Exception):
    """An error answer: its status and ICAT's members. `offset` is None where the answer has none."""

    def __init__(self, answer: httpx.Response) -> None:
        body = answer.json()
        assert set(body) <= {"code", "message", "offset"}, body
        assert answer.headers["content-type"].startswith("application/json")
        self.status = answer.status_code
        self.code: str = body["code"]
        self.message: str = body["message"]
        self.offset: int | None = body.get("offset")
        super().__init__(f"{self.status} {self.code} {self.message} offset {self.offset}")


@dataclass(frozen=True)
class Session:
    """A signed-in user. Every method raises `IcatError` for an answer that is not a success."""

    http: httpx.Client
    id: str

    def search(self, query: str) -> Json:
        """The rows of a query."""
        return self._json(self.http.get("/icat/entityManager", params={"sessionId": self.id, "query": query}))

    def get(self, query: str, id: int) -> Json:
        """One object by a get query."""
        parameters = {"sessionId": self.id, "query": query, "id": str(id)}
        return self._json(self.http.get("/icat/entityManager", params=parameters))

    def write_text(self, entities: str) -> Json:
        """The ids of what was created, for a text that need not be JSON."""
        form = {"sessionId": self.id, "entities": entities}
        return self._json(self.http.post("/icat/entityManager", data=form))

    def write(self, entities: Json) -> list[int]:
        """The ids of what was created."""
        ids: list[int] = self.write_text(json.dumps(entities))
        return ids

    def create(self, entity: str, **members: Json) -> int:
        """The id of one created object."""
        [identifier] = self.write({entity: members})
        return identifier

    def update(self, entity: str, id: int, **members: Json) -> None:
        """Change members of one object."""
        assert self.write({entity: {"id": id, **members}}) == []

    def delete(self, *objects: tuple[str, int]) -> None:
        """Delete objects with all that refers to them."""
        entities = json.dumps([{entity: {"id": identifier}} for entity, identifier in objects])
        answer = self.http.delete("/icat/entityManager", params={"sessionId": self.id, "entities": entities})
        if answer.status_code != httpx.codes.NO_CONTENT:
            raise IcatError(answer)
        assert answer.content == b""

    def clone(self, entity: str, id: int, keys: Mapping[str, str]) -> int:
        """The id of the copy."""
        form = {"sessionId": self.id, "name": entity, "id": str(id), "keys": json.dumps(keys)}
        identifier: int = self._json(self.http.post("/icat/cloner", data=form))["id"]
        return identifier

    @staticmethod
    def _json(answer: httpx.Response) -> Json:
        if answer.status_code != httpx.codes.OK:
            raise IcatError(answer)
        return answer.json()


def sign_in(http: httpx.Client, plugin: str, **credentials: str) -> Session:
    """A new session; `IcatError` where the login is refused."""
    login = {"plugin": plugin, "credentials": [{key: value} for key, value in credentials.items()]}
    answer = http.post("/icat/session", data={"json": json.dumps(login)})
    if answer.status_code != httpx.codes.OK:
        raise IcatError(answer)
    return Session(http, answer.json()["sessionId"])
