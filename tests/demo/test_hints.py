"""What the demo proposes to try, pasted into a shell: data on disk and on tape, by the programs people have.

The home is that of an older demo, which had no tapes.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from beamcat.access.accounts import add_account
from beamcat.config import DatabaseSettings, StoreSettings
from beamcat.database.pool import Database
from beamcat.demo.client import IcatClient, signed_in
from beamcat.demo.datasets import DemoDataset
from beamcat.demo.digests import compute_digests
from beamcat.demo.examples import ON_DISK, ON_TAPE, Example
from beamcat.demo.facility import Demo, build_demo
from beamcat.demo.files import DATA_FOLDER, write_files
from beamcat.demo.load import load_demo
from beamcat.demo.people import VISITOR
from beamcat.demo.settings import PASSWORD, TAPE_FOLDER, demo_accounts, demo_settings, tape_library
from beamcat.demo.vocabulary import FACILITY
from beamcat.demo.welcome import DOWNLOADS, welcome
from tests.conftest import TestServer
from tests.demo.serving import serving

SCALE = 0.001
INSTRUMENTS = ("ML07", "ML11", "ML19")
"""Those of the visitor's three investigations."""
MOUNT_S = 2.0
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Site:
    """A server whose older data have gone to tape."""

    url: str
    home: Path
    demo: Demo
    older: int
    """Objects that the start with the tapes has made."""

    @property
    def on_tape(self) -> list[DemoDataset]:
        return [dataset for dataset in self.demo.datasets if dataset.on_tape]

    def dataset(self, example: Example) -> DemoDataset:
        return next(dataset for dataset in self.demo.datasets if dataset.key == example.key)

    def is_on_disk(self, dataset: DemoDataset) -> bool:
        found = [(self.home / DATA_FOLDER / dataset.file_location(file)).exists() for file in dataset.files]
        assert len(set(found)) == 1
        return found[0]


@pytest.fixture(scope="module")
async def site(server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    home, name = tmp_path_factory.mktemp("demo"), server.create(template)
    database = DatabaseSettings(url=SecretStr(server.url(name)))
    async with Database(server.url(name), database) as opened:
        for account, password in demo_accounts().items():
            await add_account(opened, account, password)
    given = demo_settings(home, server={"port": 0}, database=database)
    quick = {
        "ids": given.ids.model_copy(update={"process_queue_interval_s": 0.1}),
        "store": StoreSettings(archive=tape_library(home / TAPE_FOLDER, MOUNT_S)),
    }
    settings = given.model_copy(update=quick)
    demo = build_demo(SCALE, INSTRUMENTS)
    async with serving(settings.model_copy(update={"store": StoreSettings()})) as url:
        await load_demo(url, home, scale=SCALE, instruments=INSTRUMENTS)
    async with serving(settings) as url:
        again = await load_demo(url, home, scale=SCALE, instruments=INSTRUMENTS)
        async with signed_in(url, "simple/root", PASSWORD) as root:
            await nothing_is_queued(url, root)
        async with Database(server.url(name), database) as opened:
            await compute_digests(opened, home)
        yield Site(url, home, demo, again.objects)
    server.drop(name)


async def nothing_is_queued(url: str, root: IcatClient) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (await asked(url, "getServiceStatus", sessionId=root.session)).json()["opsQueue"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def asked(url: str, call: str, **parameters: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        return (await http.get(f"/ids/{call}", params=parameters)).raise_for_status()


async def status_of(site: Site, dataset: DemoDataset) -> str:
    async with signed_in(site.url, "simple/root", PASSWORD) as root:
        visit, name = dataset.key
        query = f"SELECT d.id FROM Dataset d WHERE d.name = '{name}' AND d.investigation.visitId = '{visit}'"
        (number,) = await root.search(query)
        return (await asked(site.url, "getStatus", sessionId=root.session, datasetIds=number)).text


async def it_is_back(site: Site) -> None:
    deadline = time.monotonic() + PATIENCE_S
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as http:
        while (answer := await http.head(f"{ON_TAPE.path}.zip")).status_code == 503:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
    answer.raise_for_status()


async def everything_is_found(site: Site) -> None:
    """The index is a moment behind the catalogue."""
    async with (
        signed_in(site.url, "simple/root", PASSWORD) as root,
        httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=PATIENCE_S) as http,
    ):
        (await http.post("/icat/lucene/db", data={"sessionId": root.session})).raise_for_status()


def pasted(lines: list[str], folder: Path) -> str:
    """What a shell says to lines that are pasted into it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BEAMCAT_")}
    ran = subprocess.run(
        ["sh", "-e"],
        input="\n".join(lines),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def expected(dataset: DemoDataset, folder: Path) -> dict[str, bytes]:
    """The files of a dataset by their names, made anew."""
    write_files(folder, [dataset])
    return {file.name: (folder / DATA_FOLDER / dataset.file_location(file)).read_bytes() for file in dataset.files}


async def test_the_older_data_go_to_tape_and_the_others_stay(site: Site) -> None:
    assert site.older == 0
    assert len(site.on_tape) == 5 * len(INSTRUMENTS)
    for dataset in (dataset for dataset in site.demo.datasets if dataset.has_files):
        assert site.is_on_disk(dataset) is not dataset.on_tape
    assert await status_of(site, site.dataset(ON_TAPE)) == "ARCHIVED"
    assert await status_of(site, site.dataset(ON_DISK)) == "ONLINE"


@pytest.mark.timeout(300)
async def test_every_line_that_is_printed_works_when_it_is_pasted(site: Site, tmp_path: Path) -> None:
    text = welcome(site.url)
    assert f"Beamcat is ready at {site.url}" in text.splitlines()
    *first, last = [line for line in text.splitlines() if line.startswith("   ")]
    await everything_is_found(site)
    out = await asyncio.to_thread(pasted, first, tmp_path)
    await it_is_back(site)  # clients wait for at least half a minute
    out += await asyncio.to_thread(pasted, [first[0], last], tmp_path)
    own = [v.visit_id for v in site.demo.visits if VISITOR in dict(v.members)]
    assert len(own) == 3
    assert all(visit_id in out for visit_id in own)
    assert "MX-1924-1" in out  # on the crossover of spins
    assert ON_DISK.file in out
    assert '"handling":"parameter","what":"temperature (K)"' in out
    assert '"name":"scoC_cold_0002"' in out
    assert '"code":"INSUFFICIENT_PRIVILEGES"' in out
    assert "HTTP/1.1 503 Service Unavailable" in out
    assert "retry-after: " in out.lower()
    assert "link: <" in out.lower()
    assert '"user":"anon/anon"' in out.replace('": "', '":"')
    assert "12 files in meridian, 211.5 kB: all verified." in out
    on_disk, on_tape = (expected(site.dataset(each), tmp_path / each.visit_id) for each in (ON_DISK, ON_TAPE))
    names = {each: "/".join((FACILITY, each.investigation, *each.key)) for each in (ON_DISK, ON_TAPE)}
    assert contents(tmp_path / DOWNLOADS) == {
        ON_DISK.file: on_disk[ON_DISK.file],
        **{f"aria2/{names[ON_DISK]}/{name}": content for name, content in on_disk.items()},
        **{f"{names[ON_DISK]}/{name}": content for name, content in on_disk.items()},
        **{f"{names[ON_TAPE]}/{name}": content for name, content in on_tape.items()},
    }


async def test_the_next_start_leaves_on_disk_what_was_brought_back(site: Site) -> None:
    brought = site.dataset(ON_TAPE)
    async with signed_in(site.url, "simple/root", PASSWORD) as root:
        await nothing_is_queued(site.url, root)
        before = {dataset.key: site.is_on_disk(dataset) for dataset in site.on_tape}
        assert before[brought.key]
        assert (await load_demo(site.url, site.home, scale=SCALE, instruments=INSTRUMENTS)).objects == 0
        await nothing_is_queued(site.url, root)
    assert {dataset.key: site.is_on_disk(dataset) for dataset in site.on_tape} == before
    assert sum(before.values()) == 1


def test_what_the_hints_name_is_open_and_is_where_they_say() -> None:
    demo = build_demo(SCALE, INSTRUMENTS)
    found = {dataset.key: dataset for dataset in demo.datasets}
    for example in (ON_DISK, ON_TAPE):
        dataset = found[example.key]
        assert dataset.has_files
        assert dataset.on_tape is (example is ON_TAPE)
        assert dataset.visit.proposal == example.investigation
        assert dataset.visit.kind == "experiment"
        assert example.file in {file.name for file in dataset.files}
