"""Creation of datafiles over REST, against a raw COPY of the same rows into the same table."""

from __future__ import annotations

import uuid
from time import perf_counter

import psycopg

from bench.catalogue import PORT, running
from bench.client import RestClient
from bench.report import line

BATCHES = {1: 300, 100: 60, 1000: 20}
"""Datafiles per call, and how many calls are measured."""

COLUMNS = (
    "name, location, file_size, datafile_mod_time, dataset_id, investigation_id,"
    " create_id, create_time, mod_id, mod_time"
)


def creation() -> None:
    """Objects per second in batches of 1, 100 and 1 000."""
    with running() as url, psycopg.connect(url, autocommit=True) as connection:
        client = RestClient(PORT, "simple", {"username": "root", "password": "bench"})
        for size, calls in BATCHES.items():
            target, other = _dataset(client), _dataset(client)
            names = [f"frame_{number:07}.h5" for number in range(size * calls)]
            batches = [names[first : first + size] for first in range(0, len(names), size)]
            raw = _copy(connection, other, batches)
            ours = _rest(client, target, batches)
            line(
                f"create datafiles over REST in batches of {size}",
                len(names) / ours,
                "objects/s",
                "raw COPY of the same batches",
                len(names) / raw,
            )


def _dataset(client: RestClient) -> int:
    name = f"created_{uuid.uuid4()}"
    (dataset,) = client.write([{"Dataset": {"name": name, "investigation": {"id": 2}, "type": {"id": 1}}}])
    return dataset


def _rest(client: RestClient, dataset: int, batches: list[list[str]]) -> float:
    prepared = [
        [
            {
                "Datafile": {
                    "name": name,
                    "location": f"/data/2/{dataset}/{name}",
                    "fileSize": 4194304,
                    "datafileModTime": "2026-11-21T10:00:00.000Z",
                    "dataset": {"id": dataset},
                }
            }
            for name in batch
        ]
        for batch in batches
    ]
    started = perf_counter()
    for entities in prepared:
        client.write(entities)
    return perf_counter() - started


def _copy(connection: psycopg.Connection, dataset: int, batches: list[list[str]]) -> float:
    started = perf_counter()
    for batch in batches:
        with connection.cursor().copy(f"COPY datafile ({COLUMNS}) FROM STDIN".encode()) as copy:
            for name in batch:
                copy.write_row(
                    (
                        name,
                        f"/data/2/{dataset}/{name}",
                        4194304,
                        "2026-11-21T10:00:00Z",
                        dataset,
                        2,
                        "simple/root",
                        "2026-11-21T10:00:00Z",
                        "simple/root",
                        "2026-11-21T10:00:00Z",
                    )
                )
    return perf_counter() - started
