"""The index follows whatever happens in the catalogue, and whatever happens to the one who follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from beamcat.catalogue.former import OWNERS
from beamcat.database.naming import table_name
from beamcat.database.pool import Database
from beamcat.errors import Unavailable
from beamcat.model import ENTITIES, ToOne
from beamcat.search.documents import DOCUMENTS
from beamcat.search.feeding import feeder, tasks
from beamcat.search.feeding.walks import follows, steps_of
from tests.catalogue.site import Site
from tests.search.feeding.changes import WEIGHTS, Facility
from tests.search.feeding.memory import Killed, feeding

ROUNDS = 8
CHANGES = 25


async def test_every_sort_of_change_of_every_entity_is_followed(database: Database) -> None:
    facility = Facility(Site(database), seed=1)
    await facility.found()
    await facility.double()
    async with feeding(database) as following:
        await following.feed()
        for entity in map(ENTITIES.__getitem__, WEIGHTS):
            await facility.rewrite(entity)
            await following.feed()
            await following.assert_right()
            for relation in [each for each in entity.to_one if each.target in WEIGHTS for _ in ("there", "back")]:
                await facility.move(entity, relation)
                await following.feed()
                await following.assert_right()
        for entity in reversed([ENTITIES[name] for name in WEIGHTS]):
            await facility.remove(entity)
            await following.feed()
            await following.assert_right()


@pytest.mark.parametrize("seed", [25])
async def test_documents_in_the_index_are_those_made_from_scratch_whatever_happens(
    database: Database, seed: int
) -> None:
    facility = Facility(Site(database), seed)
    await facility.found()
    await facility.furnish()
    async with feeding(database) as following:
        for _ in range(ROUNDS):
            for _ in range(CHANGES):
                await facility.change()
            await following.feed()
            await following.assert_right()
    assert set(facility.done) == {"create", "update", "delete", "clone"}


@pytest.mark.parametrize("seed", [1])
async def test_nothing_is_lost_by_a_feeder_that_is_killed_or_refused_anywhere(
    database: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EVENTS_AT_ONCE", "OBJECTS_AT_ONCE", "DOCUMENTS_AT_ONCE"):
        monkeypatch.setattr(feeder, name, 5)
    monkeypatch.setattr(tasks, "SOURCES_AT_ONCE", 3)
    facility, random = Facility(Site(database), seed), Random(seed)
    await facility.found()
    await facility.furnish()
    killed = refused = 0

    def mishap(_: str) -> None:
        nonlocal killed, refused
        if random.random() < 0.03:
            killed += 1
            raise Killed
        if random.random() < 0.03:
            refused += 1
            raise Unavailable("away for a moment")

    async with feeding(database) as following:
        following.engine.before = mishap
        for _ in range(ROUNDS):
            for _ in range(CHANGES):
                await facility.change()
            for _ in range(random.randrange(30)):
                try:
                    await following.step()
                except Unavailable:
                    await following.feeder.close()
                except Killed:
                    following.restart()
        following.engine.before = lambda _: None
        await following.feed()
        await following.assert_right()
        assert await following.stored_position() == await following.newest()
    assert killed > 3
    assert refused > 3


@pytest.mark.parametrize("entity", DOCUMENTS)
async def test_every_table_that_documents_read_is_followed_and_no_other(database: Database, entity: str) -> None:
    documents = DOCUMENTS[entity]
    async with database.connection() as connection:
        cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {documents.of_ids([1])}".encode())
        ((plan,),) = await cursor.fetchall()
    read = set(_tables(plan if isinstance(plan, list) else json.loads(plan)))
    followed = {documents.table}
    for path in documents.reads:
        followed.update(table_name(ENTITIES[step.target]) for _, step in steps_of(ENTITIES[entity], path))
        assert table_name(ENTITIES[steps_of(ENTITIES[entity], path)[-1][1].target]) in read, path
    for path in documents.links:
        followed.update(table_name(ENTITIES[step.target]) for _, step in steps_of(ENTITIES[entity], path))
    assert read <= followed


def _tables(plan: Any) -> Iterator[str]:
    if isinstance(plan, list):
        for part in plan:
            yield from _tables(part)
    elif isinstance(plan, dict):
        if "Relation Name" in plan:
            yield plan["Relation Name"]
        for part in plan.values():
            yield from _tables(part)


def test_events_tell_of_every_owner_that_has_to_hear_of_a_loss() -> None:
    owners = {each.owner for of in follows(DOCUMENTS, counted=True).values() for each in of}
    assert owners - {None} == OWNERS


@pytest.mark.parametrize("entity", DOCUMENTS)
def test_what_leads_to_others_than_owners_is_read_itself(entity: str) -> None:
    """Events do not tell that it leads elsewhere now, so each change of it counts."""
    reads = DOCUMENTS[entity].reads
    for path in reads:
        steps = steps_of(ENTITIES[entity], path)
        for number, (_, relation) in enumerate(steps[1:], 1):
            if isinstance(relation, ToOne) and relation.target not in OWNERS:
                assert ".".join(path.split(".")[:number]) in reads
