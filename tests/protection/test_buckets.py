"""Buckets: nobody gets more than the limit, and whoever stays below it is never refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beamcat.protection.buckets import Rate, give_back, take

NS = 10**9
RATES = st.builds(Rate, st.floats(0.1, 10_000), st.integers(1, 500))
PAUSES = st.lists(st.integers(0, 2 * NS), min_size=1, max_size=300)


@given(RATES, PAUSES)
def test_no_stretch_of_time_has_more_than_the_burst_and_what_comes_meanwhile(rate: Rate, pauses: list[int]) -> None:
    full_at, now, taken = 0, 10**15, list[int]()
    for pause in pauses:
        now += pause
        full_at, wait = take(full_at, now, rate)
        if not wait:
            taken.append(now)
    for place, first in enumerate(taken):
        for more, last in enumerate(taken[place:], start=1):
            assert more <= rate.burst + (last - first) // rate.interval


@given(RATES, st.lists(st.integers(0, 2 * NS), min_size=1, max_size=300))
def test_who_asks_no_faster_than_tokens_come_is_never_refused(rate: Rate, more: list[int]) -> None:
    full_at, now = 0, 10**15
    for pause in more:
        now += rate.interval + pause
        full_at, wait = take(full_at, now, rate)
        assert wait == 0


@given(RATES, PAUSES)
def test_who_waits_as_long_as_told_gets_a_token_then_and_not_before(rate: Rate, pauses: list[int]) -> None:
    full_at, now = 0, 10**15
    for pause in pauses:
        now += pause
        full_at, wait = take(full_at, now, rate)
        if wait:
            assert take(full_at, now + wait - 1, rate)[1] == 1
            now += wait
            full_at, wait = take(full_at, now, rate)
            assert wait == 0


@given(RATES, st.integers(1, 500))
def test_a_token_that_is_given_back_can_be_taken_again(rate: Rate, more: int) -> None:
    full_at, now = 0, 10**15
    for _ in range(rate.burst + more):
        full_at, wait = take(full_at, now, rate)
        assert wait == 0
        full_at = give_back(full_at, rate)


def test_a_moment_of_another_clock_is_that_of_an_empty_bucket() -> None:
    rate = Rate(10, 5)
    full_at, wait = take(10**18, 10**9, rate)
    assert wait == rate.interval
    assert take(full_at, 10**9 + rate.capacity, rate)[1] == 0
