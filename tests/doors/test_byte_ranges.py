"""What is answered to requests for parts (data service specification, section G.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.doors.byte_ranges import (
    Answer,
    Multipart,
    NotModified,
    NotSatisfiable,
    Partial,
    PreconditionFailed,
    Representation,
    Whole,
    decide,
    http_date,
)
from beamcat.errors import BadParameter

MODIFIED = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
NOW = MODIFIED + timedelta(days=1)
ETAG = '"z1-abc"'
ARCHIVE = Representation(183, ETAG, MODIFIED)
LARGE = Representation(10**12, ETAG, MODIFIED)


def asked(representation: Representation = ARCHIVE, method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return decide(representation, named, NOW, method=method)


@pytest.mark.parametrize(
    ("header", "first", "stop"),
    [
        ("bytes=20-", 20, 183),
        ("bytes=0-99", 0, 100),
        ("bytes=0-", 0, 183),
        ("bytes=-22", 161, 183),
        ("bytes=-999", 0, 183),
        ("bytes=67-77", 67, 78),
        ("bytes=100-9999", 100, 183),
        ("Bytes= 5-6 ", 5, 7),
        ("bytes=,5-6,", 5, 7),
        ("bytes=182-182", 182, 183),
    ],
)
def test_one_range(header: str, first: int, stop: int) -> None:
    assert asked(range=header) == Partial(((first, stop),))


@pytest.mark.parametrize("header", ["bytes=183-", "bytes=-0", "bytes=900-1000, 2000-"])
def test_bytes_that_are_not_there(header: str) -> None:
    assert asked(range=header) == NotSatisfiable()


def test_nothing_has_no_bytes() -> None:
    assert asked(Representation(0, ETAG, MODIFIED), range="bytes=0-") == NotSatisfiable()


@pytest.mark.parametrize(
    "header",
    ["bytes=-10-", "bytes=5-4", "bytes=-", "bytes=", "bytes", "bytes=a-b", "bytes=1 2-3", "bytes=²-5", "bytes=,"],
)
def test_what_is_no_range_is_refused(header: str) -> None:
    with pytest.raises(BadParameter, match="Range"):
        asked(range=header)


def test_other_units_are_left_alone() -> None:
    assert asked(range="items=0-5") == Whole()


def test_a_range_belongs_to_get() -> None:
    assert asked(range="bytes=0-5", method="HEAD") == Whole()
    assert asked(range="bytes=-10-", method="HEAD") == Whole()


def test_many_ranges_are_refused() -> None:
    with pytest.raises(BadParameter, match="64"):
        asked(LARGE, range="bytes=" + ",".join(f"{n}0000-{n}0001" for n in range(1, 101)))
    with pytest.raises(BadParameter, match="overlap"):
        asked(LARGE, range="bytes=0-100,50-200,150-300,250-400")


def test_several_ranges_keep_their_order_and_those_that_touch_become_one() -> None:
    assert asked(LARGE, range="bytes=900000-900009,0-9") == Partial(((900000, 900010), (0, 10)))
    assert asked(LARGE, range="bytes=900000-900009,5-9,0-20") == Partial(((900000, 900010), (0, 21)))
    assert asked(LARGE, range="bytes=10-19,0-9") == Partial(((0, 20),))
    assert asked(range="bytes=0-0,182-182") == Partial(((0, 1), (182, 183)))


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        (ETAG, Partial(((20, 183),))),
        ('"other"', Whole()),
        (f"W/{ETAG}", Whole()),
        (http_date(MODIFIED), Partial(((20, 183),))),
        (http_date(MODIFIED + timedelta(seconds=1)), Whole()),
        ("nonsense", Whole()),
    ],
)
def test_if_range(header: str, answer: Answer) -> None:
    assert asked(range="bytes=20-", if_range=header) == answer


def test_a_date_too_fresh_names_no_version() -> None:
    soon = MODIFIED + timedelta(seconds=30)
    headers = {"range": "bytes=20-", "if-range": http_date(MODIFIED)}
    assert decide(ARCHIVE, headers, soon) == Whole()


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({"if_none_match": ETAG}, NotModified()),
        ({"if_none_match": f'"a", W/{ETAG}'}, NotModified()),
        ({"if_none_match": "*"}, NotModified()),
        ({"if_none_match": '"a"'}, Whole()),
        ({"if_none_match": "no tag"}, Whole()),
        ({"if_match": ETAG}, Whole()),
        ({"if_match": "*"}, Whole()),
        ({"if_match": '"other"'}, PreconditionFailed()),
        ({"if_match": f"W/{ETAG}"}, PreconditionFailed()),
        ({"if_match": '"other"', "if_none_match": ETAG}, PreconditionFailed()),
        ({"if_modified_since": http_date(MODIFIED)}, NotModified()),
        ({"if_modified_since": http_date(MODIFIED - timedelta(seconds=1))}, Whole()),
        ({"if_modified_since": http_date(NOW), "if_none_match": '"a"'}, Whole()),
        ({"if_modified_since": "yesterday"}, Whole()),
    ],
)
def test_conditions(headers: dict[str, str], answer: Answer) -> None:
    assert asked(**headers) == answer
    assert asked(method="HEAD", **headers) == answer


def test_a_multipart_body_is_as_long_as_it_says_and_the_same_every_time() -> None:
    ranges = ((0, 10), (900_000, 900_010))
    body = b""
    for piece in Multipart(LARGE, ranges).pieces():
        body += piece if isinstance(piece, bytes) else b"x" * (piece[1] - piece[0])
    multipart = Multipart(LARGE, ranges)
    assert len(body) == multipart.length
    assert body.count(f"--{multipart.boundary}".encode()) == 3
    assert b"Content-Range: bytes 900000-900009/1000000000000\r\n\r\nxxxxxxxxxx\r\n--" in body
    assert Multipart(LARGE, ranges[:1]).boundary != multipart.boundary


@given(
    st.integers(0, 300),
    st.lists(st.tuples(st.none() | st.integers(0, 400), st.none() | st.integers(0, 400)), min_size=1, max_size=3),
)
def test_every_byte_asked_for_is_sent_once(size: int, specs: list[tuple[int | None, int | None]]) -> None:
    header = "bytes=" + ",".join(f"{'' if a is None else a}-{'' if b is None else b}" for a, b in specs)
    representation = Representation(size, ETAG, MODIFIED)
    try:
        answer = asked(representation, range=header)
    except BadParameter:
        assert any((a is None and b is None) or (a is not None and b is not None and b < a) for a, b in specs)
        return
    wanted = {
        byte
        for a, b in specs
        for byte in (
            range(max(0, size - (b or 0)), size) if a is None else range(a, size if b is None else min(size, b + 1))
        )
    }
    if not wanted:
        assert answer == NotSatisfiable()
        return
    assert isinstance(answer, Partial)
    sent = [byte for first, stop in answer.ranges for byte in range(first, stop)]
    assert len(sent) == len(set(sent))
    assert wanted <= set(sent)
    assert max(sent) < size
