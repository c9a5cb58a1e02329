"""When it is looked for a search whose owner is told by mail.

At once means every few minutes. Daily and weekly mails go out within an hour of the morning, at a minute that each
search has of its own: so thousands of searches are not looked for at the same time.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from beamcat.config import SavedSearchSettings

MONDAY = 0
SECONDS_OF_HOUR = 3600
LONGEST_PAUSE = timedelta(days=1)
"""Before a search is tried again that fails."""


class Tell(StrEnum):
    """When the owner of a search gets a mail about what is new."""

    NEVER = "never"
    AT_ONCE = "at-once"
    DAILY = "daily"
    WEEKLY = "weekly"


def next_look(
    tell: Tell, search_id: int, now: datetime, settings: SavedSearchSettings, zone: ZoneInfo
) -> datetime | None:
    """When it is looked next after `now`; None: never."""
    match tell:
        case Tell.NEVER:
            return None
        case Tell.AT_ONCE:
            minutes = settings.at_once_minutes * random.uniform(0.9, 1.1)  # noqa: S311 - spreads, hides nothing
            return now + timedelta(minutes=minutes)
        case Tell.DAILY | Tell.WEEKLY:
            return _morning(search_id, now, settings.hour, zone, weekly=tell is Tell.WEEKLY)


def after_failure(failures: int, now: datetime, settings: SavedSearchSettings) -> datetime:
    """When a search is tried again that has failed so many times in a row."""
    pause = timedelta(minutes=settings.at_once_minutes * 2.0 ** min(failures, 16))
    return now + min(pause, LONGEST_PAUSE)


def _morning(search_id: int, now: datetime, hour: int, zone: ZoneInfo, *, weekly: bool) -> datetime:
    """The next morning (next Monday morning) after `now`, at the second of the search."""
    here = now.astimezone(zone)
    spread = timedelta(seconds=search_id * 2_654_435_761 % 2**32 % SECONDS_OF_HOUR)
    for days in range(9):
        day = here.date() + timedelta(days=days)
        moment = (datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC)) + spread
        if moment > now and not (weekly and day.weekday() != MONDAY):
            return moment
    raise AssertionError("a week has a Monday")
