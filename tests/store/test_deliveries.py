"""Deliveries put together from what several responses and workers saw, in any order."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.observability.metrics import Metrics
from beamcat.store.archives.archive import measure
from beamcat.store.archives.entries import Entries, integers
from beamcat.store.archives.zip_stored import ZipStored
from beamcat.store.deliveries.counting import IN_DOUBT, Account, Counting, Doubt, Note, Stretch
from beamcat.store.deliveries.deliveries import Deliveries
from beamcat.store.deliveries.merging import MOST_CLIENTS, Standing
from beamcat.store.deliveries.report import summaries
from beamcat.store.deliveries.status import files_complete
from beamcat.store.deliveries.table import Asked, Delivered, DeliveryTable
from beamcat.store.intervals import Intervals
from tests.catalogue.site import Site

SIZE = 1000
ACCOUNT = Account(None, "db/ann", '"f1-a"', SIZE)
IN_PROCESS: dict[str, Any] = {"client": ("192.0.2.1", 4711), "server": ("beamcat", None)}
"""A request that came by no connection of this process: whoever calls says what arrived."""


def note(*arrived: tuple[int, int], **members: Any) -> Note:
    return Note(members.pop("account", ACCOUNT), list(arrived), first_at=1e9, **members)


def standing() -> Standing:
    return Standing(SIZE, Intervals(), [], [], [])


async def all_of(table: DeliveryTable, asked: Asked | None = None) -> list[Delivered]:
    return [each async for page in table.listed(asked or Asked()) for each in page]


# -- what a client that comes back tells ------------------------------------------------------------------------


def test_a_client_that_goes_on_behind_bytes_in_doubt_has_them() -> None:
    seen = [note((0, 100), doubts=[Doubt(100, 400, 10.0)]), note((300, 1000), resumes=[(300, 11.0)])]
    for order in itertools.permutations(seen):
        found = standing()
        for each in order:
            found.add(each)
        assert list(found.arrived) == [(0, SIZE)]
        assert found.is_complete


@pytest.mark.parametrize(
    ("resumes", "arrived"),
    [
        ([(300, 9.0)], 100),  # began before the other broke off: it knows nothing of that
        ([(450, 11.0)], 100),  # behind all that was sent
        ([(100, 11.0)], 100),
        ([(300, 11.0), (200, 11.0)], 200),  # several: what is before all of them
        ([(400, 11.0)], 400),
    ],
)
def test_who_goes_on_elsewhere_tells_nothing(resumes: list[tuple[int, float]], arrived: int) -> None:
    found = standing()
    found.add(note((0, 100), doubts=[Doubt(100, 400, 10.0)], resumes=resumes))
    assert found.arrived.total == arrived


MIB = 1 << 20


@pytest.mark.parametrize(
    ("doubt", "resumes", "is_complete"),
    [
        (Doubt(0, 4 * MIB + 9000, 10.0, 0, 9.0), [(4 * MIB, 9.5)], True),  # a little more than it wanted was on its way
        (Doubt(0, 4 * MIB - 90_000, 10.0, 0, 9.0), [(4 * MIB, 9.5)], True),  # a little less is known to have come
        (Doubt(0, 4 * MIB + 9000, 10.0, 0, 9.0), [(4 * MIB, 11.0)], True),  # it came back, and went on behind them
        (Doubt(0, 7 * MIB, 10.0, 0, 9.0), [(4 * MIB, 9.5)], False),  # it was far beyond that place
        (Doubt(0, MIB, 10.0, 0, 9.0), [(4 * MIB, 9.5)], False),  # it had not come there
        (Doubt(0, 4 * MIB + 9000, 10.0, 0, 9.0), [], False),  # nobody had begun there
        (Doubt(0, 120, 10.0, 0, 9.0), [(150, 9.5)], False),  # too little for one that uses several connections
    ],
)
def test_a_client_of_several_connections_breaks_off_where_another_one_had_begun(
    doubt: Doubt, resumes: list[tuple[int, float]], is_complete: bool
) -> None:
    size = 8 * MIB
    found = Standing(size, Intervals(), [], [], [])
    found.add(note(doubts=[doubt], resumes=resumes))
    assert not found.is_complete
    found.add(note((min(4 * MIB, 150 if doubt.stop == 120 else 4 * MIB), size)))
    assert found.is_complete == is_complete


def test_what_is_remembered_of_clients_is_limited() -> None:
    found = standing()
    for number in range(100):
        found.add(note(clients={f"192.0.2.{number}"}))
    assert len(found.clients) == MOST_CLIENTS


# -- one response ------------------------------------------------------------------------------------------------


def test_the_last_bytes_of_a_response_that_broke_off_do_not_count() -> None:
    for handed, certain in ((IN_DOUBT - 1, 0), (IN_DOUBT + 7, 7)):
        counting = Counting(replace(ACCOUNT, size=1 << 30), [Stretch(1 << 30, 0)], None)
        counting.handed(handed)
        counting.broke_off()
        found = counting.note()
        assert found is not None
        assert found.arrived == ([(0, certain)] if certain else [])
        assert [(doubt.first, doubt.stop) for doubt in found.doubts] == [(certain, handed)]
        assert (found.broken, found.sent) == (1, handed)


def test_what_stands_between_parts_is_not_data() -> None:
    counting = Counting(ACCOUNT, [Stretch(50, None), Stretch(10, 100), Stretch(60, None), Stretch(5, 0)], None)
    counting.handed(125)
    counting.finished()
    found = counting.note()
    assert found is not None
    assert found.arrived == [(100, 110), (0, 5)]


# -- the table -----------------------------------------------------------------------------------------------------


async def test_workers_put_together_what_they_saw(database: Database) -> None:
    chance = random.Random(1)
    edges = [0, *sorted(chance.sample(range(1, SIZE), 30)), SIZE]
    pieces = list(itertools.pairwise(edges))
    chance.shuffle(pieces)
    *most, last = pieces
    workers = [DeliveryTable(database), DeliveryTable(database)]
    seen = [workers[number % 2].add([note(piece, requests=1, sent=7)]) for number, piece in enumerate(most)]
    await asyncio.gather(*seen)
    (delivered,) = await all_of(workers[0])
    assert (delivered.delivered, delivered.completed) == (SIZE - (last[1] - last[0]), None)
    assert (delivered.requests, delivered.sent) == (len(most), 7 * len(most))
    await workers[1].add([note(last)])
    (delivered,) = await all_of(workers[0])
    assert delivered.delivered == SIZE
    assert delivered.completed is not None


async def test_a_delivery_becomes_complete_once(database: Database) -> None:
    table = DeliveryTable(database)
    change = await table.add([note((0, 999), requests=1)])
    assert (change.begun, change.completed) == ([ACCOUNT.id], [])
    change = await table.add([note((999, 1000))])
    assert (change.begun, change.completed) == ([], [(ACCOUNT, "db/ann")])
    assert (await table.add([note((0, 1000))])).completed == []


async def test_other_bytes_are_another_delivery(database: Database) -> None:
    table = DeliveryTable(database)
    prepared = uuid4()
    accounts = [ACCOUNT, replace(ACCOUNT, etag='"f1-b"'), replace(ACCOUNT, user_name="db/bob")]
    accounts += [replace(account, prepared_id=prepared) for account in accounts[:2]]
    await table.add([note((0, 10), account=account) for account in accounts])
    assert len(await all_of(table)) == 5
    found = await table.find(prepared)
    assert found is not None
    assert found.arrived == [(0, 10)]
    assert await table.find(UUID(int=1)) is None


async def test_too_many_intervals_are_never_complete(database: Database) -> None:
    table = DeliveryTable(database)
    account = replace(ACCOUNT, size=100_000)
    await table.add([note(*((at, at + 1) for at in range(0, 20_040, 2)), account=account)])
    (delivered,) = await all_of(table)
    assert not delivered.exact
    await table.add([note((0, 100_000), account=account)])
    (delivered,) = await all_of(table)
    assert delivered.completed is None


async def test_it_is_known_who_came_back(database: Database) -> None:
    table = DeliveryTable(database)
    await table.add([note((0, 10), requests=1, last_at=1e9)])
    assert (await table.add([note((5, 10), requests=1, broken=1)])).restarts == 0
    assert (await table.add([note((10, 20), requests=1, broken=1)])).restarts == 1
    await table.add([note(requests=3)])
    (delivered,) = await all_of(table)
    assert (delivered.requests, delivered.broken, delivered.restarts) == (6, 2, 2)


async def test_what_went_silent_is_stalled(database: Database) -> None:
    table = DeliveryTable(database)
    now = datetime.now(UTC)
    silent, running, done = (replace(ACCOUNT, etag=f'"f1-{number}"') for number in range(3))
    await table.add([note((0, 500), account=silent, last_at=(now - timedelta(hours=2)).timestamp())])
    await table.add([note((0, 500), account=running, last_at=now.timestamp())])
    await table.add([note((0, SIZE), account=done, last_at=(now - timedelta(hours=2)).timestamp())])
    for state, expected in (("stalled", [silent]), ("incomplete", [silent, running]), ("complete", [done])):
        found = await all_of(table, Asked(state))  # type: ignore[arg-type]
        assert {each.etag for each in found} == {account.etag for account in expected}
    assert await table.stalled() == 1
    states = {each.etag: each.state(now) for each in await all_of(table)}
    assert [states[account.etag] for account in (silent, running, done)] == ["stalled", "running", "complete"]


async def test_what_may_not_have_been_read_is_taken_until_it_is_confirmed(database: Database) -> None:
    table = DeliveryTable(database)
    await table.add([note((0, 400), doubts=[Doubt(400, 990, 1e9)], last_at=1e9)])
    assert (await all_of(table, Asked("stalled"))) != []
    await table.add([note((990, 1000), last_at=1e9)])
    (delivered,) = await all_of(table, Asked("incomplete"))
    assert (delivered.state(datetime.now(UTC)), delivered.delivered, delivered.completed) == ("taken", 410, None)
    assert await all_of(table, Asked("stalled")) == []
    await table.confirm(delivered.id)
    (delivered,) = await all_of(table, Asked("complete"))
    assert (delivered.delivered, delivered.percent) == (SIZE, 100.0)
    assert delivered.confirmed is not None


async def test_old_deliveries_are_forgotten(database: Database) -> None:
    table = DeliveryTable(database)
    await table.add([note((0, 5), last_at=1e9)])
    assert await table.prune(datetime.fromtimestamp(1e9 - 1, UTC)) == 0
    assert await table.prune(datetime.fromtimestamp(1e9 + 1, UTC)) == 1


# -- a worker ------------------------------------------------------------------------------------------------------


async def test_what_the_database_could_not_take_is_written_down_later(database: Database, database_url: str) -> None:
    deliveries = Deliveries(database, Metrics(), keep_days=0)
    counting = await deliveries.begin(ACCOUNT, [Stretch(SIZE, 0)], IN_PROCESS)
    counting.handed(SIZE)
    counting.finished()
    deliveries.ended(counting)
    await database.close()
    await deliveries.flush()
    async with Database(database_url, DatabaseSettings()) as again:
        deliveries.table = DeliveryTable(again)
        await deliveries.flush()
        await deliveries.flush()
        (delivered,) = await all_of(deliveries.table)
    assert (delivered.percent, delivered.requests, delivered.clients) == (100.0, 1, ["192.0.2.1"])


# -- files ---------------------------------------------------------------------------------------------------------


async def test_a_file_is_complete_when_all_of_its_entry_has_arrived() -> None:
    def run(*numbers: int) -> Entries:
        names = [f"{number}".encode() for number in numbers]
        return Entries(names, integers([100] * len(names)), integers([1] * len(names)),
                       integers([0] * len(names)), [b""] * len(names))  # fmt: skip

    runs = [run(0, 1, 2), run(3, 4), run(5)]
    archive = measure(ZipStored(), runs)
    read: list[int] = []

    async def load(number: int) -> Entries:
        read.append(number)
        return runs[number]

    entry = archive.runs.bodies[-1] // 6
    for arrived, complete, touched in (
        ([], 0, []),
        ([(0, archive.size)], 6, []),
        ([(0, entry)], 1, [0]),
        ([(1, entry)], 0, [0]),
        ([(0, entry - 1), (entry, 4 * entry)], 3, [0, 1]),
        ([(3 * entry, 5 * entry)], 2, []),
    ):
        read.clear()
        assert (await files_complete(archive, load, arrived), read) == (complete, touched)


# -- the report ----------------------------------------------------------------------------------------------------


async def test_a_report_says_who_got_all_of_it_and_who_gave_up(database: Database) -> None:
    site = Site(database)
    table = DeliveryTable(database)
    await table.add([note((0, SIZE), requests=1, sent=SIZE, account=replace(ACCOUNT, investigations=(1, 2)))])
    bob = replace(ACCOUNT, user_name="db/bob", investigations=(2,))
    await table.add([note((0, 250), requests=1, broken=1, sent=300, last_at=1e9, account=bob)])
    await table.add([note(requests=1, account=bob)])
    found = {each.name: each for each in await summaries(database, "user", Asked())}
    assert (found["db/ann"].downloads, found["db/ann"].complete, found["db/ann"].given_up) == (1, 1, 0)
    given_up = found["db/bob"]
    assert (given_up.complete, given_up.given_up, given_up.given_up_at_percent) == (0, 1, 25.0)
    assert (given_up.came_back, given_up.restarts, given_up.delivered_bytes, given_up.sent_bytes) == (1, 1, 250, 300)
    by_investigation = {each.name: each.downloads for each in await summaries(database, "investigation", Asked())}
    assert by_investigation == {"1": 1, "2": 2}
    (month,) = await summaries(database, "month", Asked(investigation=2))
    assert (month.name, month.downloads) == ("2001-09", 2)
    assert await site.value("SELECT count(*) FROM delivery") == 2
