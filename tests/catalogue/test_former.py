"""Events tell what deleted and moved objects belonged to, where nothing else can tell it any more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from beamcat.database import outbox
from beamcat.database.outbox import ChangeKind, Origin, Step, record
from beamcat.database.pool import Database
from beamcat.events.audit import Asked, history, id_ranges
from beamcat.events.sequencing import sequence_all
from tests.catalogue.conftest import World
from tests.catalogue.site import Site

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def told(database: Database) -> list[tuple[str, str, dict[str, str]]]:
    """Entity, operation and former owners of the events that are new, in their order."""
    await sequence_all(database)
    events = await history(database, Asked())
    async with database.connection() as conn:
        await conn.execute("DELETE FROM event")
    return [
        (event.entity, event.operation.value, {name: id_ranges(ids, 9) for name, ids in event.former.items()})
        for event in reversed(events)
    ]


async def test_what_is_deleted_tells_what_it_was_taken_from(site: Site, world: World) -> None:
    first = await site.make("Datafile", name="1", dataset=world.dataset)
    second = await site.make("Datafile", name="2", dataset=world.dataset)
    await told(site.database)
    await site.delete(("Datafile", first), ("Datafile", second))
    assert await told(site.database) == [("Datafile", "D", {"Dataset": f"{world.dataset}"})]


async def test_what_goes_with_its_owner_does_not_tell_of_it(site: Site, world: World) -> None:
    dataset = await site.make("Dataset", name="gone", investigation=world.a, type=world.dataset_type)
    await site.make("Datafile", name="1", dataset=dataset)
    await told(site.database)
    await site.delete(("Dataset", dataset))
    assert await told(site.database) == [
        ("Datafile", "D", {}),
        ("Dataset", "D", {"Investigation": f"{world.a}"}),
    ]


async def test_what_is_moved_tells_what_it_has_left_and_what_stays_tells_nothing(site: Site, world: World) -> None:
    sample = await site.make("Sample", name="door", investigation=world.a)
    dataset = await site.make("Dataset", name="moved", investigation=world.a, type=world.dataset_type)
    await told(site.database)
    await site.change("Dataset", dataset, description="of a door")
    await site.change("Dataset", dataset, investigation=world.a, sample=sample)
    await site.change("Dataset", dataset, investigation=world.b, sample=sample)
    await site.write([{"Dataset": {"id": dataset, "sample": None}}])
    assert await told(site.database) == [
        ("Dataset", "U", {}),
        ("Dataset", "U", {"Sample": ""}),
        ("Dataset", "U", {"Investigation": f"{world.a}"}),
        ("Dataset", "U", {"Sample": f"{sample}"}),
    ]


async def test_former_owners_of_neighbouring_steps_come_together_and_are_divided_among_rows(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_RANGES", 2)
    deleted, call = ChangeKind.DELETED, Origin.CALL
    steps = [
        Step("Keyword", deleted, call, [1, 2], {"Investigation": [10, 20]}),
        Step("Keyword", deleted, call, [3, 4], {"Investigation": [30, 31, 50]}),
    ]
    async with database.transaction() as conn:
        await record(conn, "db/ann", NOW, "-", steps)
    rows = await told(database)
    assert [row[:2] for row in rows] == [("Keyword", "D")] * 2
    assert [row[2]["Investigation"] for row in rows] == ["10, 20", "30-31, 50"]
