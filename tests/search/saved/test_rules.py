"""What is new, when it is looked, and how a search is kept: plain rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.config import SavedSearchSettings
from beamcat.errors import ValidationFailed
from beamcat.search.saved.due import Tell, after_failure, next_look
from beamcat.search.saved.durable import from_json, to_json
from beamcat.search.saved.memory import Memory, Window, begin, compare
from beamcat.search.saved.touching import touched_at
from beamcat.search.wanted import FacetAsked, Filter, Manner, RangeAsked, SortAsked, Wanted

SETTINGS = SavedSearchSettings()
BERLIN = ZoneInfo("Europe/Berlin")
REMEMBERED = 5
"""Few, so that memories overflow."""


def window(objects: set[int], most: int = REMEMBERED) -> Window:
    ids = sorted(objects, reverse=True)
    return Window(ids[:most], complete=len(ids) <= most)


def test_what_is_there_at_the_beginning_is_not_new() -> None:
    memory = begin(window({1, 2, 3}), REMEMBERED, newest_id=9)
    assert compare(memory, window({1, 2, 3}), REMEMBERED).ids == ()
    assert compare(memory, window({1, 2, 3, 10, 11}), REMEMBERED).ids == (11, 10)


def test_an_older_object_that_comes_to_be_seen_is_new() -> None:
    memory = begin(window({3, 7}), REMEMBERED, newest_id=9)
    assert compare(memory, window({3, 5, 7}), REMEMBERED).ids == (5,)


def test_of_more_than_can_be_remembered_only_younger_ones_are_new() -> None:
    memory = begin(window({10, 11, 12, 13, 14, 15}), REMEMBERED, newest_id=15)
    assert memory == Memory((15, 14, 13, 12, 11), 10)
    assert compare(memory, window({9, 12, 16}), REMEMBERED).ids == (16,)


def test_where_it_is_not_known_what_there_is_only_what_is_made_later_is_new() -> None:
    memory = begin(Window((4,), complete=False), REMEMBERED, newest_id=9)
    assert compare(memory, Window((10, 8, 4), complete=False), REMEMBERED).ids == (10,)


@given(st.lists(st.sets(st.integers(1, 30), max_size=12), min_size=1, max_size=12))
def test_nothing_is_told_twice_and_what_is_above_the_floor_is_never_missed(states: list[set[int]]) -> None:
    memory = begin(window(states[0]), REMEMBERED, newest_id=max(states[0], default=0))
    known = set(window(states[0]).ids)
    for state in states[1:]:
        seen = window(state)
        news = compare(memory, seen, REMEMBERED)
        assert known.isdisjoint(news.ids)
        assert {each for each in seen.ids if each > memory.floor} - known == set(news.ids)
        known |= set(news.ids)
        memory = news.memory
        assert len(memory.seen) <= REMEMBERED
        assert all(each > memory.floor for each in memory.seen)


def test_who_is_never_told_is_not_looked_for() -> None:
    assert next_look(Tell.NEVER, 1, datetime.now(UTC), SETTINGS, BERLIN) is None


@pytest.mark.parametrize("search_id", [1, 2, 77])
@pytest.mark.parametrize(
    ("tell", "now", "day"),
    [
        (Tell.DAILY, "2026-03-28T03:00", "2026-03-28"),
        (Tell.DAILY, "2026-03-28T09:00", "2026-03-29"),
        (Tell.WEEKLY, "2026-03-28T03:00", "2026-03-30"),
        (Tell.WEEKLY, "2026-03-30T09:00", "2026-04-06"),
    ],
)
def test_mails_go_out_in_the_morning_of_the_facility(tell: Tell, now: str, day: str, search_id: int) -> None:
    moment = next_look(tell, search_id, datetime.fromisoformat(now).replace(tzinfo=BERLIN), SETTINGS, BERLIN)
    assert moment is not None
    here = moment.astimezone(BERLIN)
    assert (here.date().isoformat(), here.hour) == (day, SETTINGS.hour)


def test_searches_are_spread_over_the_hour() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    moments = {next_look(Tell.DAILY, number, now, SETTINGS, BERLIN) for number in range(1000)}
    assert len(moments) > 800


def test_a_search_that_fails_is_tried_less_and_less_often() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    pauses = [after_failure(failures, now, SETTINGS) - now for failures in (0, 1, 3, 30)]
    assert pauses == [timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=40), timedelta(days=1)]


def test_events_of_what_has_no_say_are_passed_over() -> None:
    assert touched_at("Investigation", {"Job": 9, "DatafileParameter": 8, "InvestigationUser": 5, "Dataset": 4}) == 5
    assert touched_at("Datafile", {"DatafileParameter": 8}) == 8
    assert touched_at("Instrument", {"Datafile": 9, "Rule": 3}) == 3
    assert touched_at("Sample", {}) == 0


WANTED = Wanted(
    text="rust > 2 K",
    entities=("Dataset", "Sample"),
    manner=Manner.LUCENE,
    filters=(
        Filter("instrument", (4, "ID21")),
        Filter("date", low="2024", high=7.5, includes_high=False, without=True),
    ),
    facets=(FacetAsked("date", ranges=(RangeAsked(None, 3.0, "few"),)), FacetAsked("type", interval="year")),
    sort=SortAsked("date", descending=True),
)
VERSION_1 = {
    "version": 1,
    "text": "rust > 2 K",
    "entities": ["Dataset", "Sample"],
    "manner": "lucene",
    "filters": [
        {"field": "instrument", "values": [4, "ID21"]},
        {"field": "date", "low": "2024", "high": 7.5, "includes_high": False, "without": True},
    ],
    "facets": [
        {"field": "date", "ranges": [{"high": 3.0, "label": "few"}]},
        {"field": "type", "interval": "year"},
    ],
    "sort": {"field": "date", "descending": True},
}
"""As it is in databases: it must be read for ever."""


def test_a_kept_search_is_the_same_again() -> None:
    assert to_json(WANTED) == VERSION_1
    assert from_json(VERSION_1) == WANTED
    several = Wanted(sort=SortAsked("date", True, SortAsked("name")))
    assert from_json(to_json(several)) == several
    assert from_json(to_json(Wanted(limit=3, after="x", highlight=True, source=("name",)))) == Wanted()


@pytest.mark.parametrize("content", [{**VERSION_1, "version": 2}, {"version": 1, "manner": "other"}, {}])
def test_what_cannot_be_read_says_what_to_do(content: dict[str, object]) -> None:
    with pytest.raises(ValidationFailed, match="save it again"):
        from_json(content)
