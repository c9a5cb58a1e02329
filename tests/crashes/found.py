"""What is in the catalogue: as its clients see it, and as it lies in the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.conformance.client import Session
from tests.crashes.facility import LINKS
from tests.crashes.ledger import Dataset, File, Link, Parameters, Thing

DATASETS_PER_QUESTION = 40


@dataclass(frozen=True)
class Found:
    """Everything that is there, and the ids of the datasets."""

    things: dict[str, Thing]
    ids: dict[str, int]
    counts: dict[str, tuple[int, int]]
    """`fileCount` and `fileSize` of the datasets, as they say."""
    odd: list[str]
    """What cannot be told as a thing: twice the same name, children without parents."""


def through_rest(root: Session, names: Iterable[str] | None = None) -> Found:
    """What a client is told. With `names`, of these datasets only."""
    things: dict[str, Thing] = {}
    ids: dict[str, int] = {}
    counts: dict[str, tuple[int, int]] = {}
    odd: list[str] = []
    wanted = root.search("SELECT ds.name FROM Dataset ds") if names is None else list(names)
    for start in range(0, len(wanted), DATASETS_PER_QUESTION):
        listed = ", ".join(f"'{name}'" for name in wanted[start : start + DATASETS_PER_QUESTION])
        answer = root.search(
            f"SELECT ds FROM Dataset ds WHERE ds.name IN ({listed}) INCLUDE ds.investigation, "
            "ds.parameters p, p.type, ds.datafiles f, f.parameters fp, fp.type"
        )
        for dataset in (row["Dataset"] for row in answer):
            name = dataset["name"]
            if name in things:
                odd.append(f"there are two datasets {name}")
            things[name] = _dataset(dataset)
            ids[name] = dataset["id"]
            counts[name] = (dataset["fileCount"], dataset["fileSize"])
    for entity, (left, right) in LINKS.items():
        for one, other in root.search(f"SELECT x.{left}.name, x.{right}.name FROM {entity} x"):
            things[f"{entity} {one} {other}"] = Link()
    return Found(things, ids, counts, odd)


def _dataset(row: dict[str, Any]) -> Dataset:
    files = {
        file["name"]: File(file["fileSize"], file.get("description"), _parameters(file["parameters"]))
        for file in row["datafiles"]
    }
    assert len(files) == len(row["datafiles"])
    return Dataset(row["investigation"]["name"], row["description"], _parameters(row["parameters"]), files)


def _parameters(rows: Sequence[dict[str, Any]]) -> Parameters:
    return frozenset((row["type"]["name"], row.get("numericValue", row.get("stringValue", ""))) for row in rows)


def in_the_tables(conn: psycopg.Connection[Any]) -> Found:
    """What is in the database, whole tables read without an index."""
    with conn.transaction():
        conn.execute("SET LOCAL enable_indexscan = off")
        conn.execute("SET LOCAL enable_indexonlyscan = off")
        conn.execute("SET LOCAL enable_bitmapscan = off")
        odd: list[str] = []
        file_parameters = _parameter_rows(conn, "datafile")
        files: dict[int, dict[str, File]] = defaultdict(dict)
        rows = conn.execute("SELECT id, dataset_id, name, file_size, description FROM datafile")
        for identifier, dataset, name, size, description in rows:
            if name in files[dataset]:
                odd.append(f"there are two datafiles {name} in dataset {dataset}")
            files[dataset][name] = File(size, description, frozenset(file_parameters.get(identifier, ())))
        parameters = _parameter_rows(conn, "dataset")
        things: dict[str, Thing] = {}
        ids: dict[str, int] = {}
        counts: dict[str, tuple[int, int]] = {}
        rows = conn.execute(
            "SELECT d.id, d.name, i.name, d.description, d.file_count, d.file_size"
            "  FROM dataset d LEFT JOIN investigation i ON i.id = d.investigation_id"
        )
        for identifier, name, investigation, description, count, size in rows:
            if name in things:
                odd.append(f"there are two datasets {name}")
            ids[name] = identifier
            counts[name] = (count, size)
            its_parameters = frozenset(parameters.get(identifier, ()))
            things[name] = Dataset(investigation, description, its_parameters, dict(files.pop(identifier, {})))
        odd += [
            f"there are {len(names)} datafiles of a dataset {dataset} that is not there"
            for dataset, names in files.items()
        ]
        for entity, statement in _LINKS.items():
            for one, other in conn.execute(statement):
                things[f"{entity} {one} {other}"] = Link()
    return Found(things, ids, counts, odd)


def _parameter_rows(conn: psycopg.Connection[Any], owner: str) -> dict[int, list[tuple[str, float | str]]]:
    found: dict[int, list[tuple[str, float | str]]] = defaultdict(list)
    rows = conn.execute(
        f"SELECT p.{owner}_id, t.name, p.numeric_value, p.string_value"
        f"  FROM {owner}_parameter p LEFT JOIN parameter_type t ON t.id = p.type_id"
    )
    for identifier, name, number, text in rows:
        found[identifier].append((name, text if number is None else number))
    return found


_LINKS = {
    entity: f'SELECT a.name, b.name FROM {table} x JOIN "{left}" a ON a.id = x.{left}_id'
    f' JOIN "{right}" b ON b.id = x.{right}_id'
    for entity, table, left, right in (
        ("InvestigationUser", "investigation_user", "user", "investigation"),
        ("InstrumentScientist", "instrument_scientist", "user", "instrument"),
        ("UserGroup", "user_group", "user", "grouping"),
    )
}
