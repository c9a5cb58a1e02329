"""Workers, PostgreSQL and a reader are killed while data comes in: every object has its event, read exactly once."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.crashes.soak import Plan, Soak
from tests.crashes.verify import without_event
from tests.events.recorder import NAME
from tests.running import eventually

pytestmark = pytest.mark.slow

KINDS = ["worker", "postmaster", "worker", "postmaster"]
OBJECTS = 800
TIME_LIMIT_S = 120

WRONGLY_RECORDED = """
WITH told AS (
    SELECT position, entity, operation, n AS id
      FROM event, unnest(ids) r, generate_series(lower(r), upper(r) - 1) n
)
(SELECT 'missing', * FROM told EXCEPT ALL SELECT 'missing', * FROM test_record)
UNION ALL
(SELECT 'too much', * FROM test_record EXCEPT ALL SELECT 'too much', * FROM told)
"""


class Killings(Plan):
    """Kills that leave the server where it is."""

    def kinds(self) -> list[str]:
        return KINDS


@contextmanager
def recording(home: Path, killed: list[int]) -> Iterator[None]:
    """Two recorders, of which one works, are killed again and again, and come back."""
    ending = threading.Event()

    def keep(seed: int) -> None:
        chance = random.Random(seed)
        while not ending.is_set():
            recorder = subprocess.Popen(
                [sys.executable, "-m", "tests.events.recorder", str(home)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            ending.wait(chance.uniform(1.5, 4))
            recorder.kill()
            killed.append(recorder.wait())

    threads = [threading.Thread(target=keep, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def all_recorded(conn: psycopg.Connection[Any]) -> bool:
    row = conn.execute(
        "SELECT NOT EXISTS (SELECT FROM event_inbox) AND position = (SELECT max(position) FROM event) "
        "FROM event_reader WHERE name = %s",
        [NAME],
    ).fetchone()
    return row == (True,)


def test_every_object_has_its_event_and_a_reader_gets_each_exactly_once_whatever_is_killed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    killed: list[int] = []
    with Soak(home, Killings(len(KINDS), OBJECTS, seed=11, time_limit_s=TIME_LIMIT_S)) as soak:
        with recording(home, killed):
            soak.run()
            with soak.superuser() as conn:
                eventually(lambda: all_recorded(conn))
        assert soak.ledger.violations == [], soak.summary()
        with soak.superuser() as conn:
            assert list(without_event(conn)) == []
            assert conn.execute(WRONGLY_RECORDED).fetchall() == []
            row = conn.execute("SELECT count(*) FROM test_record WHERE operation = 'C'").fetchone()
            assert row is not None
            assert row[0] >= OBJECTS
        numbers = soak.beamcat.http.get("/metrics").text
        assert f'beamcat_event_reader_lag{{reader="{NAME}"}} 0.0' in numbers
        assert f'beamcat_event_reader_lag_seconds{{reader="{NAME}"}} 0.0' in numbers
        assert "beamcat_event_inbox_rows 0.0" in numbers
    assert soak.killed.total() == len(KINDS)
    assert len(killed) > 2
