"""Texts that people change by hand: what they may change, what was before, who was faster, and what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from beamcat.access.caller import Caller
from beamcat.catalogue.drafts import Reference
from beamcat.catalogue.search import Searches
from beamcat.catalogue.value_changes import ChangedMeanwhile, prune_value_changes
from beamcat.config import CatalogueSettings
from beamcat.database.outbox import ChangeKind
from beamcat.errors import Forbidden, NoSuchObject, ValidationFailed
from beamcat.events.object_history import Happened, Histories
from beamcat.events.sequencing import sequence
from beamcat.model import ENTITIES
from beamcat.observability.slow_queries import Watch
from tests.catalogue.conftest import World
from tests.catalogue.site import ROOT, Site

MEMBERS = ("title", "summary", "name")


def reference(world: World) -> Reference:
    return Reference(ENTITIES["Investigation"], world.a)


async def history(site: Site, caller: Caller, world: World) -> list[Happened]:
    searches = Searches(site.database, site.rulebooks, CatalogueSettings(), Watch(float("inf")))
    return await Histories(site.database, searches).of(caller, "Investigation", world.a)


@pytest.fixture
async def ann(site: Site) -> Caller:
    """Reads investigations, and may change their summary."""
    ann = await site.user("db/ann", "readers")
    await site.rules(("R", "Investigation"), ("U", "SELECT i.summary FROM Investigation i"), group="readers")
    return await site.rulebooks.caller(ann.name)


async def test_what_may_be_changed_is_what_the_rules_say(site: Site, world: World, ann: Caller) -> None:
    assert await site.catalogue.updatable(ann, reference(world), MEMBERS) == {"summary"}
    assert await site.catalogue.updatable(ROOT, reference(world), MEMBERS) == set(MEMBERS)
    assert await site.catalogue.updatable(await site.user("db/bob"), reference(world), MEMBERS) == set()


async def test_a_change_is_made_and_what_was_before_is_told(site: Site, world: World, ann: Caller) -> None:
    await site.catalogue.change_texts(ann, reference(world), {"summary": "first"}, {"summary": None})
    await site.catalogue.change_texts(ann, reference(world), {"summary": "second"}, {"summary": "first"})
    await sequence(site.database)
    assert await site.value("SELECT summary FROM investigation WHERE id = %s", world.a) == "second"
    last, first, created = await history(site, ann, world)
    assert [(v.member, v.before, v.after) for v in last.values] == [("summary", "first", "second")]
    assert [(v.before, v.after) for v in first.values] == [(None, "first")]
    assert (last.user, created.kind, created.values) == ("db/ann", ChangeKind.CREATED, ())


async def test_a_change_is_told_before_its_event_has_its_place(site: Site, world: World, ann: Caller) -> None:
    await sequence(site.database)
    await site.catalogue.change_texts(ann, reference(world), {"summary": "at once"}, {})
    assert [v.after for happened in await history(site, ann, world) for v in happened.values] == ["at once"]


async def test_what_was_changed_by_others_is_told_without_values(site: Site, world: World, ann: Caller) -> None:
    await site.change("Investigation", world.a, title="another")
    await sequence(site.database)
    changed, _ = await history(site, ann, world)
    assert (changed.kind, changed.user, changed.values) == (ChangeKind.UPDATED, "simple/root", ())


async def test_nobody_overwrites_what_they_have_not_seen(site: Site, world: World, ann: Caller) -> None:
    await site.change("Investigation", world.a, summary="by somebody else")
    with pytest.raises(ChangedMeanwhile):
        await site.catalogue.change_texts(ann, reference(world), {"summary": "mine"}, {"summary": None})
    assert await site.value("SELECT summary FROM investigation WHERE id = %s", world.a) == "by somebody else"
    assert await site.value("SELECT count(*) FROM value_change") == 0


async def test_what_the_rules_do_not_allow_is_refused_and_not_kept(site: Site, world: World, ann: Caller) -> None:
    with pytest.raises(Forbidden):
        await site.catalogue.change_texts(ann, reference(world), {"title": "mine", "summary": "x"}, {})
    assert await site.value("SELECT title FROM investigation WHERE id = %s", world.a) == "Not null"
    assert await site.value("SELECT count(*) FROM value_change") == 0


async def test_a_text_that_stays_the_same_leaves_no_trace(site: Site, world: World, ann: Caller) -> None:
    await site.catalogue.change_texts(ann, reference(world), {"summary": None}, {"summary": None})
    assert await site.value("SELECT count(*) FROM value_change") == 0


async def test_what_is_no_text_and_what_is_not_there_is_refused(site: Site, world: World) -> None:
    with pytest.raises(ValidationFailed):
        await site.catalogue.change_texts(ROOT, reference(world), {"startDate": "2026"}, {})
    with pytest.raises(ValidationFailed):
        await site.catalogue.change_texts(ROOT, reference(world), {"title": None}, {})
    with pytest.raises(NoSuchObject):
        await site.catalogue.change_texts(ROOT, Reference(ENTITIES["Investigation"], 10**9), {"title": "x"}, {})


async def test_the_history_of_what_one_may_not_read_is_not_there(site: Site, world: World) -> None:
    with pytest.raises(NoSuchObject):
        await history(site, await site.user("db/bob"), world)


async def test_old_changes_are_forgotten(site: Site, world: World) -> None:
    await site.catalogue.change_texts(ROOT, reference(world), {"title": "new"}, {})
    now = datetime.now(UTC)
    assert await prune_value_changes(site.database, now - timedelta(days=1)) == 0
    assert await prune_value_changes(site.database, now + timedelta(days=1)) == 1
