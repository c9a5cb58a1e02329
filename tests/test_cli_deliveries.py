"""`beamcat deliveries`: who has received which data."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.store.deliveries.counting import Account, Note
from beamcat.store.deliveries.table import DeliveryTable
from tests.command import Command


@pytest.fixture
def beamcat(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    return Command(monkeypatch, capsys, tmp_path)


@pytest.fixture
def three_deliveries(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One complete, one given up at a quarter after coming back, and one by a user with an odd name."""
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)

    def note(user: str, stop: int, at: float, broken: int = 0) -> Note:
        account = Account(None, user, '"f1-a"', 1000, (7,))
        return Note(account, [(0, stop)], requests=1, broken=broken, sent=stop, first_at=at, last_at=at)

    async def write() -> None:
        async with Database(database_url, DatabaseSettings()) as database:
            table = DeliveryTable(database)
            await table.add([note("db/ann", 1000, 1e9)])
            for stop in (100, 250):
                await table.add([note("db/bob", stop, 1e9 + 10, broken=1)])
            await table.add([note("=1+1", 500, 1e9 + 86_400)])

    asyncio.run(write())


@pytest.mark.usefixtures("three_deliveries")
def test_deliveries_are_listed_for_people_and_programs(beamcat: Command) -> None:
    shown = beamcat("deliveries", "list")
    assert shown.status == 0, shown.err
    assert "db/ann" in shown.out
    assert "25.0 %" in shown.out
    lines = [
        json.loads(line) for line in beamcat("deliveries", "list", "--state", "stalled", "--json").out.splitlines()
    ]
    assert [(line["user"], line["percent"], line["restarts"]) for line in lines] == [
        ("db/bob", 25.0, 1),
        ("=1+1", 50.0, 0),
    ]
    rows = list(csv.DictReader(io.StringIO(beamcat("deliveries", "list", "--csv", "--since", "2001-09-10").out)))
    assert [(row["user"], row["state"], row["investigations"]) for row in rows] == [("'=1+1", "stalled", "7")]
    assert beamcat("deliveries", "list", "--investigation", "8", "--json").out == ""


@pytest.mark.usefixtures("three_deliveries")
def test_a_report_is_for_people_and_spreadsheets(beamcat: Command) -> None:
    shown = beamcat("deliveries", "report", "--by", "day")
    assert shown.status == 0, shown.err
    assert "2001-09-09" in shown.out
    rows = list(csv.DictReader(io.StringIO(beamcat("deliveries", "report", "--by", "investigation", "--csv").out)))
    assert len(rows) == 1
    numbers = {name: rows[0][name] for name in ("name", "downloads", "complete", "given_up", "given_up_at_percent")}
    assert numbers == {"name": "7", "downloads": "3", "complete": "1", "given_up": "2", "given_up_at_percent": "37.5"}
    assert (rows[0]["came_back"], rows[0]["restarts"], rows[0]["sent_bytes"]) == ("1", "1", "1850")
    (bob,) = beamcat("deliveries", "report", "--user", "db/bob", "--json").out.splitlines()
    assert json.loads(bob)["delivered_bytes"] == 250
