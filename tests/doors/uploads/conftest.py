"""A client that speaks tus, and the facility of the data service's tests."""

from __future__ import annotations

import base64
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.doors.icat_rest.conftest import Opened, settings_for
from tests.doors.ids.conftest import Facility, filled

BYTES = {"Content-Type": "application/offset+octet-stream"}


def encoded(**metadata: Any) -> str:
    return ",".join(f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in metadata.items())


def stored(facility: Facility) -> set[str]:
    """Every file there is, whatever it is for."""
    return {str(path.relative_to(facility.base)) for path in facility.base.rglob("*") if path.is_file()}


@dataclass
class Tus:
    """The protocol, step by step."""

    facility: Facility
    session: str
    names: itertools.count[int] = field(default_factory=itertools.count)

    async def ask(self, method: str, url: str, *, content: Any = None, **headers: str) -> httpx.Response:
        usual = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {self.session}"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in {**usual, **named}.items() if value}
        answer = await self.facility.http.request(method, url, content=content, headers=sent)
        assert answer.headers["tus-resumable"] == "1.0.0"
        return answer

    async def create(self, size: int, *, content: Any = None, headers: Any = None, **metadata: Any) -> httpx.Response:
        usual = {"name": f"new{next(self.names)}.nxs", "datasetId": self.facility.ids["ds"], **metadata}
        said = encoded(**{key: value for key, value in usual.items() if value is not None})
        more = {} if content is None else BYTES
        return await self.ask(
            "POST",
            "/uploads",
            content=content,
            Upload_Length=str(size),
            Upload_Metadata=said,
            **more,
            **(headers or {}),
        )

    async def unfinished(self) -> list[dict[str, Any]]:
        return list((await self.ask("GET", "/uploads")).json()["uploads"])

    async def begin(self, size: int, **metadata: Any) -> str:
        answer = await self.create(size, **metadata)
        assert answer.status_code == 201, answer.text
        return urlsplit(answer.headers["location"]).path

    async def patch(self, url: str, offset: int, content: Any, **headers: str) -> httpx.Response:
        return await self.ask("PATCH", url, content=content, Upload_Offset=str(offset), **{**BYTES, **headers})

    async def offset(self, url: str) -> int:
        answer = await self.ask("HEAD", url)
        assert answer.status_code == 200
        return int(answer.headers["upload-offset"])

    async def datafile(self, identifier: str | int) -> dict[str, Any]:
        rows = (await self.facility.icat.ask(f"SELECT f FROM Datafile f WHERE f.id = {identifier}")).json()
        return dict(rows[0]["Datafile"])

    def bytes_of(self, datafile: dict[str, Any]) -> bytes:
        return Path(self.facility.base / datafile["location"]).read_bytes()


@pytest.fixture(scope="package")
async def facility(server: Any, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Facility]:
    """One for all tests that want nothing special."""
    name = server.create(template)
    async with opened(server.url(name), tmp_path_factory.mktemp("uploads")) as facility:
        yield facility
    server.drop(name)


@pytest.fixture(scope="package")
def tus(facility: Facility) -> Tus:
    return Tus(facility, facility.session)


@pytest.fixture
def wanted() -> dict[str, Any]:
    """What a test wants to be otherwise."""
    return {}


@pytest.fixture
async def own(database_url: str, tmp_path: Path, wanted: dict[str, Any]) -> AsyncIterator[Tus]:
    """A facility of the test's own, with the settings that are `wanted`."""
    async with opened(database_url, tmp_path, **wanted) as facility:
        yield Tus(facility, facility.session)


@contextlib.asynccontextmanager
async def opened(database_url: str, folder: Path, **wanted: Any) -> AsyncIterator[Facility]:
    base = folder / "main"
    base.mkdir()
    store = {"main": {"kind": "posix", "path": base}, **wanted.pop("store", {})}
    async with Opened(settings_for(database_url, store=store, home=folder / "home", **wanted)) as icat:
        await icat.login("simple", {"username": "root"}, {"password": "pw"})
        yield await filled(icat, base)
