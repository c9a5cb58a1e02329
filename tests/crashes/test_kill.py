"""A short ingest with kills of every kind, and the proof that its verifier would have seen a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.crashes.found import in_the_tables
from tests.crashes.killer import KINDS
from tests.crashes.ledger import Dataset, Ledger
from tests.crashes.soak import Plan, Soak
from tests.crashes.verify import broken_sums, compared, settle, violations, without_event

pytestmark = pytest.mark.slow

OBJECTS = 3_000
TIME_LIMIT_S = 200

Damage = Callable[[psycopg.Connection[Any]], Any]


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soak]:
    """An ingest that one process of every kind was killed in; the server runs on."""
    home = tmp_path_factory.mktemp("crashes") / "home"
    with Soak(home, Plan(len(KINDS), OBJECTS, seed=7, time_limit_s=TIME_LIMIT_S)) as running:
        running.run()
        yield running


def test_what_was_acknowledged_is_there_and_nothing_is_half_there_after_kills_of_every_kind(soak: Soak) -> None:
    assert soak.ledger.violations == [], soak.summary()
    assert dict(soak.killed) == dict.fromkeys(KINDS, 1)
    assert soak.ledger.objects >= OBJECTS
    assert not soak.ledger.open_calls()


def one_dataset(soak: Soak) -> tuple[str, int, Dataset]:
    """Name, id and content of a dataset with files that have parameters."""
    for name, thing in soak.ledger.known.items():
        if isinstance(thing, Dataset) and any(file.parameters for file in thing.files.values()):
            return name, soak.ledger.ids[name], thing
    raise AssertionError("no dataset")


FILES_OF = "(SELECT id FROM datafile WHERE dataset_id = {dataset} ORDER BY id LIMIT 20)"
QUIET_LOSSES = {
    f"DELETE FROM datafile WHERE id IN {FILES_OF}": ["lacks 20 of", "the counts of dataset", "of investigation"],
    f"DELETE FROM datafile_parameter WHERE datafile_id IN {FILES_OF}": ["differs in "],
    "DELETE FROM dataset_parameter WHERE dataset_id = {dataset}": ["parameters is frozenset(), not"],
    f"UPDATE datafile SET file_size = file_size + 1 WHERE id IN {FILES_OF}": ["differs in 20", "the counts of"],
    "UPDATE datafile SET dataset_id = (SELECT max(id) FROM dataset WHERE id <> {dataset}), name = 'x' || name"
    f" WHERE id IN {FILES_OF}": ["lacks 20 of", "has in addition 20", "the counts of"],
    "UPDATE datafile SET investigation_id = NULL WHERE dataset_id = {dataset}": ["name another investigation"],
    "UPDATE dataset SET description = 'old' WHERE id = {dataset}": ["description is 'old', not"],
    "UPDATE dataset SET file_count = file_count - 1 WHERE id = {dataset}": ["the counts of dataset", "files and bytes"],
    "UPDATE investigation SET file_size = file_size + 1 WHERE name = 'investigation0'": [
        "the counts of investigation investigation0"
    ],
    "DELETE FROM dataset WHERE id = {dataset}": ["in the database: is not there", "of a dataset {dataset} that is not"],
    "UPDATE dataset SET id = (SELECT last_value + 1 FROM dataset_id_seq) WHERE id = {dataset}": [
        "was acknowledged",
        "dataset_id_seq is at",
    ],
    "DELETE FROM investigation_reader WHERE path = 'user'": ["investigation_reader: ('missing'"],
    "UPDATE investigation_reader SET count = count + 1 WHERE path = 'group'": ["investigation_reader: ('too many'"],
    "DELETE FROM user_group": ["UserGroup simple/user", "is not there"],
    "DELETE FROM event WHERE entity = 'Dataset' AND operation = 'C' AND ids @> {dataset}::bigint": [
        "Dataset {dataset} is there without an event"
    ],
    "INSERT INTO event (at, user_name, request_id, entity, operation, origin, ids) SELECT now(), '', '', 'Dataset',"
    " 'C', 'call', int8multirange(int8range(last_value + 1000, last_value + 1001)) FROM dataset_id_seq": [
        "is not there, say the events"
    ],
    "INSERT INTO event (at, user_name, request_id, entity, operation, origin, ids) SELECT at, user_name, request_id,"
    " entity, operation, origin, ids FROM event WHERE entity = 'Datafile' AND operation = 'C' LIMIT 1": [
        "is not there, say the events"
    ],
    "INSERT INTO dataset (name, description, investigation_id, type_id, create_id, create_time, mod_id, mod_time)"
    " SELECT 'deleted', 'again', investigation_id, type_id, '', now(), '', now() FROM dataset WHERE id = {dataset}": [
        "deleted in the database: should not be there"
    ],
}
"""Damage done behind Beamcat's back, and words of what the verifier says of it."""


@pytest.mark.parametrize("damage", QUIET_LOSSES)
def test_the_verifier_sees_what_is_damaged_in_the_database(damage: str, soak: Soak) -> None:
    _, dataset, _ = one_dataset(soak)
    with soak.superuser() as conn, conn.transaction(force_rollback=True):
        assert list(compared(soak.ledger, in_the_tables(conn), "in the database")) == []
        assert list(broken_sums(conn)) == []
        assert list(without_event(conn)) == []
        conn.execute("SET LOCAL session_replication_role = replica")  # no triggers, no foreign keys
        assert conn.execute(damage.format(dataset=dataset)).rowcount > 0
        found = compared(soak.ledger, in_the_tables(conn), "in the database")
        seen = "\n".join([*found, *broken_sums(conn), *without_event(conn)])
    for words in QUIET_LOSSES[damage]:
        assert words.format(dataset=dataset) in seen


@pytest.mark.parametrize(
    ("left", "happened", "words"),
    [
        ("all of it", 1, ""),
        ("nothing", 0, ""),
        ("half the files", 0, "half done: dataset"),
        ("no files", 0, "half done"),
    ],
)
def test_a_call_without_an_answer_may_have_taken_place_or_not_but_not_by_half(
    left: str, happened: int, words: str, soak: Soak
) -> None:
    name, dataset, content = one_dataset(soak)
    ledger = Ledger()
    ledger.leave_open(ledger.begin("dataset", {name: content}))
    with soak.superuser() as conn, conn.transaction(force_rollback=True):
        conn.execute("SET LOCAL session_replication_role = replica")
        if left == "nothing":
            conn.execute("DELETE FROM datafile WHERE dataset_id = %s", (dataset,))
            conn.execute("DELETE FROM dataset WHERE id = %s", (dataset,))
        elif left != "all of it":
            part = 2 if left == "half the files" else 1
            conn.execute("DELETE FROM datafile WHERE dataset_id = %s AND id %% %s = 0", (dataset, part))
        seen = list(settle(ledger, in_the_tables(conn)))
    assert (ledger.happened, len(seen)) == (happened, 1 if words else 0)
    assert words in "".join(seen)


def test_a_call_of_which_only_one_of_two_things_took_place_is_half_done(soak: Soak) -> None:
    """Each of both is whole."""
    with soak.superuser() as conn:
        found = in_the_tables(conn)
    name, _, content = one_dataset(soak)
    ledger = Ledger()
    ledger.leave_open(ledger.begin("mixture", {name: content, "never_made": content}))
    [seen] = settle(ledger, found)
    assert seen == f"half done: mixture: {name} done; never_made as before"


def test_the_verifier_sees_through_rest_what_clients_would_miss(soak: Soak) -> None:
    name, dataset, _ = one_dataset(soak)
    session = soak.session()
    with soak.superuser() as conn:
        assert violations(soak.ledger, conn, session) == []
        conn.execute("SET session_replication_role = replica")
        conn.execute("CREATE TEMP TABLE kept AS SELECT * FROM datafile WHERE dataset_id = %s LIMIT 3", (dataset,))
        conn.execute("DELETE FROM datafile f USING kept WHERE f.id = kept.id")
        try:
            seen = "\n".join(violations(soak.ledger, conn, session, {name}))
        finally:
            conn.execute("INSERT INTO datafile SELECT * FROM kept")
        assert f"{name} for clients: lacks 3 of" in seen
        assert violations(soak.ledger, conn, session) == []


def test_a_stop_leaves_no_process_and_a_start_finds_everything(soak: Soak) -> None:
    """The last one: it stops the server."""
    soak.stop()
    soak.start()
    soak.verify()
    soak.stop()
    assert soak.ledger.violations == []
