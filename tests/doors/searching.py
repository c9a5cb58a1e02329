"""A small catalogue to search in, of which ann may read a part."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.doors.icat_rest.conftest import Icat, Opened, settings_for

PATIENCE_S = 60
PUBLIC = ("Facility", "InvestigationType", "DatasetType", "ParameterType", "Instrument", "SampleType", "DatafileFormat")
OWN = "SELECT i FROM Investigation i JOIN i.investigationUsers iu WHERE iu.user.name = :user"
BELOW = {
    "Dataset": "SELECT d FROM Dataset d JOIN d.investigation.investigationUsers iu WHERE iu.user.name = :user",
    "Datafile": "SELECT f FROM Datafile f JOIN f.dataset.investigation.investigationUsers iu"
    " WHERE iu.user.name = :user",
    "Sample": "SELECT s FROM Sample s JOIN s.investigation.investigationUsers iu WHERE iu.user.name = :user",
    "InvestigationInstrument": "SELECT x FROM InvestigationInstrument x",
    "DatasetParameter": "SELECT p FROM DatasetParameter p JOIN p.dataset.investigation.investigationUsers iu"
    " WHERE iu.user.name = :user",
}


@dataclass
class Searched:
    """The catalogue: ids by entity and name, the sessions of root and ann, and where its database is."""

    icat: Icat
    ids: dict[str, dict[str, int]]
    root: str
    ann: str
    database_url: str

    @property
    def http(self) -> httpx.AsyncClient:
        return self.icat.http

    async def lucene(self, call: str, query: Any, *, session: str | None = None, **parameters: Any) -> httpx.Response:
        """One of ICAT's search calls, as root unless told otherwise."""
        text = query if isinstance(query, str) else json.dumps(query)
        asked = {"sessionId": self.root if session is None else session, "query": text, **parameters}
        return await self.http.get(f"/icat/{call}", params=asked)

    async def api(self, call: str = "", *, session: str | None = None, **parameters: Any) -> httpx.Response:
        """A call of `/api/search`, as root unless told otherwise."""
        headers = {"Authorization": f"Bearer {self.root if session is None else session}"}
        return await self.http.get(f"/api/search{call}", params=parameters, headers=headers)

    async def names(self, *, session: str | None = None, **parameters: Any) -> list[str]:
        """The names of what a search finds."""
        answer = await self.api(session=session, **parameters)
        assert answer.status_code == 200, answer.text
        return [hit["source"].get("name", hit["source"].get("title")) for hit in answer.json()["hits"]]


def dataset(name: str, kind: str, start: str, kelvin: float | None, *files: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": name,
        "type": {"id": kind},
        "complete": True,
        "startDate": f"{start}T08:00:00.000Z",
        "endDate": f"{start}T09:00:00.000Z",
        "datafiles": [
            {
                "name": file.rpartition("/")[2],
                "location": file,
                "fileSize": 1000,
                "datafileModTime": f"{start}T08:30:00Z",
            }
            for file in files
        ],
    }
    if kelvin is not None:
        made["parameters"] = [{"type": {"id": "temperature"}, "numericValue": kelvin}]
    return made


def with_ids(value: Any, ids: dict[str, int]) -> Any:
    """What is to be written, with ids in the place of names."""
    if isinstance(value, dict):
        return {
            key: ids[held] if key == "id" and isinstance(held, str) else with_ids(held, ids)
            for key, held in value.items()
        }
    return [with_ids(one, ids) for one in value] if isinstance(value, list) else value


async def _named(icat: Icat, entity: str) -> dict[str, int]:
    return dict((await icat.ask(f"SELECT x.name, x.id FROM {entity} x")).json())


async def fill(icat: Icat) -> dict[str, dict[str, int]]:
    """Write the catalogue; the ids by entity and name."""

    async def write(*entities: Any) -> None:
        answer = await icat.write(list(entities))
        assert answer.status_code == 200, answer.text

    await write(
        {
            "Facility": {
                "name": "LILS",
                "investigationTypes": [{"name": "experiment"}],
                "datasetTypes": [{"name": "raw"}, {"name": "calibration"}],
                "instruments": [{"name": "ID21", "fullName": "Nanoprobe"}, {"name": "ML07", "fullName": "Powder"}],
                "datafileFormats": [{"name": "NeXus", "version": "1"}],
                "sampleTypes": [{"name": "ceramic", "molecularFormula": "Fe2O3"}],
                "parameterTypes": [
                    {"name": "temperature", "units": "K", "valueType": "NUMERIC", "applicableToDataset": True}
                ],
            }
        },
        {"User": {"name": "simple/ann", "fullName": "Ann Weiß"}},
        {"User": {"name": "simple/bob", "fullName": "Bob Łukasz"}},
        *({"Rule": {"crudFlags": "R", "what": f"SELECT x FROM {entity} x"}} for entity in PUBLIC),
        *({"Rule": {"crudFlags": "R", "what": what}} for what in (OWN, *BELOW.values())),
    )
    small = {}
    for entity in (*PUBLIC, "User"):
        small |= await _named(icat, entity)
    experiments = (
        (
            "HC-1",
            "Perovskite films in humid air",
            "simple/ann",
            "ID21",
            dataset("film_cold", "raw", "2024-03-05", 10, "/data/HC-1/raw/scan_0042.h5", "/data/HC-1/raw/scan_0043.h5"),
            dataset("film_warm", "raw", "2024-03-06", 300, "/data/HC-1/raw/scan_0044.h5"),
            dataset("empty_cell", "calibration", "2024-03-04", None),
        ),
        (
            "HC-2",
            "Battery cathodes at rest, without films",
            "simple/bob",
            "ML07",
            dataset("cathode_hot", "raw", "2025-06-01", 350, "/data/HC-2/raw/scan_0042.h5"),
        ),
    )
    await write(
        *(
            with_ids(
                {
                    "Investigation": {
                        "name": name,
                        "visitId": "1-1",
                        "title": title,
                        "startDate": f"{datasets[0]['startDate']}",
                        "endDate": f"{datasets[0]['endDate']}",
                        "facility": {"id": "LILS"},
                        "type": {"id": "experiment"},
                        "investigationUsers": [{"user": {"id": user}, "role": "PI"}],
                        "investigationInstruments": [{"instrument": {"id": instrument}}],
                        "samples": [{"name": f"ferrite-{name}", "type": {"id": "ceramic"}}],
                        "datasets": list(datasets),
                    }
                },
                small,
            )
            for name, title, user, instrument, *datasets in experiments
        )
    )
    entities = ("Investigation", "Dataset", "Sample", "Instrument", "DatasetType")
    return {entity: await _named(icat, entity) for entity in entities}


async def found_by_all(icat: Icat) -> None:
    """Wait until the index holds what is in the catalogue."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = await icat.http.post("/icat/lucene/db", data={"sessionId": icat.session})
        assert answer.status_code == 204, answer.text
        query = '{"target":"Datafile"}'
        found = await icat.http.get("/icat/lucene/data", params={"sessionId": icat.session, "query": query})
        if len(found.json()) == 4:
            return
        assert time.monotonic() < deadline, found.text
        await asyncio.sleep(0.1)


@asynccontextmanager
async def searched(database_url: str, home: Path, **sections: Any) -> AsyncIterator[Searched]:
    """The catalogue in the process of the test, with what follows its changes running."""
    async with Opened(settings_for(database_url, home=home, **{"search": {}, **sections})) as icat:
        assert (await icat.login("simple", {"username": "ann"}, {"password": "pw"})).status_code == 200
        ann = icat.session
        assert (await icat.login("simple", {"username": "root"}, {"password": "pw"})).status_code == 200
        ids = await fill(icat)
        await asyncio.sleep(1.1)  # rules are in force at the latest a second after their commit
        await found_by_all(icat)
        yield Searched(icat, ids, icat.session, ann, database_url)
