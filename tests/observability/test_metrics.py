"""Numbers of several workers, summed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from beamcat.observability.metrics import DIRECTORY_VARIABLE, forget_the_dead, prepare_directory

WORKER = """
import sys
from beamcat.observability.metrics import Metrics
metrics = Metrics()
metrics.started(); metrics.answered("icat_rest", "search", 200, 0.02)
metrics.started()
metrics.pool({"open": 2})
metrics.slow_query()
print("written", flush=True)
sys.stdin.readline()
print(metrics.page([]).decode())
"""


def worker(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, DIRECTORY_VARIABLE: str(directory)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def test_workers_are_summed_and_the_dead_no_longer_hold_connections(tmp_path: Path) -> None:
    prepare_directory(tmp_path)
    first, second, third = (worker(tmp_path) for _ in range(3))
    third.kill()
    third.communicate()
    page, _ = first.communicate("\n")
    second.communicate("\n")
    assert 'beamcat_requests_total{door="icat_rest",operation="search",status="200"} 3.0' in page
    assert "beamcat_slow_queries_total 3.0" in page
    assert "beamcat_requests_in_progress 2.0" in page
    assert 'beamcat_database_connections{state="open"} 4.0' in page


def test_a_new_start_begins_at_nothing(tmp_path: Path) -> None:
    prepare_directory(tmp_path)
    process = worker(tmp_path)
    process.communicate("\n")
    assert list(tmp_path.glob("*.db"))
    prepare_directory(tmp_path)
    assert not list(tmp_path.glob("*.db"))


def test_only_gauges_of_the_dead_are_forgotten(tmp_path: Path) -> None:
    for name in ("gauge_livesum_1.db", "gauge_livesum_2.db", "counter_1.db"):
        (tmp_path / name).touch()
    forget_the_dead(tmp_path, lambda process: process == 2)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["counter_1.db", "gauge_livesum_2.db"]
