"""The log tells of refusals without being flooded itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from structlog.testing import capture_logs

from beamcat.protection.refusals import LINES, TOLD_EVERY_S, Refusals, until_midnight_s


def test_a_client_is_named_once_and_counted_from_then_on() -> None:
    now, counted = 0.0, list[str]()
    refusals = Refusals(counted.append, ticks=lambda: now)
    with capture_logs() as lines:
        for _ in range(1000):
            refusals.note("requests", "network 192.0.2.0/24")
        assert [line["event"] for line in lines] == ["client refused"]
        now = TOLD_EVERY_S + 1
        refusals.note("requests", "network 192.0.2.0/24")
    assert [(line["event"], line.get("times")) for line in lines] == [
        ("client refused", None),
        ("client refused again", 999),
        ("client refused", None),
    ]
    assert counted == ["requests"] * 1001


def test_a_flood_from_everywhere_gets_a_few_lines() -> None:
    refusals = Refusals(lambda _reason: None)
    with capture_logs() as lines:
        for client in range(1000):
            refusals.note("requests", f"network {client}")
        refusals.tell()
    assert len(lines) == LINES + 1
    assert lines[-1]["times"] == 1000 - LINES


def test_days_begin_at_midnight_in_utc() -> None:
    assert until_midnight_s(datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)) == 1
    assert until_midnight_s(datetime(2026, 3, 1, tzinfo=UTC)) == 86_400
    assert until_midnight_s(datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == 3600
