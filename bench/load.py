"""Requests per second: several clients in processes of their own, each on one kept connection."""

from __future__ import annotations

import multiprocessing
from time import perf_counter

import psycopg

from bench.catalogue import PORT, running
from bench.client import RestClient
from bench.report import line

CLIENTS = 4
SECONDS = 5.0
SMALL = "SELECT i FROM Investigation i WHERE i.name = 'P000001'"


def throughput() -> None:
    """A small query with one and with two workers."""
    single = 0.0
    for workers in (1, 2):
        with running(workers) as url:
            rate = _rate(_ask)
            if workers == 1:
                single = rate
                line("small query, 1 worker", rate, "requests/s", "bare SQL on one connection", _bare(url))
            else:
                line("small query, 2 workers", rate, "requests/s", "1 worker", single)


def anonymous_logins() -> None:
    """Anonymous visitors who each sign in, against the rows that a session each would cost."""
    with running() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            before = _sessions(connection)
            rate = _rate(_sign_in)
            added = _sessions(connection) - before
            started = perf_counter()
            rows = 0
            while perf_counter() - started < SECONDS / 2:
                connection.execute(
                    "INSERT INTO session (id, user_name, mechanism, created, expires)"
                    " VALUES (gen_random_uuid(), 'bench', 'bench', now(), now())"
                )
                rows += 1
            peer = rows / (perf_counter() - started)
            connection.execute("DELETE FROM session WHERE user_name = 'bench'")
        line("anonymous logins", rate, "logins/s", "one session row each, bare SQL", peer, note=f"[{added} rows added]")


def _sessions(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM session").fetchone()
    assert row is not None
    return int(row[0])


def _bare(url: str) -> float:
    with psycopg.connect(url, autocommit=True, prepare_threshold=1) as connection:
        started, done = perf_counter(), 0
        while perf_counter() - started < SECONDS / 2:
            connection.execute("SELECT * FROM investigation WHERE name = 'P000001'", binary=True).fetchall()
            done += 1
        return done / (perf_counter() - started)


def _rate(work: str | object) -> float:
    with multiprocessing.Pool(CLIENTS) as pool:
        counts = pool.map(_measured, [work] * CLIENTS)
    return sum(counts) / SECONDS


def _measured(work: object) -> int:
    assert callable(work)
    client = RestClient(
        PORT,
        "anon" if work is _sign_in else "simple",
        {} if work is _sign_in else {"username": "root", "password": "bench"},
    )
    started, done = perf_counter(), 0
    while perf_counter() - started < SECONDS:
        work(client)
        done += 1
    return done


def _ask(client: RestClient) -> None:
    client.call("GET", client.path(SMALL))


def _sign_in(client: RestClient) -> None:
    client.login("anon", {})
