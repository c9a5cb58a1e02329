"""What the facility tells everybody at the head of each page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from beamcat.database.pool import Database
from beamcat.errors import BadParameter, NoSuchObject
from beamcat.events.announcements import LONGEST, REMEMBERED_S, Announcements, Tone

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


async def test_an_announcement_is_shown_from_its_beginning_until_its_end(database: Database) -> None:
    ticks = [0.0]
    announcements, other = Announcements(database, lambda: ticks[0]), Announcements(database, lambda: ticks[0])
    assert await other.shown(NOW) == []
    await announcements.make("now", Tone.INFO, starts=NOW, ends=NOW + DAY, user_name="simple/root", now=NOW)
    await announcements.make("later", Tone.BAD, starts=NOW + DAY, ends=None, user_name="simple/root", now=NOW)
    assert [each.text for each in await announcements.shown(NOW)] == ["now"]
    assert [each.text for each in await announcements.coming(NOW)] == ["now", "later"]
    assert [each.text for each in await announcements.shown(NOW + DAY)] == ["later"]
    assert await other.shown(NOW) == []
    ticks[0] += REMEMBERED_S + 1
    assert [each.text for each in await other.shown(NOW)] == ["now"]


async def test_one_can_be_ended_once(database: Database) -> None:
    announcements = Announcements(database)
    await announcements.make("now", Tone.INFO, starts=NOW, ends=None, user_name="simple/root", now=NOW)
    (shown,) = await announcements.shown(NOW)
    await announcements.end(shown.id, NOW + DAY)
    assert await announcements.shown(NOW + DAY) == []
    with pytest.raises(NoSuchObject):
        await announcements.end(shown.id, NOW + 2 * DAY)


@pytest.mark.parametrize(("text", "ends"), [(" ", None), ("x" * (LONGEST + 1), None), ("over", NOW - DAY)])
async def test_one_that_says_nothing_or_is_never_shown_is_refused(
    database: Database, text: str, ends: datetime | None
) -> None:
    with pytest.raises(BadParameter):
        await Announcements(database).make(
            text, Tone.INFO, starts=NOW - 2 * DAY, ends=ends, user_name="simple/root", now=NOW
        )
