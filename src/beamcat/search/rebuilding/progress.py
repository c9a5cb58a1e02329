"""How far a rebuild is, and when it will end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 120.0
"""The rate is that of the last so many seconds."""


@dataclass(frozen=True)
class Progress:
    """How far a rebuild is."""

    documents: int
    """Made so far, with those of earlier attempts."""
    total: int
    """How many there will be, roughly."""
    rate: float
    """Documents a second."""
    left_s: float | None
    """Until it ends, roughly; none: not known yet."""


class Meter:
    """Adds up documents, those that are committed and those that would be lost.

    `before` were made by earlier attempts. `clock` tells seconds.
    """

    def __init__(self, total: int, before: int, clock: Callable[[], float]) -> None:
        self._total, self._before, self._clock = total, before, clock
        self._committed = 0
        self._open: dict[int, int] = {}
        self._made: deque[tuple[float, int]] = deque([(clock(), 0)])

    @property
    def committed(self) -> int:
        """Documents that this attempt made for good."""
        return self._committed

    def portion(self, number: int) -> Callable[[int], None]:
        """What a process tells of the documents it has put; 0: they are committed. What one before it put is lost."""
        self._open[number] = 0

        def told(documents: int) -> None:
            if documents:
                self._open[number] += documents
            else:
                self._committed += self._open[number]
                self._open[number] = 0

        return told

    def progress(self) -> Progress:
        """How far it is now."""
        now, made = self._clock(), self._committed + sum(self._open.values())
        self._made.append((now, made))
        while len(self._made) > 2 and self._made[1][0] < now - WINDOW_S:
            self._made.popleft()
        since, before = self._made[0]
        rate = max(0.0, (made - before) / (now - since)) if now > since else 0.0
        documents = self._before + made
        total = max(self._total, documents)
        return Progress(documents, total, rate, (total - documents) / rate if rate else None)
