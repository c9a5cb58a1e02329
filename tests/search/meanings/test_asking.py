"""What is close in meaning is found, with what it is close by; never what a caller may not read."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from beamcat.access.caller import Caller, Scope
from beamcat.errors import BadParameter, Forbidden, NoSuchObject, TimedOut, Unavailable
from beamcat.search.meanings import asking
from beamcat.search.meanings.asking import Meanings
from beamcat.search.meanings.matrix import Matrix
from beamcat.search.meanings.models import Models
from tests.catalogue.site import ROOT
from tests.events.site import until
from tests.search.meanings.conftest import QUICK, Facility

LATER = "2199-01-01T00:00:00Z"


async def test_the_closest_are_of_the_same_field(read: Facility) -> None:
    assert await read.fields("photovoltaic devices") == ["solar cells"] * 5
    assert await read.fields("palaeontology") == ["fossils"] * 5


async def test_a_hit_says_how_close_it_is_and_by_what(read: Facility) -> None:
    nearest = await read.meanings.by_meaning(ROOT, "Investigation", "perovskite weather", 3)
    first = nearest.found[0]
    texts = await read.site.rows("SELECT title, summary FROM investigation WHERE id = %s", first.id)
    assert first.part == "Investigation"
    assert first.text in f"{texts[0][0]}\n{texts[0][1]}"
    assert 0.35 < first.closeness <= 1
    assert [near.closeness for near in nearest.found] == sorted((n.closeness for n in nearest.found), reverse=True)
    assert nearest.unknown == ("weather",)
    assert nearest.complete


async def test_a_question_that_is_not_understood_finds_nothing(read: Facility) -> None:
    nearest = await read.meanings.by_meaning(ROOT, "Investigation", "quarterly tax return")
    assert not nearest.found
    assert nearest.unknown == ("quarterly", "tax", "return")


async def test_like_an_investigation_are_others_of_its_field(read: Facility) -> None:
    for field in ("fossils", "catalysts"):
        itself = read.ids[field][0]
        similar = await read.meanings.similar(ROOT, "Investigation", itself, 4)
        assert [read.field(near.id) for near in similar.found] == [field] * 4
        assert itself not in {near.id for near in similar.found}


async def test_keywords_are_texts_of_their_own(read: Facility) -> None:
    magnet = read.ids["magnets"][0]
    await read.site.make("Keyword", name="perovskite absorber", investigation=magnet)
    await read.keeper.look()
    found = (await read.as_another_worker().by_meaning(ROOT, "Investigation", "perovskite absorber", 3)).found
    (near,) = (near for near in found if near.id == magnet)
    assert (near.part, near.text) == ("Keyword", "perovskite absorber")


async def test_datasets_are_found_by_their_own_description(read: Facility, nobody: Caller) -> None:
    kind = await read.site.make("DatasetType", name="raw", facility=read.facility)
    inv = read.ids["magnets"][0]
    described = await read.site.make(
        "Dataset", name="a", investigation=inv, type=kind, description="Operando scan of a lithium cathode"
    )
    await read.site.make("Dataset", name="b", investigation=inv, type=kind, description=" ")
    await read.site.make("Dataset", name="cathode of lithium", investigation=inv, type=kind)
    await read.keeper.look()
    nearest = await read.meanings.by_meaning(nobody, "Dataset", "battery electrode", 10)
    assert [near.id for near in nearest.found] == [described]


async def test_what_is_under_embargo_is_found_by_its_team_alone(read: Facility, nobody: Caller) -> None:
    secret = await read.add("Perovskite solar cell film nobody knows of. Halide absorber.", LATER)
    team = await read.site.user("db/ann")
    await read.site.make("InvestigationUser", investigation=secret, user=team.user_id, role="PI")
    await read.keeper.look()
    assert secret in await read.near("perovskite film", ROOT)
    assert secret in await read.near("perovskite film", team)
    hidden = await read.near("perovskite film", nobody)
    assert secret not in hidden
    assert hidden


async def test_samples_tell_nothing_to_who_may_not_read_them(read: Facility, nobody: Caller) -> None:
    """The investigation is open, its samples are not: not even how close it is says what they are."""
    fossil = read.ids["fossils"][0]
    before = await read.meanings.by_meaning(nobody, "Investigation", "lithium cathode", 60)
    await read.site.make("Sample", name="lithium cathode", investigation=fossil)
    team = await read.site.user("db/ann")
    await read.site.make("InvestigationUser", investigation=fossil, user=team.user_id, role="PI")
    await read.keeper.look()
    meanings = read.as_another_worker()
    assert await meanings.by_meaning(nobody, "Investigation", "lithium cathode", 60) == before
    nearest = await meanings.by_meaning(team, "Investigation", "lithium cathode", 60)
    assert {near.id: near.part for near in nearest.found}[fossil] == "Sample"
    similar = await meanings.similar(team, "Investigation", fossil, 60)
    assert await meanings.similar(nobody, "Investigation", fossil, 60) != similar


async def test_one_keyword_that_may_not_be_read_hides_what_all_of_them_say(read: Facility) -> None:
    ann = await read.site.user("db/ann", "guests")
    await read.site.rules(("R", "SELECT s FROM Sample s WHERE s.name <> 'secret electrode'"), group="guests")
    ann = await read.site.rulebooks.caller("db/ann")
    first, second = read.ids["fossils"][:2]
    for inv in (first, second):
        await read.site.make("Sample", name="lithium cathode", investigation=inv)
    await read.site.make("Sample", name="secret electrode", investigation=second)
    await read.keeper.look()
    found = await read.near("lithium cathode", ann)
    assert first in found
    assert second not in found


async def test_nothing_is_learned_from_what_is_not_open(facility: Facility) -> None:
    """A word that only hidden texts have leads nobody to what these are about."""
    for number in range(3):
        await facility.add(f"Glyptodonite in a lithium battery cathode, part {number}. Electrode charge.", LATER)
    await facility.keeper.look()
    nearest = await facility.meanings.by_meaning(ROOT, "Investigation", "glyptodonite")
    assert not nearest.found
    assert nearest.unknown == ("glyptodonite",)


async def test_what_is_gone_or_has_changed_since_it_was_read_is_left_out(read: Facility) -> None:
    changed, deleted, *_ = read.ids["fossils"]
    assert {changed, deleted} <= set(await read.near("fossil tomography of bone"))
    await read.site.change("Investigation", changed, summary="Now about a lithium cathode.")
    await read.site.delete(("Investigation", deleted))
    after = await read.near("fossil tomography of bone")
    assert after
    assert not {changed, deleted} & set(after)


async def test_an_object_that_is_hidden_is_like_nothing(read: Facility, nobody: Caller) -> None:
    secret = await read.add("Fossil skull. Bone.", LATER)
    with pytest.raises(NoSuchObject):
        await read.meanings.similar(nobody, "Investigation", secret)
    with pytest.raises(NoSuchObject):
        await read.meanings.similar(ROOT, "Investigation", 10**12)


async def test_a_token_that_may_not_read_asks_nothing(read: Facility) -> None:
    with pytest.raises(Forbidden):
        await read.meanings.by_meaning(replace(ROOT, scopes=frozenset({Scope.WRITE})), "Investigation", "fossil")


async def test_entities_whose_texts_are_not_read_are_refused(read: Facility) -> None:
    with pytest.raises(BadParameter, match="Datafile cannot be searched by meaning; these can: Investigation"):
        await read.meanings.by_meaning(ROOT, "Datafile", "fossil")


async def test_before_anything_is_read_it_says_so(facility: Facility) -> None:
    with pytest.raises(Unavailable, match="no texts have been read for their meaning yet"):
        await facility.meanings.by_meaning(ROOT, "Investigation", "fossil")


async def test_a_question_that_waits_too_long_is_given_up(read: Facility) -> None:
    hasty = QUICK.model_copy(update={"timeout_s": 0.05, "concurrent": 1})
    meanings = Meanings(read.site.database, read.site.rulebooks, hasty, Models(read.site.database, None), read.home)
    async with meanings._places:
        with pytest.raises(TimedOut):
            await meanings.by_meaning(ROOT, "Investigation", "fossil")
    await meanings.close()


async def test_many_ask_at_a_time(read: Facility) -> None:
    answers = await asyncio.gather(*(read.fields("photovoltaic devices", 3) for _ in range(12)))
    assert answers == [["solar cells"] * 3] * 12


async def test_who_may_see_little_is_told_when_not_everything_was_looked_at(
    read: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await read.site.user("db/ann")
    await read.site.rows("UPDATE investigation SET release_date = '2199-01-01' RETURNING id")
    nearest = await read.meanings.by_meaning(ann, "Investigation", "palaeontology")
    assert (nearest.found, nearest.complete) == ((), True)
    monkeypatch.setattr(asking, "ENOUGH", 0)
    assert not (await read.meanings.by_meaning(ann, "Investigation", "palaeontology")).complete


async def test_a_file_that_takes_longer_than_a_question_is_made_all_the_same(
    read: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = asyncio.Event()
    keep = Matrix._write

    async def slowly(self: Matrix, *arguments: Any) -> None:
        await may_go_on.wait()
        await keep(self, *arguments)

    monkeypatch.setattr(Matrix, "_write", slowly)
    hasty = QUICK.model_copy(update={"timeout_s": 0.3})
    meanings = Meanings(read.site.database, read.site.rulebooks, hasty, Models(read.site.database, None), read.home)
    with pytest.raises(TimedOut):
        await meanings.by_meaning(ROOT, "Investigation", "palaeontology")
    may_go_on.set()
    await until(lambda: asyncio.to_thread(lambda: list(read.home.glob("*/Investigation/[0-9]*"))))
    await meanings.close()
