"""Which bytes have arrived."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beamcat.store.intervals import Intervals

pairs = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=20)


def bytes_of(intervals: list[tuple[int, int]]) -> set[int]:
    return {byte for first, stop in intervals for byte in range(first, stop)}


@given(pairs)
def test_it_holds_what_was_added(added: list[tuple[int, int]]) -> None:
    held = Intervals(added)
    expected = bytes_of(added)
    assert bytes_of(list(held)) == expected
    assert held.total == len(expected)
    assert bytes_of(held.missing(60)) == set(range(60)) - expected
    assert held.is_complete(60) == (expected >= set(range(60)))
    for first in range(60):
        assert held.covers(first, first + 3) == (expected >= set(range(first, first + 3)))


@given(pairs)
def test_neighbours_never_touch(added: list[tuple[int, int]]) -> None:
    edges = [edge for interval in Intervals(added) for edge in interval]
    assert edges == sorted(set(edges))


@given(pairs, pairs)
def test_sets_can_be_put_together_in_any_order_and_twice(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    one, other = Intervals(left), Intervals(right)
    one.update(Intervals(right))
    other.update(Intervals(left))
    other.update(Intervals(left))
    assert one == other


def test_too_many_pieces_are_put_together_and_then_it_is_not_complete() -> None:
    held = Intervals([(0, 10), (20, 30), (31, 40), (50, 60)], most=3)
    assert list(held) == [(0, 10), (20, 40), (50, 60)]
    assert not held.exact
    held.add(0, 60)
    assert held.total == 60
    assert not held.is_complete(60)
    assert not Intervals([(0, 60)], exact=False).is_complete(60)
    exact = Intervals([(0, 1)])
    exact.update(held)
    assert not exact.exact


def test_nothing_is_complete_when_nothing_is_wanted() -> None:
    assert Intervals().is_complete(0)
    assert not Intervals().is_complete(1)
