"""A clock that stands still until it is told otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """The wall clock (`now`) and the monotonic one (`ticks`), moved together."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.moment

    def ticks(self) -> float:
        return self.seconds

    def advance(self, seconds: float = 0.0, minutes: float = 0.0) -> None:
        self.moment += timedelta(seconds=seconds, minutes=minutes)
        self.seconds += seconds + minutes * 60
