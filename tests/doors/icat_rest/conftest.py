"""The REST door on an empty catalogue, called through HTTP in this process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

import httpx
import pytest
from pydantic import SecretStr

from beamcat.app import create_app
from beamcat.config import AuthenticatorSettings, Settings


class Icat:
    """A client of the door, signed in as `simple/root` unless told otherwise."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.session = ""

    async def login(self, plugin: str, *credentials: dict[str, Any]) -> httpx.Response:
        wanted = json.dumps({"plugin": plugin, "credentials": list(credentials)})
        response = await self.http.post("/icat/session", data={"json": wanted})
        if response.status_code == 200:
            self.session = response.json()["sessionId"]
        return response

    async def ask(self, query: str, **more: Any) -> httpx.Response:
        return await self.http.get("/icat/entityManager", params={"sessionId": self.session, "query": query, **more})

    async def write(self, entities: Any) -> httpx.Response:
        text = entities if isinstance(entities, str) else json.dumps(entities)
        return await self.http.post("/icat/entityManager", data={"sessionId": self.session, "entities": text})

    async def delete(self, entities: Any) -> httpx.Response:
        text = entities if isinstance(entities, str) else json.dumps(entities)
        parameters = {"sessionId": self.session, "entities": text}
        return await self.http.delete("/icat/entityManager", params=parameters)


def settings_for(database_url: str, **sections: Any) -> Settings:
    """Settings of a small facility; without search and portal, unless they are asked for."""
    sections.setdefault("search", {"engine": "none"})
    sections.setdefault("portal", {"enabled": False})
    sections.setdefault("viewing", {"thumbnails": False})
    return Settings(
        database={"url": SecretStr(database_url)},
        catalogue={"root_user_names": ("simple/root",), **sections.pop("catalogue", {})},
        authenticator={
            "simple": AuthenticatorSettings(kind="simple", users={"root": SecretStr("pw"), "ann": SecretStr("pw")}),
            "db": AuthenticatorSettings(kind="db", friendly="Facility account", admin=True),
            "anon": AuthenticatorSettings(kind="anon"),
        },
        **sections,
    )


class Opened:
    """An application with its lifespan, closed at the end of the test."""

    def __init__(self, settings: Settings) -> None:
        self._app = create_app(settings)
        self._life = self._app.router.lifespan_context(self._app)
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app, raise_app_exceptions=False), base_url="http://beamcat", timeout=60
        )

    async def __aenter__(self) -> Icat:
        await self._life.__aenter__()
        return Icat(self._http)

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        await self._life.__aexit__(None, None, None)


SERVER = {"sleep_enabled": True, "max_request_bytes": 2**20, "request_timeout_s": 20}


@pytest.fixture
async def icat(database_url: str) -> AsyncIterator[Icat]:
    """A client signed in as administrator, on a catalogue of its own."""
    async with Opened(settings_for(database_url, server=SERVER)) as client:
        assert (await client.login("simple", {"username": "root"}, {"password": "pw"})).status_code == 200
        yield client


@pytest.fixture(scope="package")
async def shared(server: TestServer, template: str) -> AsyncIterator[Icat]:
    """The same, on a catalogue that tests share: for those that leave no trace in it."""
    name = server.create(template)
    async with Opened(settings_for(server.url(name), server=SERVER)) as client:
        assert (await client.login("simple", {"username": "root"}, {"password": "pw"})).status_code == 200
        yield client
    server.drop(name)


class TestServer(Protocol):
    """What the fixture `server` offers here."""

    __test__ = False

    def url(self, name: str) -> str: ...
    def create(self, template: str | None = None) -> str: ...
    def drop(self, name: str) -> None: ...
