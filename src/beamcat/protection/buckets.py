"""Buckets of tokens: how many requests a client may make a second, and how many at once.

A bucket is known by the moment at which it will be full again; one that is full need not be kept. Moments are in
nanoseconds of a clock that all processes of a machine share.
"""

from __future__ import annotations

from dataclasses import dataclass

_NS = 10**9


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens that come a second, and how many of them a bucket holds."""

    per_s: float
    burst: int

    @property
    def interval(self) -> int:
        """Between two tokens, in nanoseconds."""
        return max(1, round(_NS / self.per_s))

    @property
    def capacity(self) -> int:
        """How long it takes to fill an empty bucket, in nanoseconds."""
        return self.burst * self.interval


def take(full_at: int, now: int, rate: Rate) -> tuple[int, int]:
    """Take a token: when the bucket will be full then, and 0; or, when there is none, how long to wait for one.

    A moment that no bucket can have, as after the clock was set back, is that of an empty one.
    """
    full_at = min(max(full_at, now), now + rate.capacity)
    wait = full_at + rate.interval - (now + rate.capacity)
    return (full_at, wait) if wait > 0 else (full_at + rate.interval, 0)


def give_back(full_at: int, rate: Rate) -> int:
    """Put a token back: when the bucket will be full then."""
    return full_at - rate.interval
