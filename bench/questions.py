"""The questions every client asks, for an administrator, an instrument scientist and an ordinary user.

Each is measured twice. Over REST, as a client sees it, against the same SQL behind a bare endpoint (see
`bare_endpoint`); and in the core, with session and HTTP left out, against the same SQL by the same driver. The SQL of
the peers knows no rights, except where the question is about them: there it is what a programmer would write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection
from time import perf_counter
from typing import Any

import psycopg

from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.search import Searches
from beamcat.config import CatalogueSettings, DatabaseSettings
from beamcat.database.pool import Database
from beamcat.observability.slow_queries import Watch
from bench.bare_endpoint import get, serving
from bench.catalogue import PORT, running
from bench.client import RestClient
from bench.report import compare, timings

ROUNDS = 300
USERS = {"administrator": "root", "scientist": "scientist", "visitor": "visitor"}

OWN = (
    "SELECT i FROM Investigation i JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name = :user"
    " ORDER BY i.startDate DESC LIMIT 0, 50",
    "SELECT i.* FROM investigation i JOIN investigation_user iu ON iu.investigation_id = i.id"
    " JOIN \"user\" u ON u.id = iu.user_id WHERE u.name = '{user}' ORDER BY i.start_date DESC, i.id DESC LIMIT 50",
)
OF_MY_INSTRUMENTS = (
    "SELECT i FROM Investigation i JOIN i.investigationInstruments ii JOIN ii.instrument ins"
    " JOIN ins.instrumentScientists s JOIN s.user u WHERE u.name = :user ORDER BY i.startDate DESC LIMIT 0, 50",
    "SELECT i.* FROM investigation i JOIN investigation_instrument ii ON ii.investigation_id = i.id"
    ' JOIN instrument_scientist s ON s.instrument_id = ii.instrument_id JOIN "user" u ON u.id = s.user_id'
    " WHERE u.name = '{user}' ORDER BY i.start_date DESC, i.id DESC LIMIT 50",
)
NEWEST = (
    "SELECT i FROM Investigation i ORDER BY i.startDate DESC LIMIT 0, 50",
    "SELECT * FROM investigation ORDER BY start_date DESC, id DESC LIMIT 50",
)
READABLE = (
    NEWEST[0],
    """SELECT i.* FROM investigation i WHERE i.id IN (
    SELECT iu.investigation_id FROM investigation_user iu JOIN "user" u ON u.id = iu.user_id WHERE u.name = '{user}'
    UNION ALL SELECT ii.investigation_id FROM investigation_instrument ii
    JOIN instrument_scientist s ON s.instrument_id = ii.instrument_id JOIN "user" u ON u.id = s.user_id
    WHERE u.name = '{user}') OR i.release_date < now() ORDER BY i.start_date DESC, i.id DESC LIMIT 50""",
)
MINE = {"root": NEWEST, "scientist": OF_MY_INSTRUMENTS, "visitor": OWN}

EVERYBODYS = {
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
        "SELECT df FROM Datafile df WHERE df.dataset.id = {large} ORDER BY df.datafileModTime DESC LIMIT 0, 50",
        "SELECT * FROM datafile WHERE dataset_id = {large} ORDER BY datafile_mod_time DESC LIMIT 50",
    ),
}


def questions() -> None:
    """p50 and p99 of six questions for three callers, over REST and in the core."""
    with running() as url, psycopg.connect(url, autocommit=True) as connection:
        cases = {user: list(_cases(user, _large(connection))) for user in USERS.values()}
        statements = [sql for of_user in cases.values() for _, _, sql in of_user]
        with serving(url, statements) as bare:
            for caller, user in USERS.items():
                client = RestClient(PORT, "simple", {"username": user, "password": "bench"})
                for name, query, sql in cases[user]:
                    _same_rows(name, client.search(query), connection.execute(sql.encode()).fetchall())
                    number = statements.index(sql)
                    ours, theirs = _over_http(client, client.path(query)), _over_http(bare, f"/{number}")
                    compare(f"{name}, {caller}, REST", ours, "same SQL behind a bare endpoint", theirs)
                    ours, theirs = asyncio.run(_in_core(url, f"simple/{user}", query, sql))
                    compare(f"{name}, {caller}, core", ours, "bare SQL", theirs)


def _cases(user: str, large: int) -> list[tuple[str, str, str]]:
    questions = {
        **EVERYBODYS,
        "my investigations, newest first, first page": MINE[user],
        "all I may read, newest first, first page": NEWEST if user == "root" else READABLE,
    }
    names = {"large": large, "user": f"simple/{user}"}
    return [(name, query.format(**names), sql.format(**names)) for name, (query, sql) in questions.items()]


def _large(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT id FROM dataset WHERE name = 'series_0001'").fetchone()
    assert row is not None
    return int(row[0])


def _same_rows(name: str, answer: list[Any], rows: list[Any]) -> None:
    if len(answer) != len(rows) or not rows:
        raise RuntimeError(f"{name}: {len(answer)} rows, but {len(rows)} by bare SQL")


def _over_http(client: RestClient | HTTPConnection, path: str) -> list[float]:
    def ask() -> None:
        if isinstance(client, RestClient):
            client.call("GET", path)
        else:
            get(client, path)

    return timings(ask, rounds=ROUNDS, warm_up=20)


async def _in_core(url: str, user: str, query: str, sql: str) -> tuple[list[float], list[float]]:
    settings = CatalogueSettings(root_user_names=("simple/root",))
    async with Database(url, DatabaseSettings()) as database:
        rulebooks = Rulebooks(database, settings)
        searches = Searches(database, rulebooks, settings, Watch(1e9))

        async def ours() -> None:
            await searches.search(await rulebooks.caller(user), query)

        async def theirs() -> None:
            async with database.connection() as connection:
                await (await connection.execute(sql.encode(), binary=True)).fetchall()

        return await _timings(ours), await _timings(theirs)


async def _timings(work: Callable[[], Awaitable[None]]) -> list[float]:
    for _ in range(20):
        await work()
    taken = []
    for _ in range(ROUNDS):
        started = perf_counter()
        await work()
        taken.append((perf_counter() - started) * 1000)
    return sorted(taken)
