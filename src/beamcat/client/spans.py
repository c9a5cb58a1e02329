"""Which bytes of a file are there: ranges from a first byte up to a stop, apart from each other and in order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Spans:
    """A set of bytes."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._stops: list[int] = []
        for first, stop in ranges:
            self.add(first, stop)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._stops, strict=True)

    @property
    def size(self) -> int:
        """How many bytes."""
        return sum(self._stops) - sum(self._firsts)

    def add(self, first: int, stop: int) -> None:
        """Those from `first` up to `stop` are there."""
        if first >= stop:
            return
        begin, end = bisect_left(self._stops, first), bisect_right(self._firsts, stop)
        if begin < end:
            first, stop = min(first, self._firsts[begin]), max(stop, self._stops[end - 1])
        self._firsts[begin:end] = [first]
        self._stops[begin:end] = [stop]

    def remove(self, first: int, stop: int) -> None:
        """Those from `first` up to `stop` are not there."""
        if first >= stop:
            return
        kept = [
            part
            for had_first, had_stop in self
            for part in ((had_first, min(had_stop, first)), (max(had_first, stop), had_stop))
            if part[0] < part[1]
        ]
        self._firsts, self._stops = [first for first, _ in kept], [stop for _, stop in kept]

    def gaps(self, size: int, longest: int) -> Iterator[tuple[int, int]]:
        """What is missing of `size` bytes, in parts of at most `longest`."""
        for first, stop in zip([0, *self._stops], [*self._firsts, size], strict=True):
            for begin in range(first, min(stop, size), longest):
                yield begin, min(begin + longest, stop, size)
