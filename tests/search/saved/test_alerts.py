"""Who is told of what, and when: mails about new matches of saved searches."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from beamcat.errors import BadParameter
from beamcat.search.saved.due import Tell
from beamcat.search.saved.searches import Wish
from beamcat.search.wanted import Filter, Wanted
from tests.search.saved.conftest import RUST, Facility
from tests.store.requests.mail_server import MailServer


def texts(mail_server: MailServer) -> list[str]:
    return [mail.get_content().replace("\r\n", "\n") for mail in mail_server.mails]


async def test_what_is_new_is_told_once(facility: Facility, mail_server: MailServer) -> None:
    ann = await facility.user("db/ann")
    await facility.visit("OLD-1", "db/ann")
    search = await facility.save(ann)
    await facility.turn()
    await facility.post()
    assert mail_server.mails == []
    await facility.visit("NEW-1", "db/ann")
    await facility.visit("NEW-2", "db/ann", title="Nickel")
    await facility.visit("NEW-3", "db/ann", title="More rust")
    for _ in range(2):
        await facility.turn()
        await facility.post()
    (mail,) = mail_server.mails
    assert mail["To"] == "ann@example.org"
    assert mail["From"] == "Data <data@example.org>"
    assert mail["Subject"] == "2 new matches for rust"
    (text,) = texts(mail_server)
    assert text.startswith("Dear Ann,\n\n2 new matches for your saved search rust:\n\n")
    assert "Investigation: NEW-3 - 1 - More rust\n  http://127.0.0.1:8080/data/LILS/NEW-3/1\n" in text
    assert "NEW-1" in text
    assert "NEW-2" not in text
    assert "OLD-1" not in text
    stop = f"http://127.0.0.1:8080/api/searches/{search.id}/stop?key={search.stop_key}"
    assert mail["List-Unsubscribe"] == f"<{stop}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert stop in text


async def test_an_object_that_comes_to_match_is_new(facility: Facility, mail_server: MailServer) -> None:
    ann = await facility.user("db/ann")
    visit = await facility.visit("OLD-1", "db/ann", title="Nickel")
    await facility.visit("OLD-2", "db/ann")
    await facility.save(ann)
    await facility.site.change("Investigation", visit, title="Nickel and rust")
    await facility.index()
    await facility.turn()
    await facility.post()
    (text,) = texts(mail_server)
    assert "OLD-1" in text
    assert "OLD-2" not in text
    await facility.site.change("Investigation", visit, title="Nickel, and rust again")
    await facility.index()
    await facility.turn()
    await facility.post()
    assert len(mail_server.mails) == 1


async def test_what_somebody_may_not_see_is_not_told_until_they_may(
    facility: Facility, mail_server: MailServer
) -> None:
    ann, _ = await facility.user("db/ann"), await facility.user("db/bob")
    await facility.save(ann)
    visit = await facility.visit("NEW-1", "db/bob")
    await facility.turn()
    await facility.post()
    assert mail_server.mails == []
    await facility.join(visit, "db/ann")
    await facility.index()
    await facility.turn()
    await facility.post()
    (text,) = texts(mail_server)
    assert "NEW-1" in text


async def test_what_may_no_longer_be_seen_when_the_mail_is_sent_is_not_in_it(
    facility: Facility, mail_server: MailServer
) -> None:
    ann = await facility.user("db/ann")
    search = await facility.save(ann)
    first, second = await facility.visit("NEW-1", "db/ann"), await facility.visit("NEW-2", "db/ann")
    await facility.turn()
    await facility.leave(first, "db/ann")
    await facility.post()
    (text,) = texts(mail_server)
    assert "1 new match for" in text
    assert "NEW-2" in text
    assert "NEW-1" not in text
    assert await facility.news(search) == [("Investigation", second)]


async def test_a_mail_of_which_nothing_is_left_is_not_sent(facility: Facility, mail_server: MailServer) -> None:
    ann = await facility.user("db/ann")
    await facility.save(ann)
    visit = await facility.visit("NEW-1", "db/ann")
    await facility.turn()
    await facility.site.delete(("Investigation", visit))
    await facility.post()
    assert mail_server.tries == 0
    assert await facility.site.value("SELECT count(*) FROM saved_search_mail") == 0


async def test_each_owner_is_told_what_they_may_see(facility: Facility, mail_server: MailServer) -> None:
    ann, eve = await facility.user("db/ann"), await facility.user("db/eve", "staff")
    await facility.user("db/bob")
    await facility.save(ann)
    await facility.save(eve)
    await facility.visit("NEW-1", "db/ann")
    await facility.visit("NEW-2", "db/bob")
    await facility.turn()
    await facility.post()
    told = {mail["To"]: text for mail, text in zip(mail_server.mails, texts(mail_server), strict=True)}
    assert "NEW-1" in told["ann@example.org"]
    assert "NEW-2" not in told["ann@example.org"]
    assert "NEW-1" in told["eve@example.org"]
    assert "NEW-2" in told["eve@example.org"]


async def test_a_server_that_is_away_is_waited_for_and_what_comes_meanwhile_goes_with_the_next_mail(
    facility: Facility, mail_server: MailServer
) -> None:
    ann = await facility.user("db/ann")
    await facility.save(ann)
    mail_server.answer = "451 later"
    await facility.visit("NEW-1", "db/ann")
    await facility.turn()
    await facility.post()
    assert mail_server.tries == 1
    await facility.visit("NEW-2", "db/ann")
    await facility.turn()
    mail_server.answer = "250 taken"
    await facility.post()
    await facility.turn()
    await facility.post()
    first, second = texts(mail_server)
    assert "NEW-1" in first
    assert "NEW-2" not in first
    assert "NEW-2" in second
    assert "NEW-1" not in second


async def test_a_mail_that_is_refused_is_not_sent_again(facility: Facility, mail_server: MailServer) -> None:
    ann = await facility.user("db/ann")
    await facility.save(ann)
    mail_server.answer = "550 no such mailbox"
    await facility.visit("NEW-1", "db/ann")
    await facility.turn()
    await facility.post()
    await facility.post()
    assert mail_server.tries == 1


async def test_who_refuses_mails_gets_none_and_keeps_the_search(facility: Facility, mail_server: MailServer) -> None:
    ann = await facility.user("db/ann")
    search = await facility.save(ann)
    await facility.visit("NEW-1", "db/ann")
    await facility.turn()
    assert await facility.saved.searches.name_of_stop(search.id, search.stop_key) == "rust"
    assert await facility.saved.searches.stop(search.id, search.stop_key) == "rust"
    await facility.post()
    await facility.visit("NEW-2", "db/ann")
    await facility.turn()
    await facility.post()
    assert mail_server.tries == 0
    (kept,) = await facility.saved.searches.list_owned(ann)
    assert kept.tell is Tell.NEVER


async def test_words_that_are_not_all_there_are_no_match(facility: Facility, mail_server: MailServer) -> None:
    ann = await facility.user("db/ann")
    await facility.save(ann, Wanted(text="rust perovskite", entities=("Investigation",)))
    await facility.visit("NEW-1", "db/ann")
    await facility.turn()
    await facility.post()
    assert mail_server.mails == []
    await facility.visit("NEW-2", "db/ann", title="Rust in a perovskite")
    await facility.turn()
    await facility.post()
    (text,) = texts(mail_server)
    assert "NEW-2" in text
    assert "NEW-1" not in text


async def test_a_search_of_everything_tells_of_all_kinds(facility: Facility, mail_server: MailServer) -> None:
    ann = await facility.user("db/ann")
    await facility.site.rules(
        ("R", "SELECT s FROM Sample s JOIN s.investigation i JOIN i.investigationUsers u JOIN u.user p"
         " WHERE p.name = :user"), ("R", "Instrument"),
    )  # fmt: skip
    await facility.save(ann, Wanted(text="rust"))
    visit = await facility.visit("NEW-1", "db/ann", indexed=False)
    await facility.site.make("Sample", name="flakes of rust", investigation=visit)
    await facility.site.make("Instrument", name="RUST", fullName="Rust diffractometer", facility=facility.here)
    await facility.index()
    await facility.turn()
    await facility.post()
    (text,) = texts(mail_server)
    assert "3 new matches" in text
    assert "Sample: flakes of rust" in text
    assert "Investigation: NEW-1" in text
    assert "Instrument: RUST - Rust diffractometer" in text


async def test_filters_are_kept(facility: Facility, mail_server: MailServer) -> None:
    ann = await facility.user("db/ann")
    filtered = Wanted(entities=("Investigation",), filters=(Filter("title", ("nickel",)),))
    await facility.save(ann, filtered)
    await facility.visit("NEW-1", "db/ann")
    await facility.visit("NEW-2", "db/ann", title="Nickel")
    await facility.turn()
    await facility.post()
    (text,) = texts(mail_server)
    assert "NEW-2" in text
    assert "NEW-1" not in text


async def test_nobody_is_asked_when_nothing_has_happened(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await facility.user("db/ann")
    made = await facility.site.make("Application", name="a", version="1", facility=facility.here)
    await facility.save(ann)
    await facility.index()
    await facility.turn()
    asked: list[Any] = []
    find = facility.saved.search.find

    async def counted(*arguments: Any) -> Any:
        asked.append(arguments)
        return await find(*arguments)

    monkeypatch.setattr(facility.saved.search, "find", counted)
    await facility.site.make("Job", application={"id": made})
    await facility.index()
    await facility.turn()
    assert asked == []
    (search,) = await facility.saved.searches.list_owned(ann)
    assert search.problem is None
    await facility.visit("NEW-1", "db/ann")
    await facility.turn()
    assert len(asked) == 1
    await facility.turn()
    assert len(asked) == 1
    await facility.site.value("WITH old AS (UPDATE saved_search_memory SET looked = now() - interval '1 day') SELECT 1")
    await facility.turn()
    assert len(asked) == 2


async def test_the_next_turn_is_in_minutes(facility: Facility) -> None:
    ann = await facility.user("db/ann")
    await facility.save(ann)
    await facility.turn()
    due = await facility.site.value("SELECT next_look FROM saved_search")
    assert 4 * 60 < (due - datetime.now(UTC)).total_seconds() < 6 * 60
    assert not await facility.saved.rounds.take()


async def test_a_search_that_cannot_be_asked_says_why_and_holds_up_nobody(
    facility: Facility, mail_server: MailServer
) -> None:
    ann = await facility.user("db/ann")
    broken, _ = await facility.save(ann, name="broken"), await facility.save(ann)
    await facility.site.value(
        "WITH b AS (UPDATE saved_search SET wanted = wanted || %s WHERE id = %s) SELECT 1",
        '{"filters": [{"field": "nonsense", "values": ["x"]}]}', broken.id,
    )  # fmt: skip
    await facility.visit("NEW-1", "db/ann")
    await facility.turn()
    await facility.post()
    assert len(mail_server.mails) == 1
    found = await facility.saved.searches.owned(ann, broken.id)
    assert found.problem
    assert found.failures == 1


async def test_nonsense_is_not_kept(facility: Facility) -> None:
    ann = await facility.user("db/ann")
    with pytest.raises(BadParameter):
        await facility.save(ann, Wanted(entities=("Investigation",), filters=(Filter("nonsense", ("x",)),)))
    assert await facility.saved.searches.list_owned(ann) == []


@pytest.mark.parametrize("chosen", [{"listed": 2}])
async def test_a_long_list_is_cut_and_counted(facility: Facility, mail_server: MailServer) -> None:
    ann = await facility.user("db/ann")
    await facility.save(ann)
    for number in range(5):
        await facility.visit(f"NEW-{number}", "db/ann", indexed=number == 4)
    await facility.turn()
    await facility.post()
    (text,) = texts(mail_server)
    assert "5 new matches" in text
    assert [f"NEW-{number}" in text for number in range(5)] == [False, False, False, True, True]
    assert "... and 3 others." in text


async def test_the_owner_of_a_changed_search_is_told_of_what_is_new_from_then_on(
    facility: Facility, mail_server: MailServer
) -> None:
    ann = await facility.user("db/ann")
    search = await facility.save(ann)
    await facility.visit("OLD-1", "db/ann", title="Nickel")
    wish = Wish("nickel", Wanted(text="nickel", entities=("Investigation",)), Tell.AT_ONCE)
    changed = await facility.saved.change(ann, search.id, wish)
    assert changed.name == "nickel"
    await facility.visit("NEW-1", "db/ann", title="Nickel, too")
    await facility.turn()
    await facility.post()
    (text,) = texts(mail_server)
    assert "NEW-1" in text
    assert "OLD-1" not in text
    assert changed.wanted != RUST


async def test_what_is_released_by_the_time_alone_is_told_with_the_look_of_the_day(
    facility: Facility, mail_server: MailServer
) -> None:
    await facility.site.rules(("R", "SELECT i FROM Investigation i WHERE i.releaseDate < CURRENT_TIMESTAMP"))
    ann = await facility.user("db/ann")
    await facility.user("db/bob")
    visit = await facility.visit("NEW-1", "db/bob", indexed=False)
    release = datetime.now(UTC) + timedelta(seconds=2)
    await facility.site.change("Investigation", visit, releaseDate=release.isoformat(timespec="milliseconds"))
    await facility.index()
    await facility.save(ann)
    await facility.turn()
    assert await facility.site.rows("SELECT 1 FROM saved_search_match") == []
    while datetime.now(UTC) <= release:
        await asyncio.sleep(0.05)
    await facility.turn()
    assert await facility.site.rows("SELECT 1 FROM saved_search_match") == []  # no event has told of it
    await facility.site.value("WITH old AS (UPDATE saved_search_memory SET looked = now() - interval '1 day') SELECT 1")
    await facility.turn()
    await facility.post()
    (text,) = texts(mail_server)
    assert "NEW-1" in text
