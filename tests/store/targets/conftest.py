"""A facility with a dataset whose files can be requested for targets, and a worker whose turns a test takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from beamcat.access.caller import Caller
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.opening import Store, open_store
from beamcat.store.requests.downloads import Download
from beamcat.store.requests.items import Kind, Reference, owner_of
from beamcat.store.requests.opening import DownloadRequests, download_requests
from beamcat.store.requests.submitting import Request
from beamcat.store.targets.keeping import Keeper
from tests.catalogue.site import Site
from tests.store.targets.test_directory_contract import COMMAND

FAST = {"lease_s": 2.0, "delay_dataset_writes_s": 0, "delay_datafile_operations_s": 0, "recall_poll_s": 0.01}


class Rig:
    """The parts. `worker` is another one on the same database, as after a crash."""

    def __init__(self, site: Site, settings: Settings, base: Path) -> None:
        self.site, self.settings, self.base = site, settings, base
        self.ann = owner_of(Caller("simple/ann"), "x", anonymous=False)
        self.opened: list[tuple[Store, DownloadRequests]] = []
        self.store, self.requests = self.worker()
        self.datasets: list[int] = []

    def worker(self) -> tuple[Store, DownloadRequests]:
        store = open_store(self.settings, self.site.database, self.site.rulebooks, self.site.catalogue)
        requests = download_requests(
            self.settings,
            self.site.database,
            self.site.rulebooks,
            store.data,
            sources=store.sources,
            places=store.places,
        )
        self.opened.append((store, requests))
        return store, requests

    @property
    def keeper(self) -> Keeper:
        assert self.requests.targets is not None
        return self.requests.targets.keeper

    async def fill(self, content: dict[str, bytes], *, on_disk: bool = True) -> int:
        """A dataset of these files, by their locations."""
        if not self.datasets:
            here = await self.site.make("Facility", name="FAC")
            kind = await self.site.make("InvestigationType", name="t", facility=here)
            self.kind = await self.site.make("DatasetType", name="t", facility=here)
            about = {"name": "inv", "visitId": "1-1", "title": "t", "facility": here, "type": kind}
            self.investigation = await self.site.make("Investigation", **about)
        name = f"ds{len(self.datasets)}"
        dataset = await self.site.make("Dataset", name=name, investigation=self.investigation, type=self.kind)
        files = [
            {"Datafile": {"name": each, "location": each, "fileSize": len(data), "dataset": {"id": dataset}}}
            for each, data in content.items()
        ]
        await self.site.write(files)
        for location, data in content.items() if on_disk else ():
            path = self.base / "main" / location
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.datasets.append(dataset)
        return dataset

    async def request(self, *datasets: int, **more: Any) -> int:
        """The id of a request for datasets."""
        asked = Request(**{"facility": "FAC", "owner": self.ann, "transport": "there", "file_name": "data", **more})
        references = [Reference(Kind.DATASET, dataset) for dataset in datasets or self.datasets[:1]]
        await self.requests.carts.add("FAC", asked.owner, references)
        identifier = (await self.requests.submissions.submit_cart(asked)).download_id
        assert identifier is not None
        return identifier

    async def hand_over(self) -> None:
        """What has been requested is prepared, restored and handed over to its target."""
        await self.site.rows("UPDATE download SET next_look = now() WHERE next_look <> 'infinity' RETURNING 1")
        await self.requests.advancing.prepare()
        await self.requests.advancing.look()

    async def turn(self) -> None:
        """What the workers do within a while."""
        await self.hand_over()
        await self.site.rows("UPDATE target_request SET next_look = now() RETURNING 1")
        await self.keeper.take_some()
        await self.keeper.idle()

    async def download(self, identifier: int) -> Download:
        return await self.requests.downloads.find(identifier)

    async def completed(self, *ids: int) -> list[Download]:
        async with asyncio.timeout(30):
            while True:
                found = [await self.download(identifier) for identifier in ids]
                if all(each.status.value in {"COMPLETE", "EXPIRED"} for each in found):
                    return found
                await self.turn()

    def close(self) -> None:
        for store, requests in self.opened:
            if requests.targets is not None:
                requests.targets.close()
            if store.two_levels is not None:
                store.two_levels.close()


@pytest.fixture
def target(tmp_path: Path) -> dict[str, Any]:
    """The settings of the target `there`."""
    (tmp_path / "cache").mkdir()
    return {"kind": "directory", "path": tmp_path / "cache", "user_command": COMMAND, "keep_free_bytes": 0}


@pytest.fixture
def archive(tmp_path: Path) -> dict[str, Any]:
    """Settings of the section `store`."""
    return {}


@pytest.fixture
async def rig(
    database: Database, tmp_path: Path, target: dict[str, Any], archive: dict[str, Any]
) -> AsyncIterator[Rig]:
    site = Site(database)
    await site.rules(*(("R", entity) for entity in ("Facility", "Investigation", "Dataset", "Datafile")))
    (tmp_path / "main").mkdir()
    settings = Settings.model_validate(
        {
            "home": tmp_path / "home",
            "store": {"main": {"path": tmp_path / "main"}, **archive},
            "ids": FAST,
            "downloads": {
                "transport": {"https": {}, "there": {"target": "there"}},
                "target": {"there": {"poll_s": 0.01, **target}},
                "mail": {"enabled": True},
            },
        }
    )
    made = Rig(site, settings, tmp_path)
    yield made
    made.close()
    for store, _ in made.opened:
        await store.data.close()


def names(folder: Path) -> Sequence[str]:
    """The files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
