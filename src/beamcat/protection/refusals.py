"""What clients are told who have had enough, and how that is counted and written down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import logger

TOLD_EVERY_S = 60.0
"""How often the log speaks of the same client and the same reason."""
LINES = 60
"""How many lines of the log all clients together get in that time."""
LONGER_RETRY_S = 900
"""When to come back for data that may not be restored now: later than for those that are being restored."""


class Blocked(BeamcatError):
    """The administrators of the facility keep this client out."""

    kind = ErrorKind.FORBIDDEN

    def __init__(self, whom: str) -> None:
        super().__init__(f"The facility has blocked {whom}. Please write to its administrators")


class OverRestoreBudget(BeamcatError):
    """Data stay in the archive, because this client has had others restored; come back after so many seconds."""

    kind = ErrorKind.UNAVAILABLE

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refusals:
    """Counts refusals, and writes some of them down: a flood must not flood the log as well."""

    def __init__(self, count: Callable[[str], None], *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._ticks = ticks
        self._since = ticks()
        self._counts: dict[tuple[str, str], int] = {}
        self._untold = 0

    def note(self, reason: str, client: str) -> None:
        """A client was refused: `requests`, `responses`, `bytes`, `restores` or `blocked`."""
        self._count(reason)
        if self._ticks() - self._since > TOLD_EVERY_S:
            self.tell()
        if (reason, client) in self._counts:
            self._counts[reason, client] += 1
        elif len(self._counts) < LINES:
            self._counts[reason, client] = 0
            logger().warning("client refused", reason=reason, of=client)
        else:
            self._untold += 1

    def tell(self) -> None:
        """Write down how often those were refused who have been named, and begin anew."""
        for (reason, client), again in self._counts.items():
            if again:
                logger().warning("client refused again", reason=reason, of=client, times=again)
        if self._untold:
            logger().warning("further clients refused", times=self._untold)
        self._counts.clear()
        self._untold = 0
        self._since = self._ticks()


def until_midnight_s(now: datetime) -> int:
    """Seconds until the next day begins in UTC."""
    now = now.astimezone(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, math.ceil((midnight - now).total_seconds()))
