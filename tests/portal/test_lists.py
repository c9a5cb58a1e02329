"""Lists: what is typed into filters, the state of an address, pages by keyset, counts, and files of them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from beamcat.access.caller import Caller
from beamcat.catalogue.search import Searches
from beamcat.catalogue.summaries import Counted, Group, Span, Summaries
from beamcat.config import CatalogueSettings, DatabaseSettings
from beamcat.database.pool import Database
from beamcat.observability.slow_queries import Watch
from beamcat.portal.lists import filters
from beamcat.portal.lists.datasets import ALL_DATASETS
from beamcat.portal.lists.declaring import Column, Kind, ListOf, Within
from beamcat.portal.lists.exporting import value
from beamcat.portal.lists.filters import Unclear, conditions_of, days, number_of, size_of, text_condition
from beamcat.portal.lists.investigations import INVESTIGATIONS
from beamcat.portal.lists.others import INSTRUMENTS, PUBLICATIONS, SAMPLES
from beamcat.portal.lists.paging import question_of, read_page
from beamcat.portal.lists.state import Place, read_sort, read_state
from tests.catalogue.site import ROOT, Site
from tests.conftest import TestServer

BERLIN = ZoneInfo("Europe/Berlin")
TITLE = Column("title", path="it.title")
START = Column("start", Kind.DATE, "it.startDate")


def test_characters_of_a_text_stand_for_themselves() -> None:
    assert text_condition(TITLE, "50 % _o'clock$", "has") == (
        "(LOWER(it.title) LIKE LOWER('%50 $% $_o''clock$$%') ESCAPE '$')"
    )
    assert text_condition(TITLE, "a", "not").startswith("(it.title IS NULL OR NOT (")
    assert text_condition(TITLE, "C:\\é", "is") == "(it.title = 'C:\\é')"


@pytest.mark.parametrize(
    ("typed", "first", "past"),
    [
        ("2024-02-29", date(2024, 2, 29), date(2024, 3, 1)),
        ("2024-12", date(2024, 12, 1), date(2025, 1, 1)),
        ("≥ 2024", date(2024, 1, 1), date(2025, 1, 1)),
        ("2024-1-5", date(2024, 1, 5), date(2024, 1, 6)),
    ],
)
def test_a_date_is_a_day_a_month_or_a_year(typed: str, first: date, past: date) -> None:
    assert days(typed) == (first, past)


@pytest.mark.parametrize("typed", ["2023-02-29", "13.1.2024", "x", "9999-12-31", "9999", "0000"])
def test_what_is_no_date_is_said(typed: str) -> None:
    with pytest.raises(Unclear, match="date"):
        days(typed)


@pytest.mark.parametrize(
    ("typed", "size"),
    [("1 TB", 10**12), ("≥ 1,5 GiB", 3 * 2**29), ("4096", 4096), ("1 200 kB", 1_200_000), (">= 2g", 2 * 10**9)],
)
def test_a_size_has_a_unit(typed: str, size: int) -> None:
    assert size_of(typed) == size


@pytest.mark.parametrize("typed", ["much", "1 QB", "1e5", "99999999 EB"])
def test_what_is_no_size_is_said(typed: str) -> None:
    with pytest.raises(Unclear, match="size"):
        size_of(typed)


def test_a_number() -> None:
    assert (number_of("≥ 1 200"), number_of("2,5")) == (1200, 2.5)


def test_both_days_of_a_span_count_in_the_zone_of_the_portal() -> None:
    state = read_state(INVESTIGATIONS, [("from.start", "2024-07-01"), ("to.start", "2024-07-02")])
    assert conditions_of(INVESTIGATIONS, state, BERLIN) == (
        ["(it.startDate >= '2024-06-30T22:00:00+00:00')", "(it.startDate < '2024-07-02T22:00:00+00:00')"],
        {},
    )


def test_a_filter_that_makes_no_sense_is_left_out_and_said() -> None:
    state = read_state(INVESTIGATIONS, [("from.size", "much"), ("f.nothing", "x"), ("f.title", "  ")])
    assert conditions_of(INVESTIGATIONS, state, BERLIN) == ([], {"size": "lists.wrong.size"})


def test_the_state_of_an_address_is_kept_by_it() -> None:
    given = [
        ("f.title", "x & y"),
        ("how.title", "not"),
        ("f.state", "open"),
        ("f.state", "embargo"),
        ("from.start", "2024"),
        ("sort", "-size,title"),
        ("cols", "title,size"),
        ("wide", "title:30"),
        ("view", "cards"),
    ]
    state = read_state(INVESTIGATIONS, given)
    assert read_state(INVESTIGATIONS, state.parameters()) == state
    assert read_state(
        INVESTIGATIONS, [("sort", "nothing,-nothing"), ("wide", "title:x,title:900"), ("rows", "9999")]
    ) == (replace(read_state(INVESTIGATIONS, []), widths={"title": 60}, rows=500))


@pytest.mark.parametrize("plain", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_value_of_a_file_is_a_formula(plain: str) -> None:
    assert value(plain) == f"'{plain}"
    assert value(-1) == "-1"


FACILITY = """
INSERT INTO facility (id, name, create_id, mod_id, create_time, mod_time) VALUES (1, 'F', '', '', now(), now());
INSERT INTO investigation_type (id, name, facility_id, create_id, mod_id, create_time, mod_time)
VALUES (1, 'proposal', 1, '', '', now(), now());
INSERT INTO dataset_type (id, name, facility_id, create_id, mod_id, create_time, mod_time)
VALUES (1, 'raw', 1, '', '', now(), now());
INSERT INTO instrument (id, name, facility_id, create_id, mod_id, create_time, mod_time)
VALUES (1, 'ML01', 1, '', '', now(), now()), (2, 'ML02', 1, '', '', now(), now());
INSERT INTO investigation (id, name, visit_id, title, start_date, release_date, file_size,
                           type_id, facility_id, create_id, mod_id, create_time, mod_time)
SELECT g, 'p' || g / 3, '1-' || g, 'T' || g % 4,
       CASE WHEN g % 5 > 0 THEN timestamptz '2024-01-01' + g % 7 * interval '90 days' END,
       CASE WHEN g % 2 = 0 THEN now() - interval '1 day' ELSE now() + interval '1 day' END, g * 1000,
       1, 1, '', '', now(), now() FROM generate_series(1, 40) g;
INSERT INTO investigation_instrument (investigation_id, instrument_id, create_id, mod_id, create_time, mod_time)
SELECT g, 1 + g % 2, '', '', now(), now() FROM generate_series(1, 40) g;
INSERT INTO sample (id, name, investigation_id, create_id, mod_id, create_time, mod_time)
VALUES (1, 's1', 1, '', '', now(), now()), (2, 's2', 2, '', '', now(), now());
INSERT INTO dataset (id, name, complete, investigation_id, sample_id, type_id, create_id, mod_id, create_time, mod_time)
SELECT g, 'd' || g, true, g, CASE WHEN g % 3 > 0 THEN g % 3 END, 1, '', '', now(), now() FROM generate_series(1, 20) g;
INSERT INTO rule (crud_flags, what, bean, restricted, r, create_id, mod_id, create_time, mod_time)
VALUES ('R', 'SELECT i FROM Investigation i WHERE i.releaseDate < CURRENT_TIMESTAMP', 'Investigation', true, true,
        '', '', now(), now()),
       ('R', 'Instrument', 'Instrument', false, true, '', '', now(), now())
"""
READER = Caller("anon/anon")


class Desk:
    """What a page reads with: the real parts, without a request around them."""

    def __init__(self, database: Database) -> None:
        site, settings, watch = Site(database), CatalogueSettings(), Watch(float("inf"))
        self.searches = Searches(database, site.rulebooks, settings, watch)
        self.summaries = Summaries(database, site.rulebooks, settings, watch)
        self.asking: Any = SimpleNamespace(core=self, visitor=SimpleNamespace(reader=ROOT))


@pytest.fixture(scope="module")
async def desk(server: TestServer, template: str, database_settings: DatabaseSettings) -> AsyncIterator[Desk]:
    name = server.create(template)
    async with Database(server.url(name), database_settings) as database:
        async with database.connection() as connection:
            for statement in FACILITY.split(";\n"):
                await connection.execute(statement.encode())
        yield Desk(database)
    server.drop(name)


ORDERS = ["-start,title", "start,title", "title,-start", "-size", "start", "-title,start,-size", ""]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [3, 40])
async def test_pages_together_are_the_list_in_both_directions(desk: Desk, order: str, count: int) -> None:
    question = question_of(INVESTIGATIONS, Within(), read_sort(INVESTIGATIONS, order), [])
    answer = await desk.searches.search(ROOT, question.select("it.id"))
    expected = [row[0] for row in answer.rows]
    assert len(expected) == 40
    forward: list[int] = []
    place = Place()
    for _ in range(20):
        page = await read_page(desk.asking, ROOT, question, (), place, count)
        forward += [thing.id for thing in page.things]
        if not page.after:
            break
        place = Place(after=page.after)
    assert forward == expected
    backward: list[int] = []
    place = Place(last=True)
    for _ in range(20):
        page = await read_page(desk.asking, ROOT, question, (), place, count)
        backward = [thing.id for thing in page.things] + backward
        if not page.before:
            break
        place = Place(before=page.before)
    assert backward == expected


async def test_a_list_is_sorted_by_what_only_some_rows_have(desk: Desk) -> None:
    question = question_of(ALL_DATASETS, Within(), read_sort(ALL_DATASETS, "sample,name"), [])
    found: list[str] = []
    place = Place()
    while True:
        page = await read_page(desk.asking, ROOT, question, ALL_DATASETS.include, place, 6)
        found += [thing.sample.name if thing.sample else "" for thing in page.things]
        if not page.after:
            break
        place = Place(after=page.after)
    assert [name for name, _ in itertools.groupby(found)] == ["s1", "s2", ""]
    assert len(found) == 20


@pytest.mark.parametrize("token", ["nonsense", "W10", "bnVsbA", "W1tdLDFd", "%"])
async def test_a_place_that_makes_no_sense_is_the_beginning(desk: Desk, token: str) -> None:
    question = question_of(INVESTIGATIONS, Within(), (), [])
    page = await read_page(desk.asking, ROOT, question, (), Place(after=token), 2)
    assert [thing.id for thing in page.things] == [1, 2]


@pytest.mark.parametrize(
    "list_", [INVESTIGATIONS, ALL_DATASETS, SAMPLES, INSTRUMENTS, PUBLICATIONS], ids=lambda x: x.key
)
async def test_every_column_sorts_and_filters(desk: Desk, list_: ListOf) -> None:
    typed = {
        Kind.TEXT: ("f.", "x'%_\\é$"),
        Kind.CHOICE: ("f.", "x'"),
        Kind.DATE: ("to.", "2024"),
        Kind.SIZE: ("from.", "1 TB"),
        Kind.NUMBER: ("from.", "1"),
    }
    for column in list_.columns:
        sort = read_sort(list_, f"-{column.key}")
        given = []
        if column.filterable:
            prefix, text = typed[column.kind]
            text = column.options[0].value if column.options else "2024" if column.years else text
            given = [(f"{prefix}{column.key}", text)]
        conditions, wrong = conditions_of(list_, read_state(list_, given), UTC)
        assert not wrong
        assert len(conditions) == len(given)
        question = question_of(list_, Within(), sort, conditions)
        await read_page(desk.asking, ROOT, question, list_.include, Place(), 3)
        assert (await desk.summaries.count(ROOT, question.select("it.id, it.id", ordered=False), 10)).number <= 10


async def test_counts_end_at_a_limit_and_hold_what_may_be_read(desk: Desk) -> None:
    every, some = "SELECT it.id, it.fileSize FROM Investigation it", " WHERE it.title = 'T0'"
    assert await desk.summaries.count(ROOT, every, 100) == Counted(40, 820_000)
    assert await desk.summaries.count(READER, every, 100) == Counted(20, 420_000)
    assert await desk.summaries.count(READER, every + some, 100) == Counted(10, 220_000)
    limited = await desk.summaries.count(ROOT, every, 39)
    assert (limited.number, limited.more) == (39, True)
    assert await desk.summaries.count(READER, "SELECT d.id, d.fileSize FROM Dataset d", 9) == Counted(0, 0)


async def test_what_is_closed_is_in_no_tally(desk: Desk) -> None:
    query = "SELECT ii.instrument.name, it.id FROM Investigation it JOIN it.investigationInstruments ii"
    assert await desk.summaries.tally(ROOT, query, 100) == [Group("ML01", 20), Group("ML02", 20)]
    assert await desk.summaries.tally(READER, query, 100) == [Group("ML01", 20)]


async def test_times_are_counted_in_the_zone_of_the_portal(desk: Desk) -> None:
    query = "SELECT it.startDate FROM Investigation it WHERE it.startDate < '2024-01-02'"
    (new_year,) = await desk.summaries.by_time(ROOT, query, 100, Span.MONTH, "UTC")
    assert new_year.value == "2024-01"
    (old_year,) = await desk.summaries.by_time(ROOT, query, 100, Span.YEAR, "America/New_York")
    assert old_year == Group("2023", new_year.number)
    read = await desk.summaries.by_time(READER, query, 100, Span.YEAR, "UTC")
    assert 0 < read[0].number < new_year.number


def test_a_moment_literal_is_exact() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=1)
    assert filters.moment_literal(moment.date(), UTC) == "'2024-01-02T00:00:00+00:00'"
