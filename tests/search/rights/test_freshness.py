"""How soon changes are seen, what is read once for many, and how much is kept."""

from __future__ import annotations

import asyncio

import pytest

from beamcat.events.sequencing import sequence_all
from beamcat.search.question import AnyOf, Nothing, OneOf
from beamcat.search.rights import sets
from tests.search.rights.desk import OWN_DATASETS, OWN_FILES, PUBLIC_DATASETS, Desk


@pytest.mark.parametrize("sequenced", [False, True])
async def test_a_membership_is_seen_within_a_second(desk: Desk, sequenced: bool) -> None:
    await desk.rules(OWN_FILES)
    first, second, _ = desk.investigations
    assert await desk.predicate("Datafile") == OneOf("investigation", (first,))
    ann = (await desk.rulebooks.caller("db/ann")).user_id
    membership = await desk.site.make("InvestigationUser", user={"id": ann}, investigation=second, role="x")
    if sequenced:
        await sequence_all(desk.database)
    desk.seconds = 0.9
    assert await desk.predicate("Datafile") == OneOf("investigation", (first,)), "nobody looks more often"
    desk.seconds = 1.0
    assert await desk.predicate("Datafile") == OneOf("investigation", (first, second))
    await desk.site.delete(("InvestigationUser", membership))
    desk.seconds = 2.0
    assert await desk.predicate("Datafile") == OneOf("investigation", (first,))


async def test_a_change_counts_until_its_event_has_moved_on_and_no_longer(desk: Desk) -> None:
    await desk.rules(OWN_FILES)
    await sequence_all(desk.database)
    await desk.predicate("Datafile")
    ann = (await desk.rulebooks.caller("db/ann")).user_id
    await desk.site.make("InvestigationUser", user={"id": ann}, investigation=desk.investigations[1], role="x")
    for moved in (False, True):
        if moved:
            await sequence_all(desk.database)
        desk.seconds += 1
        await desk.predicate("Datafile")
    read = desk.database.transactions
    for _ in range(5):
        desk.seconds += 1
        await desk.predicate("Datafile")
    assert desk.database.transactions == read


async def test_what_a_rule_does_not_look_at_may_change(desk: Desk) -> None:
    await desk.rules(OWN_FILES)
    await desk.predicate("Datafile")
    await desk.site.make("Datafile", dataset=desk.datasets[0], name="new.nxs")
    await desk.site.change("Dataset", desk.datasets[0], description="new")
    read = desk.database.transactions
    desk.seconds = 1
    await desk.predicate("Datafile")
    assert desk.database.transactions == read


async def test_groups_and_rules_are_followed_too(desk: Desk) -> None:
    curators = await desk.site.make("Grouping", name="curators")
    await desk.site.rules(("R", "SELECT d FROM Dataset d WHERE d.name = 'scan'"), group="curators")
    assert await desk.predicate("Dataset") == Nothing()
    ann = (await desk.rulebooks.caller("db/ann")).user_id
    await desk.site.make("UserGroup", grouping=curators, user={"id": ann})
    desk.seconds = 1
    assert await desk.predicate("Dataset") == OneOf("id", tuple(desk.datasets))
    rule = await desk.site.value("SELECT id FROM rule")
    await desk.site.change("Rule", rule, what="SELECT d FROM Dataset d WHERE d.name = 'none'")
    desk.seconds = 2
    assert await desk.predicate("Dataset") == Nothing()


async def test_time_alone_is_seen_after_a_while(desk: Desk) -> None:
    await desk.rules(PUBLIC_DATASETS)
    assert await desk.predicate("Dataset") == OneOf("investigation", (desk.investigations[2],))
    async with desk.database.connection() as conn:  # as if its embargo had ended: time leaves no event
        await conn.execute("UPDATE investigation SET release_date = now() - interval '1 second'")
    desk.seconds = sets.TIMED_LIFE_S - 1
    assert await desk.predicate("Dataset") == OneOf("investigation", (desk.investigations[2],))
    desk.seconds = sets.TIMED_LIFE_S
    assert await desk.predicate("Dataset") == OneOf("investigation", tuple(desk.investigations))


async def test_changes_by_sql_are_seen_in_the_end(desk: Desk) -> None:
    await desk.rules(OWN_FILES)
    await desk.predicate("Datafile")
    async with desk.database.connection() as conn:
        await conn.execute("DELETE FROM investigation_user")
    desk.seconds = sets.LIFE_S
    assert await desk.predicate("Datafile") == Nothing()


async def test_callers_share_what_is_the_same_for_all(desk: Desk) -> None:
    await desk.rules(PUBLIC_DATASETS, OWN_DATASETS)
    first, second, third = desk.investigations
    assert await desk.predicate("Dataset") == AnyOf(
        (OneOf("investigation", (third,)), OneOf("investigation", (first,)))
    )
    assert desk.database.transactions == 2
    assert await desk.predicate("Dataset", "db/bob") == AnyOf(
        (OneOf("investigation", (third,)), OneOf("investigation", (second,)))
    )
    assert desk.database.transactions == 3
    for name in ("db/ann", "db/bob"):
        await desk.predicate("Dataset", name)
    assert desk.database.transactions == 3


async def test_many_at_a_time_wait_for_one_statement(desk: Desk) -> None:
    await desk.rules(PUBLIC_DATASETS)
    found = await asyncio.gather(*(desk.predicate("Dataset") for _ in range(50)))
    assert set(map(repr, found)) == {repr(OneOf("investigation", (desk.investigations[2],)))}
    assert desk.database.transactions == 1


async def test_one_who_gives_up_does_not_stop_the_others(desk: Desk) -> None:
    await desk.rules(PUBLIC_DATASETS)
    await desk.rulebooks.current()
    impatient, patient = (asyncio.create_task(desk.predicate("Dataset")) for _ in range(2))
    while not desk.database.transactions:
        await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == OneOf("investigation", (desk.investigations[2],))
    assert desk.database.transactions == 1


async def test_memory_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "KEPT_BYTES", 3 * sets.ENTRY_BYTES + 100)
    await desk.rules(OWN_FILES)
    names = [f"db/user{number}" for number in range(10)]
    for name in names:
        await desk.site.make("User", name=name)
    for name in names:
        await desk.predicate("Datafile", name)
    assert len(desk.rights._sets) == 3


async def test_after_very_many_events_everything_is_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.rules(OWN_FILES)
    await desk.predicate("Datafile")
    async with desk.database.connection() as conn:
        await conn.execute("DELETE FROM investigation_user")
        await conn.execute(
            "INSERT INTO event (at, user_name, request_id, entity, operation, origin, ids)"
            " SELECT now(), 'x', 'x', 'Datafile', 'C', 'call', '{[1,2)}' FROM generate_series(1, 10001)"
        )
    desk.seconds = 1
    assert await desk.predicate("Datafile") == Nothing()
    read = desk.database.transactions
    desk.seconds = 2
    await desk.predicate("Datafile")
    assert desk.database.transactions == read
