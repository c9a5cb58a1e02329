"""Which bytes have arrived: sets of disjoint half-open intervals (data service specification, E.4).

Adding is commutative, associative and idempotent, so what several connections and processes saw can be put together in
any order, and twice.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

MOST_INTERVALS = 10_000
"""Intervals kept exactly; beyond it the nearest ones are taken as one, and the set says that it is not exact."""


class Intervals:
    """A set of bytes. `exact` is false once bytes are in it that nobody saw arrive."""

    def __init__(
        self, intervals: Iterable[tuple[int, int]] = (), *, exact: bool = True, most: int = MOST_INTERVALS
    ) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._most = most
        self.exact = exact
        for first, stop in intervals:
            self.add(first, stop)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The intervals in order, none touching the next."""
        return iter(zip(self._starts, self._stops, strict=True))

    def __len__(self) -> int:
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Intervals) and list(self) == list(other) and self.exact == other.exact

    __hash__ = None  # type: ignore[assignment]

    @property
    def total(self) -> int:
        """How many bytes are in the set."""
        return sum(self._stops) - sum(self._starts)

    def add(self, first: int, stop: int) -> None:
        """Put bytes `first` up to `stop` in; those that are in already stay."""
        if first >= stop:
            return
        begin = bisect_left(self._stops, first)
        end = bisect_right(self._starts, stop)
        if begin < end:
            first, stop = min(first, self._starts[begin]), max(stop, self._stops[end - 1])
        self._starts[begin:end] = [first]
        self._stops[begin:end] = [stop]
        if len(self._starts) > self._most:
            self._close_the_smallest_gap()

    def update(self, other: Intervals) -> None:
        """Put all of another set in."""
        for first, stop in other:
            self.add(first, stop)
        self.exact = self.exact and other.exact

    def covers(self, first: int, stop: int) -> bool:
        """Whether all of these bytes are in the set."""
        place = bisect_right(self._starts, first) - 1
        return first >= stop or (place >= 0 and self._stops[place] >= stop)

    def is_complete(self, size: int) -> bool:
        """Whether all `size` bytes are known to have arrived."""
        return self.exact and self.covers(0, size)

    def missing(self, size: int) -> list[tuple[int, int]]:
        """The intervals of `size` bytes that are not in the set."""
        edges = [0, *(edge for interval in self for edge in interval), size]
        return [(first, stop) for first, stop in zip(edges[::2], edges[1::2], strict=True) if first < stop]

    def _close_the_smallest_gap(self) -> None:
        place = min(range(1, len(self._starts)), key=lambda at: self._starts[at] - self._stops[at - 1])
        del self._starts[place], self._stops[place - 1]
        self.exact = False
