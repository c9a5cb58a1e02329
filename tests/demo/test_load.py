"""A small example facility in a running server: interrupted loads, what each account sees, and what it may do."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from beamcat.access.accounts import add_account
from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.demo.client import IcatClient, LoadFailed, signed_in
from beamcat.demo.datasets import Stored
from beamcat.demo.facility import Demo, build_demo
from beamcat.demo.files import DATA_FOLDER
from beamcat.demo.load import load_demo
from beamcat.demo.people import STAFF_INSTRUMENTS, VISITOR, group_members
from beamcat.demo.results import is_published
from beamcat.demo.settings import PASSWORD, demo_accounts, demo_settings
from beamcat.demo.visits import Visit
from tests.conftest import TestServer
from tests.demo.serving import serving
from tests.demo.walking import every, records_of

SCALE = 0.05
ACCOUNTS = ("simple/root", "db/visitor", "db/pi", "db/staff", "db/curator", "anon/anon")

LOADER = """
import asyncio, pathlib, sys
from beamcat.demo.load import load_demo
asyncio.run(load_demo(sys.argv[1], pathlib.Path(sys.argv[2]), scale=float(sys.argv[3])))
"""


@dataclass(frozen=True)
class Site:
    """A server with the example facility in it."""

    url: str
    home: Path
    demo: Demo

    def visit(self, instrument: str, number: int) -> Visit:
        return next(visit for visit in self.demo.visits if visit.place == (instrument, number))


@pytest.fixture(scope="module")
async def site(server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A server, loaded by a loader that was killed twice on the way."""
    home, name = tmp_path_factory.mktemp("demo"), server.create(template)
    database = DatabaseSettings(url=SecretStr(server.url(name)))
    async with Database(server.url(name), database) as opened:
        for account, password in demo_accounts().items():
            await add_account(opened, account, password)
    async with serving(demo_settings(home, server={"port": 0}, database=database)) as url:
        await load_until_there_is(url, home, "Investigation")
        await load_until_there_is(url, home, "Dataset")
        await load_demo(url, home, scale=SCALE)
        yield Site(url, home, build_demo(SCALE))
    server.drop(name)


async def load_until_there_is(url: str, home: Path, entity: str) -> None:
    """Run the loader in a process of its own and kill it as soon as the catalogue holds an `entity`."""
    loader = await asyncio.create_subprocess_exec(sys.executable, "-c", LOADER, url, str(home), str(SCALE))
    async with signed_in(url, "simple/root", PASSWORD) as root:
        while await root.search(f"SELECT COUNT(o) FROM {entity} o") == [0]:
            assert loader.returncode is None
            await asyncio.sleep(0.02)
    loader.send_signal(signal.SIGKILL)
    assert await loader.wait() == -signal.SIGKILL


async def counted(client: IcatClient, entity: str) -> int:
    (number,) = await client.search(f"SELECT COUNT(o) FROM {entity} o")
    return int(number)


def readable_visits(demo: Demo, account: str) -> set[str]:
    """The visits whose data the rules show to an account, worked out without them."""
    now = datetime.now(UTC)
    groups = {name for name, members in group_members().items() if account in members}
    return {
        visit.visit_id
        for visit in demo.visits
        if account in ("simple/root", "db/curator")
        or visit.is_open(now)
        or account in {person.login for person, _ in visit.members}
        or groups & set(visit.groups)
        or (account == "db/staff" and visit.instrument.name in STAFF_INSTRUMENTS)
    }


async def one_dataset(root: IcatClient, visit: Visit) -> int:
    (number,) = await root.search(
        f"SELECT MIN(d.id) FROM Dataset d WHERE d.investigation.visitId = '{visit.visit_id}' AND d.type.name = 'raw'"
    )
    return int(number)


async def investigation_id(root: IcatClient, visit: Visit) -> int:
    (number,) = await root.search(f"SELECT i.id FROM Investigation i WHERE i.visitId = '{visit.visit_id}'")
    return int(number)


async def test_a_load_that_was_killed_twice_holds_everything_once(site: Site) -> None:
    stored = {d.file_location(f): Stored(1, "0") for d in site.demo.datasets if d.has_files for f in d.files}
    expected = Counter(entity.name for entity, _ in every(records_of(site.demo, stored)))
    expected["Job"] += 2  # the loader's own
    async with signed_in(site.url, "simple/root", PASSWORD) as root:
        found = {entity: await counted(root, entity) for entity in expected}
    assert found == expected


async def test_a_second_load_does_nothing(site: Site) -> None:
    again = await load_demo(site.url, site.home, scale=SCALE)
    assert again.objects == 0


async def test_sizes_of_real_files_are_those_on_disk(site: Site) -> None:
    query = "SELECT f.location, f.fileSize FROM Datafile f WHERE f.checksum IS NOT NULL ORDER BY f.id"
    async with signed_in(site.url, "simple/root", PASSWORD) as root:
        rows = await root.rows(query)
    real = [dataset for dataset in site.demo.datasets if dataset.has_files]
    sizes: dict[str, int] = dict(rows)
    assert sizes.keys() == {dataset.file_location(file) for dataset in real for file in dataset.files}
    for dataset in (dataset for dataset in real if not dataset.on_tape):
        for location in map(dataset.file_location, dataset.files):
            assert (site.home / DATA_FOLDER / location).stat().st_size == sizes[location], location


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_an_account_sees_its_investigations_and_no_other(site: Site, account: str) -> None:
    expected = readable_visits(site.demo, account)
    async with signed_in(site.url, account, PASSWORD) as client:
        assert set(await client.search("SELECT i.visitId FROM Investigation i")) == expected


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_what_belongs_to_an_investigation_is_seen_with_it(site: Site, account: str) -> None:
    visits = readable_visits(site.demo, account)
    seen = [dataset for dataset in site.demo.datasets if dataset.visit.visit_id in visits]
    samples = [sample for visit in site.demo.visits if visit.visit_id in visits for sample in visit.samples]
    expected = {
        "Dataset": len(seen),
        "Datafile": sum(len(dataset.files) for dataset in seen),
        "DatasetParameter": sum(len(dataset.values) for dataset in seen),
        "DatasetInstrument": len(seen),
        "RelatedDatafile": sum(dataset.source is not None for dataset in seen),
        "Sample": len(samples),
        "SampleParameter": sum(len(sample.values) for sample in samples),
        "InvestigationUser": sum(len(v.members) for v in site.demo.visits if v.visit_id in visits),
    }
    async with signed_in(site.url, account, PASSWORD) as client:
        assert {entity: await counted(client, entity) for entity in expected} == expected


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_published_data_and_the_words_of_the_facility_are_for_everybody(site: Site, account: str) -> None:
    published = sum(map(is_published, site.demo.visits))
    async with signed_in(site.url, account, PASSWORD) as client:
        assert await counted(client, "DataPublication") == published
        assert await client.search("SELECT i.name FROM Instrument i WHERE i.name = 'ML07'") == ["ML07"]
        (found,) = await client.search("SELECT p FROM DataPublication p LIMIT 0,1 INCLUDE p.users u, u.affiliations")
        assert all(user["affiliations"] for user in found["DataPublication"]["users"])


async def test_people_are_seen_next_to_what_they_did_but_not_listed(site: Site) -> None:
    query = "SELECT i FROM Investigation i ORDER BY i.id LIMIT 0,1 INCLUDE i.investigationUsers iu, iu.user"
    async with signed_in(site.url, "anon/anon", PASSWORD) as anybody:
        assert await counted(anybody, "User") == 0
        (found,) = await anybody.search(query)
        assert all(link["user"]["fullName"] for link in found["Investigation"]["investigationUsers"])
    async with signed_in(site.url, "db/visitor", PASSWORD) as visitor:
        assert await visitor.search("SELECT u.fullName FROM User u WHERE u.name = :user") == [VISITOR.full_name]
        colleagues = {p for v in site.demo.visits for p, _ in v.members if VISITOR in dict(v.members)}
        assert await counted(visitor, "User") == len(colleagues)
    async with signed_in(site.url, "db/staff", PASSWORD) as staff, signed_in(site.url, ACCOUNTS[0], PASSWORD) as root:
        assert await counted(staff, "User") == await counted(root, "User")


async def test_a_leader_may_change_the_description_of_a_dataset_and_a_visitor_may_not(site: Site) -> None:
    visit = site.visit("ML07", 4)
    assert VISITOR in dict(visit.members)
    async with (
        signed_in(site.url, "simple/root", PASSWORD) as root,
        signed_in(site.url, "db/pi", PASSWORD) as pi,
        signed_in(site.url, "db/visitor", PASSWORD) as visitor,
    ):
        number = await one_dataset(root, visit)
        change = {"Dataset": {"id": number, "description": "the beam moved at noon"}}
        with pytest.raises(LoadFailed, match="UPDATE access to this Dataset is not allowed"):
            await visitor.write([change])
        assert await pi.write([change]) == []
        query = f"SELECT d.description FROM Dataset d WHERE d.id = {number}"
        assert await visitor.search(query) == ["the beam moved at noon"]
        with pytest.raises(LoadFailed, match="UPDATE access to this Dataset is not allowed"):
            await pi.write([{"Dataset": {"id": number, "name": "other"}}])


async def test_a_leader_may_add_to_the_own_investigation_and_not_to_another(site: Site) -> None:
    own = site.visit("ML07", 4)
    other = next(v for v in site.demo.visits if "db/pi" not in {p.login for p, _ in v.members})
    async with signed_in(site.url, "simple/root", PASSWORD) as root, signed_in(site.url, "db/pi", PASSWORD) as pi:
        added = await pi.write(
            [{"Keyword": {"name": "lunch", "investigation": {"id": await investigation_id(root, own)}}}]
        )
        assert len(added) == 1
        with pytest.raises(LoadFailed, match="CREATE access to this Keyword is not allowed"):
            link = {"id": await investigation_id(root, other)}
            await pi.write([{"Keyword": {"name": "lunch", "investigation": link}}])
        await remove(root, "Keyword", added)


async def test_an_instrument_scientist_writes_at_the_own_instruments_only(site: Site) -> None:
    own, other = site.visit("ML14", 5), site.visit("ML11", 4)
    async with signed_in(site.url, "simple/root", PASSWORD) as root, signed_in(site.url, "db/staff", PASSWORD) as staff:
        number = await one_dataset(root, own)
        link = {"id": await investigation_id(root, own)}
        (kind,) = await staff.search("SELECT t.id FROM DatasetType t WHERE t.name = 'processed'")
        files = [{"name": "a.h5"}, {"name": "b.h5"}]
        dataset: dict[str, Any] = {"name": "redone", "complete": False, "type": {"id": kind}, "datafiles": files}
        added = await staff.write([{"Dataset": {**dataset, "investigation": link}}])
        await staff.write(
            [{"Dataset": {"id": number, "complete": False}}, {"Dataset": {"id": number, "complete": True}}]
        )
        with pytest.raises(LoadFailed, match="UPDATE access to this Dataset is not allowed"):
            await staff.write([{"Dataset": {"id": await one_dataset(root, other), "complete": False}}])
        with pytest.raises(LoadFailed, match="CREATE access to this Dataset is not allowed"):
            await staff.write([{"Dataset": {**dataset, "investigation": {"id": await investigation_id(root, other)}}}])
        await remove(staff, "Dataset", added)


async def test_a_curator_cares_for_publications_and_embargoes_and_nothing_else(site: Site) -> None:
    visit = site.visit("ML11", 4)
    async with (
        signed_in(site.url, "simple/root", PASSWORD) as root,
        signed_in(site.url, "db/curator", PASSWORD) as curator,
        signed_in(site.url, "anon/anon", PASSWORD) as anybody,
    ):
        number = await investigation_id(root, visit)
        paper = {"fullReference": "Someone (2027). Later. Journal of Examples 13.", "investigation": {"id": number}}
        added = await curator.write([{"Publication": paper}])
        await remove(curator, "Publication", added)
        with pytest.raises(LoadFailed, match="UPDATE access to this Investigation is not allowed"):
            await curator.write([{"Investigation": {"id": number, "title": "Mine"}}])
        query = f"SELECT i.visitId, i.releaseDate FROM Investigation i WHERE i.id = {number}"
        ((_, release),) = await curator.search(query)
        assert await anybody.search(query) == []
        await curator.write([{"Investigation": {"id": number, "releaseDate": "2026-01-01T00:00:00.000Z"}}])
        assert len(await anybody.search(query)) == 1
        await curator.write([{"Investigation": {"id": number, "releaseDate": release}}])
        assert await anybody.search(query) == []


async def test_nobody_without_an_account_writes(site: Site) -> None:
    visit = next(v for v in site.demo.visits if v.is_open(datetime.now(UTC)))
    async with signed_in(site.url, "simple/root", PASSWORD) as root, signed_in(site.url, "anon/anon", PASSWORD) as anon:
        number = await one_dataset(root, visit)
        assert len(await anon.search(f"SELECT d FROM Dataset d WHERE d.id = {number}")) == 1
        with pytest.raises(LoadFailed, match="UPDATE access to this Dataset is not allowed"):
            await anon.write([{"Dataset": {"id": number, "description": "hello"}}])
        with pytest.raises(LoadFailed, match="CREATE access to this Keyword is not allowed"):
            await anon.write([{"Keyword": {"name": "x", "investigation": {"id": await investigation_id(root, visit)}}}])


async def remove(client: IcatClient, entity: str, numbers: list[int]) -> None:
    await client.delete([{entity: {"id": number}} for number in numbers])
    assert await client.search(f"SELECT COUNT(o) FROM {entity} o WHERE o.id = {numbers[0]}") == [0]
