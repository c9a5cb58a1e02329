"""INCLUDE against the joins a programmer would write instead."""

from __future__ import annotations

from bench.bare_endpoint import get, serving
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
        "SELECT ds FROM Dataset ds WHERE ds.investigation.id = 11 INCLUDE ds.datafiles",
        "SELECT * FROM dataset d JOIN datafile f ON f.dataset_id = d.id WHERE d.investigation_id = 11",
    ),
}


def includes() -> None:
    """p50 and p99 of questions with INCLUDE, for an administrator and an instrument scientist."""
    with running() as url, serving(url, [sql for _, sql in CASES.values()]) as bare:
        for user in ("root", "scientist"):
            client = RestClient(PORT, "simple", {"username": user, "password": "bench"})
            for number, (name, (query, _)) in enumerate(CASES.items()):
                path = client.path(query)
                theirs = timings(lambda n=number: get(bare, f"/{n}"), rounds=200)
                ours = timings(lambda c=client, p=path: c.call("GET", p), rounds=200)
                compare(f"INCLUDE, {name}, {user}, REST", ours, "joined SQL behind a bare endpoint", theirs)
