"""A facility with a visit of three datasets, and a data service whose archive answers when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from beamcat.access.caller import Caller
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.prepared import NotPrepared
from beamcat.store.requests.items import Kind, Reference, owner_of
from beamcat.store.requests.opening import DownloadRequests, download_requests
from beamcat.store.requests.submitting import Request
from beamcat.store.selection import Selections, Terms, Total, Wanted
from beamcat.store.service import Form
from tests.catalogue.site import Site

FILES = 4
"""Of each dataset."""


class Tape:
    """Stands in for a data service of two levels: nothing is there before `restored` says so."""

    def __init__(self, site: Site) -> None:
        self.prepared: dict[UUID, tuple[str, Wanted, Form]] = {}
        self.restored: set[UUID] = set()
        self.problem: Exception | None = None
        self.asked = 0
        self._selections = Selections(site.database, site.rulebooks, Terms())

    async def total(self, caller: Caller, wanted: Wanted) -> Total:
        async with self._selections.select(caller, wanted) as selected:
            return await selected.total()

    async def prepare(self, caller: Caller, wanted: Wanted, form: Form) -> UUID:
        if self.problem is not None:
            raise self.problem
        await self.total(caller, wanted)
        identifier = uuid4()
        self.prepared[identifier] = (caller.name, wanted, form)
        return identifier

    async def is_prepared(self, identifier: UUID) -> bool:
        self.asked += 1
        if self.problem is not None:
            raise self.problem
        if identifier not in self.prepared:
            raise NotPrepared("forgotten")
        return identifier in self.restored


class Facility:
    """What a test works with. `ann` may read everything, and use the queue."""

    def __init__(self, site: Site, tape: Tape, requests: DownloadRequests, datasets: list[int]) -> None:
        self.site, self.tape, self.requests, self.datasets = site, tape, requests, datasets
        self.ann = owner_of(Caller("db/ann"), "x", anonymous=False)

    def asks(self, **more: Any) -> Request:
        return Request(**{"facility": "FAC", "owner": self.ann, "transport": "https", "file_name": "data", **more})

    async def request(self, dataset: int = 0, **more: Any) -> int:
        """The id of a request for one of the datasets."""
        asked = self.asks(**more)
        await self.requests.carts.add("FAC", asked.owner, [Reference(Kind.DATASET, self.datasets[dataset])])
        identifier = (await self.requests.submissions.submit_cart(asked)).download_id
        assert identifier is not None
        return identifier

    async def turn(self) -> None:
        """What the worker that leads does within a while."""
        await self.site.value("WITH due AS (UPDATE download SET next_look = now()) SELECT 1")
        await self.site.value("WITH due AS (UPDATE download_mail SET due = now()) SELECT 1")
        await self.requests.advancing.start_queued()
        await self.requests.advancing.prepare()
        await self.requests.advancing.look()

    async def status(self, *ids: int) -> list[str]:
        return [(await self.requests.downloads.find(identifier)).status.value for identifier in ids]

    async def mails(self) -> list[int]:
        return [row[0] for row in await self.site.rows("SELECT download_id FROM download_mail ORDER BY 1")]

    def restore(self) -> None:
        self.tape.restored |= self.tape.prepared.keys()


@pytest.fixture
def chosen() -> dict[str, Any]:
    """Settings of the section `downloads`."""
    return {}


@pytest.fixture
async def facility(database: Database, tmp_path: Path, chosen: dict[str, Any]) -> AsyncIterator[Facility]:
    site = Site(database)
    await site.rules(*(("R", entity) for entity in ("Facility", "Investigation", "Dataset", "Datafile")))
    await site.rules(("R", "DataCollection"), ("R", "DataCollectionDataset"), ("R", "DataCollectionDatafile"))
    here = await site.make("Facility", name="FAC")
    kind = await site.make("InvestigationType", name="t", facility=here)
    dataset_type = await site.make("DatasetType", name="t", facility=here)
    investigation = await site.make("Investigation", name="i", visitId="1-1", title="t", facility=here, type=kind)
    datasets = [
        await site.make("Dataset", name=name, investigation=investigation, type=dataset_type)
        for name in ("a", "b", "c")
    ]
    await site.write(
        [
            {"Datafile": {"name": f"{n}", "location": f"{dataset}/{n}", "fileSize": 10, "dataset": {"id": dataset}}}
            for dataset in datasets
            for n in range(FILES)
        ]
    )
    queue = {"default_priority": 5, **chosen.get("queue", {})}
    transport = {"https": {}, "globus": {}}
    downloads = {"transport": transport, "mail": {"enabled": True}, **chosen, "queue": queue}
    store = {"main": {"path": tmp_path}, "archive": {"kind": "posix", "path": tmp_path}}
    settings = Settings(downloads=downloads, store=store, home=tmp_path)
    tape = Tape(site)
    requests = download_requests(settings, database, site.rulebooks, tape)  # type: ignore[arg-type]
    yield Facility(site, tape, requests, datasets)
