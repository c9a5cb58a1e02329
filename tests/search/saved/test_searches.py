"""Whose a search is, how many there may be, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from beamcat.access.accounts import remove_account
from beamcat.access.caller import Caller, Scope
from beamcat.errors import AlreadyExists, BadParameter, Forbidden, NoSuchObject, ValidationFailed
from beamcat.search.saved.due import Tell
from beamcat.search.saved.searches import Wish
from tests.search.saved.conftest import RUST, Facility


async def test_others_cannot_see_it(facility: Facility) -> None:
    ann, eve = await facility.user("db/ann"), await facility.user("db/eve", "staff")
    search, searches = await facility.save(ann), facility.saved.searches
    wish = Wish("mine", RUST)
    for attempt in (
        searches.owned(eve, search.id),
        searches.remove(eve, search.id),
        searches.new_feed_key(eve, search.id),
        searches.revoke_feed_key(eve, search.id),
        facility.saved.change(eve, search.id, wish),
        searches.owned(Caller("root", root=True), search.id),
    ):
        with pytest.raises(NoSuchObject):
            await attempt
    assert await searches.list_owned(eve) == []
    assert [each.name for each in await searches.list_owned(ann)] == ["rust"]


@pytest.mark.parametrize("chosen", [{"max_per_user": 2}])
async def test_there_is_a_limit(facility: Facility) -> None:
    ann, bob = await facility.user("db/ann"), await facility.user("db/bob")
    for name in ("a", "b"):
        await facility.save(ann, name=name)
    with pytest.raises(ValidationFailed, match="2 saved searches"):
        await facility.save(ann, name="c")
    await facility.save(bob, name="c")
    (first, _) = await facility.saved.searches.list_owned(ann)
    await facility.saved.searches.remove(ann, first.id)
    await facility.save(ann, name="c")


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"name": ""}, BadParameter),
        ({"name": " x"}, BadParameter),
        ({"name": "x" * 201}, BadParameter),
        ({"name": "a\nSubject: b"}, BadParameter),
        ({"name": "rust"}, AlreadyExists),
        ({"email": "ann@home.example"}, Forbidden),
    ],
)
async def test_what_cannot_be_kept_is_refused(facility: Facility, wish: dict[str, Any], error: type[Exception]) -> None:
    ann = await facility.user("db/ann")
    await facility.save(ann)
    with pytest.raises(error):
        await facility.save(ann, **{"name": "other", **wish})
    assert len(await facility.saved.searches.list_owned(ann)) == 1


async def test_who_has_no_address_gets_no_mails(facility: Facility) -> None:
    stranger = Caller("db/stranger")
    with pytest.raises(BadParameter, match="no e-mail address"):
        await facility.save(stranger)
    search = await facility.save(stranger, tell=Tell.NEVER)
    assert await facility.saved.searches.address(search) is None


@pytest.mark.parametrize("chosen", [{"any_address": True}])
async def test_a_facility_may_let_users_give_an_address(facility: Facility) -> None:
    ann = await facility.user("db/ann")
    search = await facility.save(ann, email="ann@home.example")
    assert await facility.saved.searches.address(search) == "ann@home.example"
    for address in ("home.example", "a@b, c@d", "ann@home.example\nBcc: x@y"):
        with pytest.raises(BadParameter):
            await facility.save(ann, name="other", email=address)


@pytest.mark.parametrize("chosen", [{"mail": False}])
async def test_a_facility_may_send_no_mails(facility: Facility) -> None:
    ann = await facility.user("db/ann")
    assert facility.saved.posting is None
    with pytest.raises(BadParameter, match="sends no mails"):
        await facility.save(ann)
    await facility.save(ann, tell=Tell.NEVER)


async def test_a_token_that_may_only_read_changes_nothing(facility: Facility) -> None:
    ann = await facility.user("db/ann")
    search, searches = await facility.save(ann), facility.saved.searches
    reading = Caller("db/ann", scopes=frozenset({Scope.READ}))
    assert await searches.list_owned(reading)
    for attempt in (
        facility.save(reading, name="other"),
        facility.saved.change(reading, search.id, Wish("other", RUST)),
        searches.remove(reading, search.id),
        facility.saved.new_feed_key(reading, search.id),
        searches.revoke_feed_key(reading, search.id),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_searches_go_with_the_account_of_their_owner(facility: Facility) -> None:
    ann, bob = await facility.user("db/ann"), await facility.user("db/bob")
    await facility.save(ann)
    await facility.save(bob)
    await remove_account(facility.site.database, "ann", ["db/ann"])
    assert await facility.saved.searches.list_owned(ann) == []
    assert len(await facility.saved.searches.list_owned(bob)) == 1


async def test_a_feed_begins_with_what_there_is_and_goes_on_with_what_is_new(facility: Facility) -> None:
    ann, _ = await facility.user("db/ann"), await facility.user("db/bob")
    old = await facility.visit("OLD-1", "db/ann")
    search = await facility.save(ann, tell=Tell.NEVER)
    key = await facility.saved.new_feed_key(ann, search.id)
    found = await facility.saved.searches.of_feed(search.id, key)
    assert await facility.news(found) == [("Investigation", old)]
    new = await facility.visit("NEW-1", "db/ann")
    await facility.visit("NEW-2", "db/bob")
    found = await facility.saved.searches.of_feed(search.id, key)
    assert await facility.news(found) == [("Investigation", old)]  # it was looked a moment ago
    await facility.site.value("WITH old AS (UPDATE saved_search SET looked = now() - interval '11 minutes') SELECT 1")
    found = await facility.saved.searches.of_feed(search.id, key)
    assert await facility.news(found) == [("Investigation", new), ("Investigation", old)]
    await facility.leave(new, "db/ann")
    assert await facility.news(found) == [("Investigation", old)]


async def test_another_key_takes_the_place_of_the_former_one(facility: Facility) -> None:
    ann = await facility.user("db/ann")
    search, searches = await facility.save(ann), facility.saved.searches
    first = await facility.saved.new_feed_key(ann, search.id)
    second = await facility.saved.new_feed_key(ann, search.id)
    assert (await searches.of_feed(search.id, second)).id == search.id
    for key in (first, "", second[:-1]):
        with pytest.raises(NoSuchObject):
            await searches.of_feed(search.id, key)
    assert await facility.site.value("SELECT position(%s IN s::text) FROM saved_search s", second) == 0
    await searches.revoke_feed_key(ann, search.id)
    with pytest.raises(NoSuchObject):
        await searches.of_feed(search.id, second)


@pytest.mark.parametrize("chosen", [{"feed_entries": 3, "remembered": 20}])
async def test_what_is_remembered_is_bounded(facility: Facility) -> None:
    ann = await facility.user("db/ann", "staff")
    for number in range(30):
        await facility.visit(f"OLD-{number}", indexed=number == 29)
    search = await facility.save(ann)
    newest = [await facility.visit(f"NEW-{number}", indexed=number == 4) for number in range(5)]
    await facility.turn()
    await facility.post()
    await facility.visit("NEW-5")
    await facility.turn()
    await facility.post()
    ((seen,),) = await facility.site.rows("SELECT cardinality(seen) FROM saved_search_memory")
    assert seen == 20
    assert await facility.site.value("SELECT count(*) FROM saved_search_match") <= 4
    assert len(await facility.news(search)) == 3
    assert newest
