"""Many downloads at a time: the memory of the workers, and what a small question to the catalogue takes meanwhile."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.catalogue import PORT
from bench.client import RestClient
from bench.download_site import Site, memory_mib, running, setting, workers
from bench.report import compare, percentile, timings

CROWDS = (1, 100, 1_000)
LARGEST = setting("CROWD", 10_000, 500)
FILES, MIB_EACH = 4, setting("LARGE_MIB", 1024, 128)
WORKERS = 2
SMALL = "SELECT i FROM Investigation i WHERE i.name = 'I'"
QUESTIONS = setting("QUESTIONS", 1_000, 200)
FILES_OF_A_DOWNLOAD = 3
"""Open files that a download takes of its worker."""
SPARE_FILES = 500


def crowds() -> None:
    """Mebibytes of the largest worker with 1, 100, 1 000 slow downloads; latency of a query beside ten thousand."""
    with TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as scratch:
        with running(Path(scratch) / "home", "--workers", str(WORKERS)) as site:
            files = site.add("large", FILES, MIB_EACH << 20)
            path = f"/ids/getData?preparedId={site.prepare(files.dataset)}"
            quiet = _questions()
            for crowd in (crowd for crowd in CROWDS if crowd <= LARGEST):
                _remember(site, path, crowd)
            most = _possible()
            with _slow(path, most) as clients:
                busy = _questions()
                largest = max(map(memory_mib, workers(site.process)))
                served = clients()
        limited = f" (open files are limited to {_open_files():,})" if most < LARGEST else ""
        print(f"{most:,} slow downloads{limited}: {served:,} served, largest worker {largest:.0f} MiB", flush=True)
        compare(f"small query beside {most:,} slow downloads", busy, "with none", quiet)


def _remember(site: Site, path: str, crowd: int) -> None:
    before = max(map(memory_mib, workers(site.process)))
    with _slow(path, crowd) as clients:
        percentile(_questions(), 50)
        now = max(map(memory_mib, workers(site.process)))
        served = clients()
    print(
        f"memory with {crowd:,} slow downloads: {now:.0f} MiB (before: {before:.0f} MiB), {served:,} served", flush=True
    )


def _questions() -> list[float]:
    client = RestClient(PORT, "simple", {"username": "root", "password": "bench"})
    path = client.path(SMALL)
    return timings(lambda: client.call("GET", path), rounds=QUESTIONS)


def _open_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _possible() -> int:
    """Downloads that the limit of open files allows; workers do not share them evenly."""
    of_a_worker = (_open_files() - SPARE_FILES) // FILES_OF_A_DOWNLOAD
    return min(LARGEST, _open_files() - SPARE_FILES, of_a_worker * WORKERS * 3 // 4)


@contextlib.contextmanager
def _slow(path: str, number: int) -> Iterator[_Served]:
    """So many downloads that take their time; calling what it yields ends them, and tells how many were served."""
    command = [sys.executable, "-m", "bench.slow_clients", str(PORT), path, str(number)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the slow clients did not get their first bytes")
        yield _Served(process)
    finally:
        process.kill()
        process.wait()


class _Served:
    """Ends slow clients; how many of them were served to the end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self) -> int:
        out, _ = self._process.communicate(timeout=60)
        return int(out)
