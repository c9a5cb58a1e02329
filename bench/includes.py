"""INCLUDE against the joins a programmer would write instead."""

from __future__ import annotations

import psycopg

from bench.catalogue import PORT, running
from bench.client import RestClient
from bench.report import compare, timings

CASES = {
    "50 datasets with investigation, facility and type": (
        "SELECT ds FROM Dataset ds WHERE ds.investigation.id = 1 ORDER BY ds.id LIMIT 0, 50"
        " INCLUDE ds.investigation i, i.facility, ds.type",
        "SELECT * FROM dataset d JOIN investigation i ON i.id = d.investigation_id JOIN facility f"
        " ON f.id = i.facility_id JOIN dataset_type t ON t.id = d.type_id WHERE d.investigation_id = 1"
        " ORDER BY d.id LIMIT 50",
    ),
    "3 datasets with all their datafiles": (
        "SELECT ds FROM Dataset ds WHERE ds.investigation.id = 3 INCLUDE ds.datafiles",
        "SELECT * FROM dataset d JOIN datafile f ON f.dataset_id = d.id WHERE d.investigation_id = 3",
    ),
}


def includes() -> None:
    """p50 and p99 of questions with INCLUDE, for an administrator and an instrument scientist."""
    with running() as url, psycopg.connect(url, autocommit=True, prepare_threshold=1) as connection:
        for user in ("root", "scientist"):
            client = RestClient(PORT, "simple", {"username": user, "password": "bench"})
            for name, (query, sql) in CASES.items():
                path = client.path(query.replace("= 3", "= 11"))
                bare = sql.replace("= 3", "= 11").encode()
                theirs = timings(lambda b=bare: connection.execute(b, binary=True).fetchall(), rounds=100)
                ours = timings(lambda c=client, p=path: c.call("GET", p), rounds=100)
                compare(f"INCLUDE, {name}, {user}", ours, "one joined SQL statement", theirs)
