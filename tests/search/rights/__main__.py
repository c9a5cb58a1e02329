"""The long form: `python -m tests.search.rights --cases 10000`. Its exit status is 1 if a case was wrong.

Each case is one reader and one entity under some random rules, in a random facility.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from urllib.parse import urlsplit

import psycopg
import structlog
from psycopg import sql

from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from tests.search.rights.cases import Tally, try_rules
from tests.search.rights.facility import searched_facility

RULE_SETS = 40
"""In each facility."""
FAST = {"fsync": "off", "full_page_writes": "off"}


async def _run(server: EmbeddedPostgres, settings: DatabaseSettings, cases: int, first: int) -> Tally:
    tally = Tally()
    seed = first
    while tally.cases < cases:
        name = f"facility_{seed}"
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = urlsplit(server.url)._replace(path=f"/{name}").geturl()
        initialise(url, settings)
        async with Database(url, settings) as database:
            facility = await searched_facility(database, seed)
            for number in range(RULE_SETS):
                await try_rules(facility, f"{seed}/{number}", tally)
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        print(f"facility {seed}: {tally}", flush=True)
        seed += 1
    return tally


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.search.rights")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=10_000, help="the seed of the first facility")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    settings = DatabaseSettings()
    began = perf_counter()
    with TemporaryDirectory() as home, EmbeddedPostgres(Path(home), settings, options=FAST) as server:
        tally = asyncio.run(_run(server, settings, asked.cases, asked.first))
    for wrong in tally.wrong[:10]:
        print(wrong)
    print(f"{tally}, in {perf_counter() - began:.0f} s")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
