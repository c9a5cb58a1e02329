"""Carts and downloads at the facility of the specification's checklist (data service specification, G)."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tests.conftest import TestServer
from tests.doors.icat_rest.conftest import Icat, Opened, settings_for

RULES = ("Investigation", "Dataset", "Datafile", "Facility")

T = TypeVar("T")
PATIENCE_S = 30


class TopCat:
    """A client of the interface: `session` is the administrator's, `ann` is somebody who may read everything."""

    def __init__(self, icat: Icat, ids: dict[str, int], ann: str) -> None:
        self.icat, self.ids, self.ann = icat, ids, ann
        self.http = icat.http
        self.session = icat.session

    async def ask(self, method: str, path: str, *, session: str | None = None, **parameters: Any) -> httpx.Response:
        """A request as `ann` unless told otherwise; `ds` and the like stand for ids."""
        values = {"facilityName": "FAC", "sessionId": self.ann if session is None else session, **parameters}
        values = {name: value for name, value in values.items() if value is not None}
        where = "params" if method in {"GET", "DELETE"} else "data"
        return await self.http.request(method, f"/topcat{path}", **{where: values})

    async def add(self, items: str, **more: Any) -> httpx.Response:
        return await self.ask("POST", "/user/cart/FAC/cartItems", items=self.named(items), **more)

    async def cart(self, **more: Any) -> dict[str, Any]:
        return told(await self.ask("GET", "/user/cart/FAC", **more))

    async def submit(self, **more: Any) -> httpx.Response:
        return await self.ask("POST", "/user/cart/FAC/submit", **{"transport": "https", "fileName": "LILS", **more})

    async def request(self, items: str, **more: Any) -> int:
        """The id of a download of these items."""
        told(await self.add(items, session=more.get("session")))
        return int(told(await self.submit(**more))["downloadId"])

    async def downloads(self, **more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = told(await self.ask("GET", "/user/downloads", **more))
        return found

    async def download(self, identifier: int) -> dict[str, Any]:
        asked = {"queryOffset": f"where download.id = {identifier}", "session": self.session}
        (found,) = told(await self.ask("GET", "/admin/downloads", **asked))
        return dict(found)

    async def comes_to(self, identifier: int, status: str) -> dict[str, Any]:
        """The download, once it has this status."""

        async def look() -> dict[str, Any] | None:
            found = await self.download(identifier)
            return found if found["status"] == status else None

        return await eventually(look)

    def named(self, text: str) -> str:
        return re.sub(r" ([a-z]\w*)", lambda name: f" {self.ids.get(name[1], name[1])}", text)


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := await look()) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return found


def told(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


@dataclass(frozen=True)
class Prepared:
    """A database with the facility in it, to be copied, and the folder of its files."""

    database: str
    base: Path
    ids: dict[str, int]


@pytest.fixture(scope="package")
async def prepared(
    server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Prepared]:
    name, base = server.create(template), tmp_path_factory.mktemp("main")
    async with Opened(settings_for(server.url(name), home=base)) as icat:
        await icat.login("simple", {"username": "root"}, {"password": "pw"})
        ids = await filled(icat, base)
        await icat.write([{"Rule": {"crudFlags": "R", "what": entity}} for entity in RULES])
    yield Prepared(name, base, ids)
    server.drop(name)


async def filled(icat: Icat, base: Path) -> dict[str, int]:
    """The ids by name: `FAC`, `inv`, visit `1-1` with the datasets `ds` and `ds2` of two files each."""

    async def make(entity: str, **members: Any) -> int:
        answer = await icat.write({entity: members})
        assert answer.status_code == 200, answer.text
        return int(answer.json()[0])

    here = {"id": await make("Facility", name="FAC")}
    kind = {"id": await make("InvestigationType", name="t", facility=here)}
    dataset_type = {"id": await make("DatasetType", name="t", facility=here)}
    ids = {"inv": await make("Investigation", name="inv", visitId="1-1", title="t", facility=here, type=kind)}
    for name in ("ds", "ds2"):
        within = {"investigation": {"id": ids["inv"]}, "type": dataset_type}
        ids[name] = await make("Dataset", name=name, **within)
    files = {
        "df1": ("ds", "1/2/a", b"hello world"),
        "df2": ("ds", "1/2/b", b"x" * 52),
        "df3": ("ds2", "1/3/Person's file", b"y" * 52),
        "df4": ("ds2", "1/3/d", b"z" * 52),
    }
    for name, (dataset, location, content) in files.items():
        (base / location).parent.mkdir(parents=True, exist_ok=True)
        (base / location).write_bytes(content)
        about = {"name": name, "location": location, "fileSize": len(content)}
        ids[name] = await make("Datafile", dataset={"id": ids[dataset]}, **about)
    return ids


@pytest.fixture
def chosen() -> dict[str, Any]:
    """Settings of the section `downloads`."""
    return {}


@pytest.fixture
def more() -> dict[str, Any]:
    """Settings of the sections `store` and `ids`."""
    return {}


@pytest.fixture
def database_url(server: TestServer, prepared: Prepared) -> Iterator[str]:
    name = server.create(prepared.database)
    yield server.url(name)
    server.drop(name)


@pytest.fixture
async def topcat(
    database_url: str, prepared: Prepared, tmp_path: Path, chosen: dict[str, Any], more: dict[str, Any]
) -> AsyncIterator[TopCat]:
    base = shutil.copytree(prepared.base, tmp_path / "main")
    store = {"main": {"kind": "posix", "path": base}, **more.get("store", {})}
    settings = settings_for(
        database_url, store=store, ids=more.get("ids", {}), downloads=chosen, home=tmp_path / "home"
    )
    async with Opened(settings) as icat:
        await icat.login("simple", {"username": "ann"}, {"password": "pw"})
        ann = icat.session
        await icat.login("simple", {"username": "root"}, {"password": "pw"})
        yield TopCat(icat, prepared.ids, ann)


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """The message of an error, whose body has its three members in order."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert list(body) == ["status", "code", "message"]
    assert (body["status"], body["code"]) == (status, code)
    assert answer.headers["access-control-allow-origin"] == "*"
    return str(body["message"])
