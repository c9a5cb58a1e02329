"""Whatever people send, they get an answer, or an error of ours that says why not, in time."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from beamcat.errors import BadParameter, BeamcatError, ErrorKind, TimedOut
from beamcat.search.icat_query import read_icat_query
from beamcat.search.question import Answer, Question
from beamcat.search.service import Search
from beamcat.search.wanted import FacetAsked, Filter, Found, Manner, RangeAsked, SortAsked, Wanted
from tests.search.service.facility import Facility, widely
from tests.search.service.facility import settings as settings_of

THEIR_FAULT = {ErrorKind.BAD_PARAMETER, ErrorKind.VALIDATION}
TEXTS = (
    "\x00",
    "a\x00b",
    "\ud800",
    "name:\ud800",
    "*",
    "?",
    "*a*b*c*d*e*f*" * 20,
    "a" * 3_900,
    "a " * 1_900,
    "(" * 500,
    ")" * 500,
    "NOT " * 300 + "a",
    '"' * 99,
    "a:" * 300,
    "'; DROP TABLE investigation; --",
    "name:/.*{1,99999}/",
    "date:[9999999999999999999 TO *]",
    "size > 1e999 TB",
    "temperature > 1e308 MK",
    "temperature < 5 [" + "m" * 500 + "]",
    "id:99999999999999999999999",
    "\u202e right to left \u200b",
    "ａｂｃ ①② ﬁ ſ İ ß",
    "😀" * 500,
    "../../../etc/passwd",
    "\\" * 999,
    "a~9 b~0.5 c~-1",
    "name:(a OR (b AND (c OR (d AND e))))^1e400",
    "investigation.investigation.dataset.sample.name:x",
    "digest:*",
)
NAMES = st.sampled_from(
    ("name", "instrument", "date", "size", "temperature", "sample.type", "x", "", "id", "doi", "\x00", '"')
)
VALUES = st.integers() | st.text(max_size=8) | st.sampled_from(("2024", "5 K", "*", "\x00", "ID21"))
BOUNDS = st.none() | st.floats() | st.integers() | st.text(max_size=5)
FILTERS = st.builds(
    Filter,
    NAMES,
    st.lists(VALUES, max_size=3).map(tuple),
    BOUNDS,
    BOUNDS,
    unit=st.none() | st.sampled_from(("K", "", "widgets", "\x00")),
    without=st.booleans(),
)
FACETS = st.builds(
    FacetAsked,
    NAMES,
    st.integers(-1, 10**9),
    st.lists(st.builds(RangeAsked, BOUNDS, BOUNDS), max_size=2).map(tuple),
    st.none() | st.sampled_from(("year", "day")),
    st.none() | st.floats(),
)
ANY_WANTED = st.builds(
    Wanted,
    st.text(max_size=20) | st.sampled_from(TEXTS),
    st.sampled_from(((), ("Dataset",), ("Datafile", "Instrument"))),
    st.sampled_from(Manner),
    st.lists(FILTERS, max_size=2).map(tuple),
    st.lists(FACETS, max_size=2).map(tuple),
    st.none() | st.builds(SortAsked, NAMES, st.booleans()),
    st.integers(0, 5),
    highlight=st.booleans(),
)


async def answered(call: Awaitable[object]) -> None:
    try:
        await call
    except BeamcatError as error:
        assert error.kind in THEIR_FAULT, error.message
        error.message.encode()


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_any_text_is_answered(known: Facility, text: str) -> None:
    started = time.monotonic()
    await answered(known.search.find(known.ann, Wanted(text, highlight=True)))
    await answered(known.search.find(known.ann, Wanted(text, ("Datafile",), Manner.LUCENE)))
    await answered(known.search.suggest(known.ann, None, text))
    await answered(known.search.suggest(known.ann, "Dataset", f"name:{text}"))
    query = read_icat_query('{"target":"Dataset"}')
    for member in ("text", "user", "user_full_name"):
        object.__setattr__(query, member, text)
        await answered(known.search.icat(known.ann, query))
        object.__setattr__(query, member, None)
    assert time.monotonic() - started < 20


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(wanted=ANY_WANTED)
async def test_anything_wanted_is_answered(known: Facility, wanted: Wanted) -> None:
    await answered(known.search.find(known.ann, wanted))


CURSORS = (
    "",
    "x",
    "é",
    "=" * 10,
    "A" * 100_000,
    *(
        base64.urlsafe_b64encode(orjson.dumps(told)).decode()
        for told in (
            [],
            {},
            ["", False, {}],
            ["", False, {"Dataset": [1, 2]}],
            [None, None, None],
            ["x", 1, []],
            ["x", False, {"Dataset": [True, 1]}],
            ["x", False, {"Dataset": [[1], 1 << 62]}],
        )
    ),
)


@pytest.mark.parametrize("after", CURSORS, ids=range(len(CURSORS)))
async def test_cursors_that_were_made_up_are_refused(known: Facility, after: str) -> None:
    with pytest.raises(BadParameter, match="ask for its first page again"):
        await known.search.find(known.root, Wanted("", ("Dataset",), after=after))


@pytest.mark.parametrize("limit", (-1, 1_001, 10**12))
async def test_pages_have_a_limit(known: Facility, limit: int) -> None:
    with pytest.raises(BadParameter, match="limit is from 0 to 1000"):
        await known.search.find(known.root, Wanted("", limit=limit))


async def test_what_takes_too_long_is_given_up(known: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(question: Question) -> Answer:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(known.search.engine, "ask", slow)
    hurried = Search(settings_of(timeout_s=0.2), known.site.database, known.site.rulebooks, known.search.engine)
    await hurried.parts.language.get()
    with pytest.raises(TimedOut, match=r"longer than 0\.2 s"):
        await hurried.find(known.root, Wanted("rust"))


async def test_a_page_that_cannot_be_filled_in_time_says_where_to_go_on(
    known: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many hits that the caller may not read, as many are looked at as there is time."""
    monkeypatch.setattr("beamcat.search.finding.FILLING", -1.0)
    monkeypatch.setattr("beamcat.search.asking.LOOKED_AT", 0)
    wide = widely(known).search

    async def pages() -> list[Found]:
        found = [await wide.find(known.bob, Wanted("", ("Datafile",), limit=1))]
        while (after := found[-1].next) is not None:
            found.append(await wide.find(known.bob, Wanted("", ("Datafile",), limit=1, after=after)))
        return found

    every = await pages()
    assert [hit.source["dataset.id"] for found in every for hit in found.hits] == [
        known.ids["bone0"],
        known.ids["bone0"],
        known.ids["bone1"],
        known.ids["bone1"],
    ]
    assert any(not found.hits for found in every)
    assert all(found.counted.estimate and found.counted.more for found in every[:-1])
    assert all(found.facets == () for found in every)
