"""Downloads a dataset through a proxy that cuts connections at random bytes, compares the digests, and asks the server
whether it knows that everything has arrived.

`python -m tests.downloads.cuts --cuts 1000` is the full form; 1 is its exit status if anything is not right.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from beamcat.client.fetching import Progress, Terms
from beamcat.client.get import Watched, get, source_of
from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.schema import initialise
from tests.downloads.facility import DATASET, Facility, open_facility
from tests.downloads.proxy import Proxy
from tests.running import eventually

TRIES = 1000
"""A download may give up when too many connections in a row break at once; whoever runs it starts it again."""


async def download_cut(facility: Facility, folder: Path, cuts: int, *, longest: int, seed: int = 1) -> Proxy:
    """Download until all connections that are to be cut have been, and all is there; the proxy that was in between."""
    async with Proxy(facility.beamcat.url, cuts=cuts, longest=longest, seed=seed) as proxy:
        source = source_of(proxy.url + DATASET, None)
        terms = Terms(token=facility.session, jobs=6, pause_s=0.01)
        for number in range(TRIES):
            if proxy.to_cut == 0 and number:
                return proxy
            into = folder / str(number)
            outcome = await get(source, into, terms, Watched(Progress()))
            assert not outcome.failed, outcome.failures
            assert facility.is_complete(into), f"round {number} is not complete"
    raise AssertionError(f"{proxy.to_cut} connections were never cut")


def reported(facility: Facility) -> list[dict[str, Any]]:
    """The deliveries that the server knows of, once all of them are complete."""

    def listed(**state: str) -> list[dict[str, Any]]:
        asked = {"sessionId": facility.session, **state}
        return list(facility.beamcat.http.get("/ids/getDeliveries", params=asked).json())

    return [] if listed(state="incomplete") else listed()


async def _main(cuts: int, seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="beamcat-cuts-") as temporary:
        folder = Path(temporary)
        with EmbeddedPostgres(folder / "postgres", DatabaseSettings()) as postgres:
            initialise(postgres.url, DatabaseSettings())
            facility = await open_facility(folder / "home", postgres.url)
            try:
                began = time.monotonic()
                proxy = await download_cut(facility, folder / "got", cuts, longest=2 << 20, seed=seed)
                seconds = time.monotonic() - began
                print(f"{proxy.cut} cuts, {proxy.passed / 1e6:.0f} MB in {seconds:.0f} s: every file is right")
                deliveries = eventually(lambda: reported(facility))
                print(
                    f"{len(deliveries)} deliveries, {sum(each['restarts'] for each in deliveries)} restarts: all 100 %"
                )
            finally:
                facility.beamcat.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    try:
        asyncio.run(_main(asked.cuts, asked.seed))
    except AssertionError as error:
        sys.exit(str(error))
