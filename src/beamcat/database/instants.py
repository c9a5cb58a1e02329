"""Moments as the database sends them in binary: microseconds since 2000-01-01 UTC.

An int is a fifth of the work of a `datetime`, and most answers only print it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant(moment: datetime) -> int:
    """The aware `moment` as microseconds since 2000-01-01 UTC."""
    return (moment - EPOCH) // _MICROSECOND


def moment(instant: int) -> datetime:
    """The aware datetime, in UTC, of microseconds since 2000-01-01 UTC."""
    return EPOCH + timedelta(microseconds=instant)
