"""The data service with the files of the specification's checklist (data service specification, G)."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doors.icat_rest.conftest import Icat, Opened, settings_for

UNKNOWN = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"


@dataclass
class Facility:
    """`FAC`, `inv`, visit `1-1` with datasets `ds` (two files), `ds2` (two) and `empty`; ids by name, and sessions."""

    icat: Icat
    base: Path
    ids: dict[str, int]
    session: str
    stranger: str

    @property
    def http(self) -> httpx.AsyncClient:
        return self.icat.http

    async def get(self, call: str, headers: dict[str, str] | None = None, **parameters: Any) -> httpx.Response:
        return await self.http.get(f"/ids/{call}", params=self.named(parameters), headers=headers)

    async def post(self, call: str, **parameters: Any) -> httpx.Response:
        return await self.http.post(f"/ids/{call}", data=self.named(parameters))

    async def prepare(self, **parameters: Any) -> str:
        answer = await self.post("prepareData", **parameters)
        assert answer.status_code == 200, answer.text
        return answer.text

    def named(self, parameters: dict[str, Any]) -> dict[str, str]:
        """Parameters with names in place of ids, and the session unless another one or a prepared id is given."""
        named = {}
        for name, value in parameters.items():
            if name.endswith("Ids"):
                value = re.sub(r"[a-z]\w+", lambda name: str(self.ids.get(name[0], name[0])), str(value))  # noqa: PLW2901
            if value is not None:
                named[name] = str(value)
        if "sessionId" not in parameters and "preparedId" not in parameters:
            named["sessionId"] = self.session
        return named


def put(base: Path, location: str, content: bytes) -> dict[str, Any]:
    path = base / location
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1286600400, 1286600400))
    checksum = f"{zlib.crc32(content):x}"
    return {"location": location, "fileSize": len(content), "checksum": checksum}


@pytest.fixture
def ids_settings() -> dict[str, Any]:
    """What a test wants to be otherwise."""
    return {}


@pytest.fixture
async def facility(database_url: str, tmp_path: Path, ids_settings: dict[str, Any]) -> AsyncIterator[Facility]:
    base = tmp_path / "main"
    base.mkdir()
    ids = {"catalogue_checksums_are_crc32": True, "trust_catalogue_checksums": True, **ids_settings.pop("ids", {})}
    store = {"main": {"kind": "posix", "path": base}, **ids_settings.pop("store", {})}
    settings = settings_for(database_url, store=store, ids=ids, home=tmp_path / "home", **ids_settings)
    async with Opened(settings) as icat:
        await icat.login("simple", {"username": "root"}, {"password": "pw"})
        yield await filled(icat, base)


async def filled(icat: Icat, base: Path) -> Facility:
    async def make(entity: str, **members: Any) -> int:
        answer = await icat.write({entity: members})
        assert answer.status_code == 200, answer.text
        return int(answer.json()[0])

    facility = {"id": await make("Facility", name="FAC")}
    kind = {"id": await make("InvestigationType", name="t", facility=facility)}
    dataset_type = {"id": await make("DatasetType", name="t", facility=facility)}
    ids = {"format": await make("DatafileFormat", name="f", version="1", facility=facility)}
    inv = {"id": await make("Investigation", name="inv", visitId="1-1", title="t", facility=facility, type=kind)}
    ids["inv"] = inv["id"]
    for name in ("ds", "ds2", "empty"):
        ids[name] = await make("Dataset", name=name, investigation=inv, type=dataset_type)
    moved = {"datafileModTime": "2010-10-09T05:00:00Z"}
    files = [
        ("df1", "a/df1.nxs", "ds", put(base, "1/2/a", b"hello world")),
        ("df2", "df2.dat", "ds", put(base, "1/2/b", b"x" * 52)),
        ("df3", "df3.dat", "ds2", put(base, "1/3/Person's file", b"y" * 52)),
        ("df4", "df4.dat", "ds2", put(base, "1/3/d", b"z" * 52)),
        ("nowhere", "nowhere", "empty", {}),
    ]
    for key, name, dataset, members in files:
        ids[key] = await make("Datafile", name=name, dataset={"id": ids[dataset]}, **moved, **members)
    root = icat.session
    await icat.login("simple", {"username": "ann"}, {"password": "pw"})
    stranger, icat.session = icat.session, root
    return Facility(icat, base, ids, root, stranger)
