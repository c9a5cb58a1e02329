"""What the log of calls costs: a small query over REST at a server that writes it, and at one that does not.

The two take turns, so that whatever else the machine does slows both.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.catalogue import PORT
from bench.client import RestClient
from bench.download_site import cpu_s, running, setting
from bench.report import line

CLIENTS = 4
SECONDS = setting("CALL_SECONDS", 3, 2)
ROUNDS = setting("ROUNDS", 7, 3)
SMALL = "SELECT i FROM Investigation i WHERE i.name = 'I'"
LOGS = {"the log of calls": "", "none": "[calls]\nrecord = []\n"}


def call_log() -> None:
    """Requests per second, and milliseconds of CPU of server and database for each, with the log and without."""
    measured = {name: _Measured(PORT + number) for number, name in enumerate(LOGS)}
    with TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as scratch, ExitStack() as servers:
        for number, (each, more) in enumerate(zip(measured.values(), LOGS.values(), strict=True)):
            site = running(Path(scratch) / f"home{number}", port=each.port, more=more)
            each.process = servers.enter_context(site).process
        with multiprocessing.Pool(CLIENTS) as pool:
            for number in range(ROUNDS + 1):
                for each in _in_turn(list(measured.values()), number):
                    before = cpu_s(each.process)
                    calls = sum(pool.map(_ask, [each.port] * CLIENTS))
                    if number:  # the first is to warm up
                        each.rates.append(calls / SECONDS)
                        each.cpu_ms.append((cpu_s(each.process) - before) / calls * 1000)
    ours, theirs = measured.values()
    line("small query with the log of calls", median(ours.rates), "requests/s", "without", median(theirs.rates))
    line("the same, CPU of a request", median(ours.cpu_ms), "ms", "without", median(theirs.cpu_ms))


@dataclass
class _Measured:
    port: int
    process: int = 0
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def _in_turn(servers: list[_Measured], number: int) -> Iterator[_Measured]:
    """Who goes first changes."""
    yield from servers if number % 2 else reversed(servers)


def _ask(port: int) -> int:
    """Calls of one client."""
    client = RestClient(port, "simple", {"username": "root", "password": "bench"})
    path = client.path(SMALL)
    started, done = perf_counter(), 0
    while perf_counter() - started < SECONDS:
        client.call("GET", path)
        done += 1
    return done
