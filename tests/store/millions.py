"""Prepares a download of millions of files, and measures what it takes (data service specification, G.9: 144).

`python -m tests.store.millions --files 5000000` is the full form. Its exit status is 1 if a worker has needed more
memory than it may, the download was not ready in time, or a range of it was slow. The files are rows of the catalogue
that share some thousand files on disk.
"""

from __future__ import annotations

import argparse
import random
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from bench.download_site import Site, running, workers
from bench.report import percentile

BEHIND = 10_000
"""Files on disk."""
PLACES = 100
MOST_MEMORY_MB = 300
PREPARED_S = 60
"""Beside the reading of the catalogue. Then its files are looked at in the storage, for as long as that takes."""
RANGE_MS = 50


def measured(site: Site, files: int) -> list[str]:
    """Measure, and tell; what is not as it has to be."""
    dataset = site.add_many("millions", files, site.add("behind", BEHIND, 1)).dataset
    before = memory_mb(site)
    print(f"{files:,} files are catalogued", flush=True)
    began = perf_counter()
    prepared = site.prepare(dataset)
    prepared_s = perf_counter() - began
    print(f"prepared after {prepared_s:.1f} s", flush=True)
    while site.http.get("/ids/isPrepared", params={"preparedId": prepared}).text != "true":
        sleep(0.1)
    ready_s = perf_counter() - began
    print(f"ready after {ready_s:.1f} s", flush=True)
    size = int(site.http.head(site.address(prepared)).headers["content-length"])
    chance = random.Random(1)
    times = sorted(_range_ms(site, prepared, chance.randrange(size)) for _ in range(PLACES))
    most = memory_mb(site)
    read_s = _reading_s(site, dataset)
    print(f"an archive of {size:,} bytes; reading the catalogue alone takes {read_s:.1f} s")
    print(f"a range anywhere: {percentile(times, 50):.1f} ms in the middle, {percentile(times, 99):.1f} ms at most")
    print(f"memory of the worker: {most} MB at most, {before} MB before")
    wrong = []
    if prepared_s - read_s > PREPARED_S:
        wrong.append("it was not prepared in time")
    if percentile(times, 50) > RANGE_MS:
        wrong.append("ranges are slow")
    if most > MOST_MEMORY_MB:
        wrong.append("it takes too much memory")
    return wrong


def memory_mb(site: Site) -> int:
    """The most memory that a worker has ever had."""
    return max(map(_high_water_mb, workers(site.process)))


def _high_water_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) // 1024


def _reading_s(site: Site, dataset: int) -> float:
    began = perf_counter()
    ids = site.http.get("/ids/getDatafileIds", params={"sessionId": site.session, "datasetIds": dataset})
    assert ids.status_code == 200, ids.text[:1000]
    return perf_counter() - began


def _range_ms(site: Site, prepared: str, first: int) -> float:
    began = perf_counter()
    answer = site.http.get(site.address(prepared), headers={"Range": f"bytes={first}-{first + 999}"})
    assert answer.status_code == 206, answer.text[:1000]
    return (perf_counter() - began) * 1000


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _main(files: int) -> None:
    with (
        TemporaryDirectory(prefix="beamcat-millions-") as scratch,
        running(Path(scratch) / "home", port=free_port()) as site,
    ):
        wrong = measured(site, files)
    if wrong:
        sys.exit("; ".join(wrong))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5_000_000)
    _main(parser.parse_args().files)
