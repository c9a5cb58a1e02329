"""How soon a download begins: selections of few and of very many files, and the middle of them.

There is no peer: an archive of a million files would first have to be built. What counts is how it grows, so each
line gives the ratio to the one of the fewest files.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.download_site import Site, running, setting
from bench.report import percentile

COUNTS = tuple(dict.fromkeys((10, 10_000, setting("MANY_FILES", 1_000_000, 20_000))))
FILES_BEHIND = 10_000
"""Files on disk that are catalogued over and over."""
PLACES = setting("PLACES", 50, 20)
"""Bytes that are asked for, one after another."""


def preparing() -> None:
    """Milliseconds to prepare, to the first byte, and to a byte anywhere in the archive."""
    with TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as scratch, running(Path(scratch) / "home") as site:
        behind = site.add("behind", FILES_BEHIND, 1)
        few: dict[str, float] = {}
        for count in COUNTS:
            dataset = site.add_many(f"many{count}", count, behind).dataset
            for what, taken_ms in _measured(site, dataset).items():
                few.setdefault(what, taken_ms)
                print(
                    f"{what}, {count:,} files: {taken_ms:.1f} ms (ratio to {COUNTS[0]}: {taken_ms / few[what]:.1f})",
                    flush=True,
                )


def _measured(site: Site, dataset: int) -> dict[str, float]:
    started = perf_counter()
    prepared = site.prepare(dataset)
    taken = {"prepare": (perf_counter() - started) * 1000}
    taken["first byte, when nobody has looked at the files"] = _until_first_byte(site, prepared)
    again = sorted(_until_first_byte(site, prepared) for _ in range(5))
    taken["first byte"] = percentile(again, 50)
    size = _size(site, prepared)
    chance = random.Random(4)
    anywhere = sorted(_one_byte(site, prepared, chance.randrange(size)) for _ in range(PLACES))
    taken["a byte anywhere p50"], taken["a byte anywhere p99"] = percentile(anywhere, 50), percentile(anywhere, 99)
    return taken


def _until_first_byte(site: Site, prepared: str) -> float:
    started = perf_counter()
    with site.http.stream("GET", site.address(prepared)) as answer:
        next(answer.raise_for_status().iter_raw())
        return (perf_counter() - started) * 1000


def _size(site: Site, prepared: str) -> int:
    return int(site.http.head(site.address(prepared)).raise_for_status().headers["Content-Length"])


def _one_byte(site: Site, prepared: str, place: int) -> float:
    started = perf_counter()
    answer = site.http.get(site.address(prepared), headers={"Range": f"bytes={place}-{place}"})
    taken_ms = (perf_counter() - started) * 1000
    if answer.status_code != 206 or len(answer.content) != 1:
        raise RuntimeError(f"byte {place}: {answer.status_code}, {len(answer.content)} bytes")
    return taken_ms
