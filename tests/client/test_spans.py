"""Sets of bytes, against sets of numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beamcat.client.spans import Spans

STEP = st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 30))


@given(st.lists(STEP, max_size=20), st.integers(1, 7))
def test_spans_are_sets_of_bytes(steps: list[tuple[bool, int, int]], longest: int) -> None:
    spans, bytes_there = Spans(), set[int]()
    for adds, first, stop in steps:
        if adds:
            spans.add(first, stop)
            bytes_there |= set(range(first, stop))
        else:
            spans.remove(first, stop)
            bytes_there -= set(range(first, stop))
    assert [number for first, stop in spans for number in range(first, stop)] == sorted(bytes_there)
    assert spans.size == len(bytes_there)
    gaps = list(spans.gaps(30, longest))
    assert [number for first, stop in gaps for number in range(first, stop)] == sorted(set(range(30)) - bytes_there)
    assert all(0 < stop - first <= longest for first, stop in gaps)
