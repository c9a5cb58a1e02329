"""What several responses saw of one delivery, put together: the order does not matter, and nothing counts twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beamcat.store.deliveries.counting import Doubt, Note
from beamcat.store.intervals import Intervals

MOST_DOUBTS = 1000
"""Interruptions, and beginnings in the middle, that are remembered of a delivery."""
STOLEN = 1 << 20
"""Bytes, at least, that a client which uses several connections fetches by one of them."""
NEAR = 256 << 10
"""How far from the place at which a client stopped what it is seen to have taken may end, at least..."""
NEAR_S = 0.25
"""... or what comes in so many seconds."""
MOST_CLIENTS = 20
"""Addresses that are remembered of a delivery."""


@dataclass(slots=True)
class Standing:
    """How a delivery stands."""

    size: int
    arrived: Intervals
    doubts: list[Doubt]
    resumes: list[tuple[int, float]]
    clients: list[str]

    @property
    def is_complete(self) -> bool:
        """Whether all of it has arrived, as far as can be known.

        Programs that use several connections break one off where another had begun, with bytes on their way that they
        do not want. So a client is believed to have what comes before that place, once all the rest has arrived.
        """
        if self.arrived.is_complete(self.size) or not self.doubts:
            return self.arrived.is_complete(self.size)
        believed = Intervals(self.arrived)
        for doubt in self.doubts:
            if beside := _beside(doubt, self.resumes):
                believed.add(doubt.first, max(beside))
        return self.arrived.exact and believed.is_complete(self.size)

    @property
    def is_taken(self) -> bool:
        """Whether the client's machine has taken all of it, though some bytes may not have been read there."""
        possible = Intervals(self.arrived)
        for doubt in self.doubts:
            possible.add(doubt.first, doubt.stop)
        return self.arrived.exact and possible.is_complete(self.size)

    def add(self, note: Note) -> None:
        """Put what a response saw to it."""
        for first, stop in note.arrived:
            self.arrived.add(first, stop)
        self.resumes = sorted({*self.resumes, *note.resumes}, key=lambda resume: resume[1])[-MOST_DOUBTS:]
        self.doubts = sorted([*self.doubts, *note.doubts], key=lambda doubt: doubt.at)[-MOST_DOUBTS:]
        self.clients += sorted(note.clients.difference(self.clients))[: MOST_CLIENTS - len(self.clients)]
        self._settle()

    def _settle(self) -> None:
        """Believe a client that went on behind bytes in doubt, after they were sent, to have those before."""
        doubts = []
        for doubt in self.doubts:
            later = [at for at, when in self.resumes if doubt.first < at <= doubt.stop and when >= doubt.at]
            if later:
                self.arrived.add(doubt.first, min(later))
            elif not self.arrived.covers(doubt.first, doubt.stop):
                doubts.append(doubt)
        self.doubts = doubts
        if self.is_complete:
            self.arrived, self.doubts = Intervals([(0, self.size)]), []


def _beside(doubt: Doubt, resumes: Sequence[tuple[int, float]]) -> list[int]:
    """Where others had begun, near the place at which a client broke off."""
    rate = (doubt.stop - doubt.start) / max(doubt.at - doubt.began, 0.001)
    near = max(NEAR, NEAR_S * rate)
    least = max(doubt.first, doubt.start + STOLEN - 1, doubt.stop - near)
    return [at for at, when in resumes if least < at <= doubt.stop + near and when < doubt.at]


def intervals(arrived: Sequence[tuple[int, int]], *, exact: bool) -> Intervals:
    """Intervals as they were written down."""
    kept = Intervals(arrived)
    kept.exact = exact
    return kept
