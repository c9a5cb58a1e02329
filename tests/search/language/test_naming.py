"""Whether a name is what was asked for, and dates and sizes as people write them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.search.language.meaning import Exactly, Like, NameTest, Together, WordSimilar, WordsLike
from beamcat.search.language.naming import differ_at_most, fits
from beamcat.search.language.values import Period, bytes_in, number, period, periods, quantity


@pytest.mark.parametrize(
    ("test", "name", "expected"),
    [
        (Exactly("ID21"), "id21", True),
        (Exactly("id21"), "id21 b", False),
        (Exactly("müller"), "Muller", True),
        (Together(("x", "ray")), "Hard X-ray microscopy", True),
        (Together(("ray", "x")), "X-ray", False),
        (Like("temp*"), "Temperature", True),
        (Like("temp*"), "a temperature", False),
        (Like("t?mp"), "temp", True),
        (Like(r"a\*"), "a*", True),
        (Like(r"a\*"), "ab", False),
        (Like("*"), "", True),
        (Like("mT", case=True), "MT", False),
        (Like("mT", case=True), "mT", True),
        (Like("a*b*c"), "axxbyyc", True),
        (Like("a*b*c"), "axxcyyb", False),
        (WordsLike(("micro*",)), "x-ray microscopy", True),
        (WordsLike(("micro*", "abs*")), "x-ray microscopy", False),
        (WordSimilar("microscpy", 1), "x-ray microscopy", True),
        (WordSimilar("mcroscpy", 1), "x-ray microscopy", False),
    ],
)
def test_a_name_is_what_was_asked_for(test: NameTest, name: str, expected: bool) -> None:
    assert fits(test, name) is expected


def test_no_pattern_takes_long() -> None:
    began = time.process_time()
    assert not fits(Like("*a" * 200 + "b"), "a" * 4000)
    assert time.process_time() - began < 1


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_letters_that_differ(one: str, other: str) -> None:
    assert differ_at_most(one, other, 0) is (one == other)
    assert differ_at_most(one, other, 2) is differ_at_most(other, one, 2)
    assert differ_at_most(one, one[1:], 1)
    assert differ_at_most(one + "xy", one + "yx", 1)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1970", 0, 31535999999),
        ("1970-01", 0, 2678399999),
        ("1970-12", 28857600000, 31535999999),
        ("1970-01-01", 0, 86399999),
        ("19700101", 0, 86399999),
        ("1970-01-01T00:01", 60000, 119999),
        ("1970-01-01 00:00:01", 1000, 1999),
        ("1970-01-01T01:00:00+01:00", 0, 999),
        ("197001010001", 60000, 119999),
        ("1400213306000", 1400213306000, 1400213306000),
    ],
)
def test_a_date_is_a_period(text: str, first: int, last: int) -> None:
    assert period(text) == Period(first, last)


@pytest.mark.parametrize(
    "text", ["", "x", "2024-13", "2024-02-30", "24", "99999999", "9999-12-31", "0000", "2024-01-01T25:00"]
)
def test_what_is_no_date_or_beyond_reach(text: str) -> None:
    assert period(text) is None


def test_two_dates_are_the_ends_of_a_time() -> None:
    assert periods("1970..1971") == (Period(0, 31535999999), Period(31536000000, 63071999999))
    assert periods("..1970") == (None, Period(0, 31535999999))
    assert periods("..") is None
    assert periods("1970..x") is None


@given(st.text("0123456789-:T. +Z", max_size=25))
def test_any_text_is_a_date_or_none(text: str) -> None:
    period(text)
    periods(text)


def test_numbers_units_and_sizes() -> None:
    assert number("1e400") is None
    assert number(" -2.5e3 ") == -2500
    assert quantity("20K") == (20, "K")
    assert quantity("20 m s^-1") == (20, "m s^-1")
    assert quantity("K") is None
    assert (bytes_in("GB"), bytes_in("gib"), bytes_in("k"), bytes_in(None), bytes_in("m/s")) == (
        10**9,
        2**30,
        1000,
        1,
        None,
    )
