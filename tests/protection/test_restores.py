"""Budgets of restores: counted in the transaction that asks for them, by who asks, exactly."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from beamcat.config import AuthenticatorSettings, Settings
from beamcat.database.pool import Database
from beamcat.protection.refusals import LONGER_RETRY_S, OverRestoreBudget
from beamcat.protection.restores import RestoreBudgets
from beamcat.store.units.queue import Queue
from beamcat.store.units.transitions import RESTORE, WRITE, Kind
from beamcat.store.units.values import Terms, Units
from tests.catalogue.site import Site
from tests.store.test_freezing import make

ANONYMOUS = "anon/anon"


def settings(**protection: Any) -> Settings:
    return Settings(
        database={"url": SecretStr("postgresql://nowhere")},
        catalogue={"root_user_names": ("simple/root",)},
        authenticator={"anon": AuthenticatorSettings(kind="anon")},
        protection={
            "anonymous": {"restore_bytes_per_day": 1000, "restores": 10},
            "signed_in": {"restore_bytes_per_day": 5000},
            "members": {"restore_bytes_per_day": 20_000},
            **protection,
        },
    )


class Archive:
    """Units that are in the archive only, and the queue."""

    def __init__(self, database: Database, kind: Kind = "dataset", **protection: Any) -> None:
        self.site = Site(database)
        self.kind = kind
        self.queue = Queue(database, Terms(kind), budgets=RestoreBudgets(settings(**protection)))

    async def hold(self, sizes: dict[int, int], *, dataset: int | None = None) -> None:
        for unit, size in sizes.items():
            await self.site.rows(
                "INSERT INTO unit (kind, id, dataset_id, online, size) VALUES (%s, %s, %s, false, %s) RETURNING id",
                *(self.kind, unit, dataset or unit, size),
            )

    async def ask(self, user: str, *units: int, dataset: int | None = None) -> OverRestoreBudget | None:
        try:
            await self.queue.request(RESTORE, Units(units, [dataset or unit for unit in units]), user)
        except OverRestoreBudget as over:
            return over
        return None

    async def queued(self) -> list[int]:
        rows = await self.site.rows("SELECT id FROM unit WHERE wanted = 'RESTORE' ORDER BY id")
        return [unit for (unit,) in rows]

    async def used(self, client: str) -> dict[str, int]:
        rows = await self.site.rows("SELECT what, bytes FROM daily_use WHERE client = %s AND bytes > 0", client)
        return dict(rows)

    async def restored(self, *units: int) -> None:
        await self.site.rows("UPDATE unit SET wanted = NULL, online = true WHERE id = ANY(%s) RETURNING 1", list(units))


@pytest.fixture
def archive(database: Database) -> Archive:
    return Archive(database)


async def test_ten_at_a_time_are_restored_for_anonymous_users_and_the_eleventh_is_not_queued(archive: Archive) -> None:
    await archive.hold(dict.fromkeys(range(1, 13), 1))
    for unit in range(1, 11):
        assert await archive.ask(ANONYMOUS, unit) is None
    over = await archive.ask(ANONYMOUS, 11)
    assert over is not None
    assert over.retry_after_s >= LONGER_RETRY_S
    assert await archive.queued() == list(range(1, 11))
    assert await archive.ask(ANONYMOUS, 4, 5) is None, "what is on its way costs nothing"
    await archive.restored(3)
    assert await archive.ask(ANONYMOUS, 11) is None
    assert await archive.ask(ANONYMOUS, 12) is not None
    assert await archive.used(f"user {ANONYMOUS}") == {"restored": 11}


async def test_of_one_request_as_much_is_restored_as_there_is_left(archive: Archive) -> None:
    await archive.hold({1: 600, 2: 600, 3: 400, 4: 1})
    over = await archive.ask(ANONYMOUS, 4, 3, 2, 1)
    assert over is not None
    assert "2 of the units" in over.message
    assert await archive.queued() == [1, 3]
    await archive.restored(1, 3)
    assert await archive.ask(ANONYMOUS, 2, 4) is not None
    assert await archive.queued() == []
    await archive.site.rows("UPDATE daily_use SET day = day - 1 RETURNING 1")
    assert await archive.ask(ANONYMOUS, 2, 4) is None
    assert await archive.queued() == [2, 4]


async def test_members_have_more_for_their_own_investigations(archive: Archive) -> None:
    own = await make(archive.site, [])
    user = await archive.site.make("User", name="db/ann")
    investigation = await archive.site.value("SELECT investigation_id FROM dataset WHERE id = %s", own)
    await archive.site.make("InvestigationUser", user=user, investigation=investigation, role="member")
    await archive.site.user("db/bob")
    others = own + 1
    await archive.hold({own: 15_000, others: 6000, others + 1: 5000})
    assert await archive.ask("db/bob", own) is not None
    assert await archive.ask("db/ann", others) is not None
    assert await archive.ask("db/ann", own) is None
    assert await archive.ask("db/ann", others + 1) is None
    assert await archive.queued() == [own, others + 1]
    assert await archive.used("user db/ann") == {"restored": 5000, "restored_as_member": 15_000}


async def test_staff_have_as_much_as_they_like(database: Database) -> None:
    archive = Archive(database, staff_users=("db/cid",), staff_groupings=("beamline staff",))
    await archive.site.user("db/ann", "beamline staff")
    await archive.site.user("db/bob", "users")
    await archive.hold(dict.fromkeys(range(1, 5), 10**12))
    for unit, user in enumerate(("simple/root", "db/cid", "db/ann"), start=1):
        assert await archive.ask(user, unit) is None
    assert await archive.ask("db/bob", 4) is not None
    assert await archive.queued() == [1, 2, 3]
    assert await archive.site.value("SELECT count(*) FROM daily_use WHERE bytes > 0") == 0


async def test_requests_at_the_same_time_do_not_get_more_together(database: Database) -> None:
    archives = [Archive(database) for _ in range(4)]
    await archives[0].hold(dict.fromkeys(range(1, 41), 30))
    asked = [archives[unit % 4].ask(ANONYMOUS, unit) for unit in range(1, 41)]
    refusals = await asyncio.gather(*asked)
    assert sum(refusal is None for refusal in refusals) == 10
    assert len(await archives[0].queued()) == 10
    assert await archives[0].used(f"user {ANONYMOUS}") == {"restored": 300}


async def test_two_who_ask_for_the_same_at_the_same_time_pay_once(database: Database) -> None:
    archives = [Archive(database) for _ in range(4)]
    await archives[0].hold(dict.fromkeys(range(1, 6), 100))
    users = ["db/ann", "db/bob"] * 4
    await asyncio.gather(
        *(archives[number % 4].ask(user, *range(1, 6)) for number, user in enumerate(users)),
    )
    paid = [await archives[0].used(f"user {user}") for user in ("db/ann", "db/bob")]
    assert sum(each.get("restored", 0) for each in paid) == 500


async def test_data_that_nobody_has_measured_count_as_the_catalogue_says(database: Database) -> None:
    archive = Archive(database, "datafile")
    dataset = await make(archive.site, [("one", "1"), ("two", "2")], size=700)
    files = [row[0] for row in await archive.site.rows("SELECT id FROM datafile ORDER BY id")]
    await archive.hold({files[0]: 0}, dataset=dataset)
    assert await archive.ask(ANONYMOUS, *files, dataset=dataset) is not None
    assert await archive.queued() == files[:1]
    whole = Archive(database)
    await whole.hold({dataset: 0})
    assert await whole.ask(ANONYMOUS, dataset) is not None, "1400 bytes, of which 700 are used"


async def test_other_operations_and_data_that_are_there_cost_nothing(archive: Archive) -> None:
    await archive.hold({1: 10**15})
    await archive.restored(1)
    assert await archive.ask(ANONYMOUS, 1) is None
    await archive.queue.request(WRITE, Units([1], [1]), ANONYMOUS)
    assert await archive.used(f"user {ANONYMOUS}") == {}


async def test_without_protection_nothing_is_limited(database: Database) -> None:
    archive = Archive(database, enabled=False)
    await archive.hold(dict.fromkeys(range(1, 21), 10**15))
    assert await archive.ask(ANONYMOUS, *range(1, 21)) is None
    assert len(await archive.queued()) == 20
