"""What is told of a rebuild on its way."""

from __future__ import annotations

from beamcat.search.rebuilding.progress import Meter, Progress


def test_what_a_killed_process_had_not_committed_does_not_count() -> None:
    now = 0.0
    meter = Meter(1000, 200, lambda: now)
    assert meter.progress() == Progress(200, 1000, 0.0, None)
    first, second = meter.portion(0), meter.portion(1)
    first(100)
    first(0)
    first(50)
    second(30)
    now = 10.0
    assert meter.progress() == Progress(380, 1000, 18.0, (1000 - 380) / 18)
    meter.portion(0)
    assert meter.progress().documents == 330
    assert meter.committed == 100


def test_the_rate_is_that_of_the_last_minutes() -> None:
    now = 0.0
    meter = Meter(10_000, 0, lambda: now)
    told = meter.portion(0)
    for number in range(600):
        now = float(number)
        told(10 if number < 300 else 1)
        rate = meter.progress().rate
    assert 0.9 < rate < 1.1


def test_more_than_was_estimated_is_all_there_is() -> None:
    meter = Meter(10, 0, lambda: 0.0)
    meter.portion(0)(25)
    assert meter.progress() == Progress(25, 25, 0.0, None)
