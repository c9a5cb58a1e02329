"""Requests per second: several clients in processes of their own, each on one kept connection."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from http.client import HTTPConnection
from time import perf_counter

import psycopg

from bench.bare_endpoint import BARE_PORT, get, serving
from bench.catalogue import PORT, running
from bench.client import RestClient
from bench.report import line

CLIENTS = 4
SECONDS = 5.0
SMALL = "SELECT i FROM Investigation i WHERE i.name = 'P000001'"


def throughput() -> None:
    """A small query with one and with two workers, against the same SQL behind a bare endpoint with one worker."""
    for workers in (1, 2):
        with running(workers) as url, serving(url, ["SELECT * FROM investigation WHERE name = 'P000001'"]):
            ours, theirs = _rate(_ask), _rate(_ask_bare)
            line(f"small query, {workers} workers", ours, "requests/s", "bare endpoint, 1 worker", theirs)


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


def _rate(visitor: Callable[[], Callable[[], object]]) -> float:
    """Calls per second of several clients at once."""
    with multiprocessing.Pool(CLIENTS) as pool:
        return sum(pool.map(_measured, [visitor] * CLIENTS)) / SECONDS


def _measured(visitor: Callable[[], Callable[[], object]]) -> int:
    call = visitor()
    started, done = perf_counter(), 0
    while perf_counter() - started < SECONDS:
        call()
        done += 1
    return done


def _ask() -> Callable[[], object]:
    client = RestClient(PORT, "simple", {"username": "root", "password": "bench"})
    path = client.path(SMALL)
    return lambda: client.call("GET", path)


def _ask_bare() -> Callable[[], object]:
    connection = HTTPConnection("127.0.0.1", BARE_PORT)
    return lambda: get(connection, "/0")


def _sign_in() -> Callable[[], object]:
    client = RestClient(PORT, "anon", {})
    return lambda: client.login("anon", {})
