"""Work in the background that leaves time to others."""

from __future__ import annotations

import threading
import time

LONGEST_REST_S = 30.0


class Stopped(Exception):
    """The work is to end."""


class Pace:
    """Works a part of the time: after each piece of work it rests for so much longer."""

    def __init__(self, share: float) -> None:
        self._rests = 1 / share - 1
        self._since = time.monotonic()
        self._stopped = threading.Event()

    def begin(self) -> None:
        """A piece of work begins."""
        self._since = time.monotonic()

    def pause_s(self) -> float:
        """How long to rest after the piece of work that ends now."""
        return min(LONGEST_REST_S, (time.monotonic() - self._since) * self._rests)

    def rest(self) -> None:
        """In a thread: rest, then begin again. Raises `Stopped` when the work is to end."""
        if self._stopped.wait(self.pause_s()):
            raise Stopped
        self.begin()

    def stop(self) -> None:
        """End what rests, or rests next."""
        self._stopped.set()
