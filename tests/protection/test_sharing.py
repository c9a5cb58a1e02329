"""What workers keep together: counted once, whichever of them is asked, and given back when one is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamcat.protection.buckets import Rate
from beamcat.protection.sharing import SETS, WAYS, SharedBuckets, SharedPlaces

RATE = Rate(0.001, 50)
TAKER = """
import sys
from pathlib import Path
from beamcat.protection.buckets import Rate
from beamcat.protection.sharing import SharedBuckets
buckets = SharedBuckets(Path(sys.argv[1]))
print(sum(buckets.take("ann", Rate(0.001, 50)) == 0 for _ in range(1000)))
"""
HOLDER = """
import sys
from pathlib import Path
from beamcat.protection.sharing import SharedPlaces
places = SharedPlaces(Path(sys.argv[1]))
print(sum(places.take("ann", 16) is not None for _ in range(10)), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def buckets(tmp_path: Path) -> Iterator[SharedBuckets]:
    opened = SharedBuckets(tmp_path / "run" / "buckets")
    yield opened
    opened.close()


def test_workers_take_from_one_bucket(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKER, str(tmp_path / "buckets")]
    takers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sum(int(taker.communicate()[0]) for taker in takers) == 50


def test_clients_do_not_take_from_each_other(buckets: SharedBuckets) -> None:
    for client in range(200):
        assert [buckets.take(f"client {client}", RATE) == 0 for _ in range(51)] == [True] * 50 + [False]
    buckets.give_back("client 7", RATE)
    assert buckets.take("client 7", RATE) == 0
    assert buckets.take("client 8", RATE) > 0


def test_a_bucket_that_was_left_alone_is_full_again(tmp_path: Path) -> None:
    now = 10**15
    buckets = SharedBuckets(tmp_path / "buckets", ticks=lambda: now)
    rate = Rate(20, 200)
    assert sum(buckets.take("ann", rate) == 0 for _ in range(300)) == 200
    assert buckets.take("ann", rate) == pytest.approx(0.05)
    now += 10**9
    assert sum(buckets.take("ann", rate) == 0 for _ in range(300)) == 20
    buckets.close()


def test_more_clients_than_there_is_room_for_are_still_served(buckets: SharedBuckets) -> None:
    crowd = SETS * WAYS // 2
    assert buckets.take("ann", Rate(0.001, 1)) == 0
    assert all(buckets.take(f"client {number}", Rate(1, 200)) == 0 for number in range(crowd))
    assert buckets.take("ann", Rate(0.001, 1)) > 0, "who has little left is remembered longest"


def test_places_are_for_all_workers_together_and_free_when_one_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "places")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "10\n"
        places = SharedPlaces(tmp_path / "places")
        held = [place for _ in range(20) if (place := places.take("ann", 16)) is not None]
        assert len(held) == 6
        assert places.take("bob", 16) is not None
        places.give_back(held.pop())
        assert places.take("ann", 16) is not None
        assert places.take("ann", 16) is None
        other.kill()
        other.wait()
    assert sum(places.take("ann", 16) is not None for _ in range(20)) == 10
    places.close()
