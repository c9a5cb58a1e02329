"""The SOAP door on an empty catalogue, called through HTTP in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from tests.doors.icat_soap.client import Icat, Opened, settings_for


class TestServer(Protocol):
    """What the fixture `server` offers here."""

    __test__ = False

    def url(self, name: str) -> str: ...
    def create(self, template: str | None = None) -> str: ...
    def drop(self, name: str) -> None: ...


@pytest.fixture
async def icat(database_url: str) -> AsyncIterator[Icat]:
    """A client signed in as administrator, on a catalogue of its own."""
    async with Opened(settings_for(database_url)) as client:
        await client.login("root")
        yield client


@pytest.fixture(scope="package")
async def shared(server: TestServer, template: str) -> AsyncIterator[Icat]:
    """The same, on a catalogue that tests share: for those that leave no trace in it."""
    name = server.create(template)
    async with Opened(settings_for(server.url(name))) as client:
        await client.login("root")
        yield client
    server.drop(name)
