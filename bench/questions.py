"""The questions every client asks, for an administrator, an instrument scientist and an ordinary user.

Measured twice: over REST, as a client sees it, and in the core, without HTTP. The peer is the bare SQL, without any
rights, prepared, from the same machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

import psycopg

from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.search import Searches
from beamcat.config import CatalogueSettings, DatabaseSettings
from beamcat.database.pool import Database
from beamcat.observability.slow_queries import Watch
from bench.catalogue import PORT, running
from bench.client import RestClient
from bench.report import compare, timings

ROUNDS = 300
CALLERS = {"administrator": "root", "scientist": "scientist", "visitor": "visitor"}

MINE = """SELECT i.* FROM investigation i WHERE i.id IN (
    SELECT investigation_id FROM investigation_user WHERE user_id = %(user)s
    UNION ALL SELECT ii.investigation_id FROM investigation_instrument ii
    JOIN instrument_scientist s ON s.instrument_id = ii.instrument_id WHERE s.user_id = %(user)s)
    ORDER BY i.start_date DESC, i.id DESC LIMIT 50"""

QUESTIONS = {
    "investigation by name": (
        "SELECT i FROM Investigation i WHERE i.name = 'P000001'",
        "SELECT * FROM investigation WHERE name = 'P000001'",
    ),
    "first 50 datasets of an investigation": (
        "SELECT ds FROM Dataset ds WHERE ds.investigation.id = 1 ORDER BY ds.id LIMIT 0, 50",
        "SELECT * FROM dataset WHERE investigation_id = 1 ORDER BY id LIMIT 50",
    ),
    "first 50 datafiles of a dataset": (
        "SELECT df FROM Datafile df WHERE df.dataset.id = 1 ORDER BY df.id LIMIT 0, 50",
        "SELECT * FROM datafile WHERE dataset_id = 1 ORDER BY id LIMIT 50",
    ),
    "a datafile by id": (
        "SELECT df FROM Datafile df WHERE df.id = 1",
        "SELECT * FROM datafile WHERE id = 1",
    ),
    "100 000 datafiles of a dataset by time, first 50": (
        "SELECT df FROM Datafile df WHERE df.dataset.name = 'series_0001' AND df.dataset.investigation.id = 1"
        " ORDER BY df.datafileModTime DESC LIMIT 0, 50",
        "SELECT df.* FROM datafile df JOIN dataset d ON d.id = df.dataset_id WHERE d.name = 'series_0001'"
        " AND d.investigation_id = 1 ORDER BY df.datafile_mod_time DESC LIMIT 50",
    ),
    "my investigations, newest first, first page": (
        "SELECT i FROM Investigation i ORDER BY i.startDate DESC LIMIT 0, 50",
        "SELECT * FROM investigation ORDER BY start_date DESC, id DESC LIMIT 50",
    ),
}


def questions() -> None:
    """p50 and p99 of six questions for three callers, over REST and in the core."""
    with running() as url, psycopg.connect(url, autocommit=True, prepare_threshold=1) as connection:
        for caller, user in CALLERS.items():
            client = RestClient(PORT, "simple", {"username": user, "password": "bench"})
            for name, (query, sql) in QUESTIONS.items():
                bare, params = sql, None
                if name.startswith("my") and caller != "administrator":
                    bare, params = MINE, {"user": 1 if user == "scientist" else 2}
                theirs = timings(_bare(connection, bare, params), rounds=ROUNDS)
                path = client.path(query)
                _same_rows(name, client, query, connection, bare, params)
                compare(
                    f"{name}, {caller}, REST",
                    timings(lambda p=path, c=client: c.call("GET", p), rounds=ROUNDS),
                    "bare SQL",
                    theirs,
                )
                ours = asyncio.run(_core(url, f"simple/{user}", query))
                compare(f"{name}, {caller}, core", ours, "bare SQL", theirs)


def _bare(connection: psycopg.Connection, sql: str, params: dict[str, int] | None) -> Callable[[], object]:
    return lambda: connection.execute(sql.encode(), params, binary=True).fetchall()


def _same_rows(
    name: str, client: RestClient, query: str, connection: psycopg.Connection, sql: str, params: dict[str, int] | None
) -> None:
    asked = len(client.search(query))
    bare = len(connection.execute(sql.encode(), params).fetchall())
    if asked != bare or not asked:
        raise RuntimeError(f"{name}: {asked} rows, but {bare} by bare SQL")


async def _core(url: str, user: str, query: str) -> list[float]:
    settings = CatalogueSettings(root_user_names=("simple/root",))
    async with Database(url, DatabaseSettings()) as database:
        rulebooks = Rulebooks(database, settings)
        searches = Searches(database, rulebooks, settings, Watch(1e9))
        taken = []
        for _ in range(ROUNDS):
            started = perf_counter()
            caller = await rulebooks.caller(user)
            await searches.search(caller, query)
            taken.append((perf_counter() - started) * 1000)
    return sorted(taken[20:])
