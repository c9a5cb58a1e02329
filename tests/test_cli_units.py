"""`beamcat units`: what is on its way between main storage and archive."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.store.units.queue import Queue
from beamcat.store.units.transitions import RESTORE
from beamcat.store.units.values import Terms, Units
from tests.command import Command

CATALOGUE = """
INSERT INTO facility (id, name, create_id, create_time, mod_id, mod_time) VALUES (1, 'FAC', '', now(), '', now());
INSERT INTO investigation_type (id, name, facility_id, create_id, create_time, mod_id, mod_time)
VALUES (1, 't', 1, '', now(), '', now());
INSERT INTO dataset_type (id, name, facility_id, create_id, create_time, mod_id, mod_time)
VALUES (1, 't', 1, '', now(), '', now());
INSERT INTO investigation (id, name, visit_id, title, facility_id, type_id, create_id, create_time, mod_id, mod_time)
SELECT n, 'inv' || n, '1', 't', 1, 1, '', now(), '', now() FROM generate_series(1, 2) n;
INSERT INTO dataset (id, name, investigation_id, type_id, create_id, create_time, mod_id, mod_time)
SELECT n, 'ds' || n, 1 + n % 2, 1, '', now(), '', now() FROM generate_series(1, 4) n;
INSERT INTO datafile (id, name, location, dataset_id, create_id, create_time, mod_id, mod_time)
SELECT n, 'f' || n, 'f' || n, n, '', now(), '', now() FROM generate_series(1, 3) n;
"""


@pytest.fixture
def beamcat(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """Datasets 1 to 3 with files, 1 and 3 of investigation 2; ann waits for 1 and 2, and 3 has failed."""
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    monkeypatch.setenv("BEAMCAT_STORE__ARCHIVE", json.dumps({"kind": "posix", "path": str(tmp_path)}))

    async def write() -> None:
        async with Database(database_url, DatabaseSettings()) as database:
            async with database.connection() as connection:
                for statement in CATALOGUE.split(";\n"):
                    if statement:
                        await connection.execute(statement.encode())
            queue = Queue(database, Terms())
            await queue.request(RESTORE, Units([1, 2], [1, 2]), "db/ann")
            await queue.request(RESTORE, Units([3], [3]), "db/bob")
            (taken,) = [unit for unit in await queue.take([RESTORE], 9) if unit.id == 3]
            async with database.connection() as connection:
                await connection.execute(
                    "UPDATE unit SET running = NULL, ticket = NULL, until = NULL, online = false,"
                    " wanted = CASE id WHEN 3 THEN NULL ELSE 'RESTORE' END,"
                    " failure = CASE id WHEN 3 THEN 'the tape is torn' END"
                )
            assert taken

    asyncio.run(write())
    return Command(monkeypatch, capsys, tmp_path)


def lines(beamcat: Command, *options: str) -> list[dict[str, Any]]:
    shown = beamcat("units", "list", "--json", *options)
    assert shown.status == 0, shown.err
    return [json.loads(line) for line in shown.out.splitlines()]


def ids(beamcat: Command, *options: str) -> list[int]:
    return [line["id"] for line in lines(beamcat, *options)]


def test_what_is_stuck_is_listed_for_people_and_programs(beamcat: Command) -> None:
    shown = beamcat("units", "list", "--state", "failed")
    assert shown.status == 0, shown.err
    assert "the tape is torn" in shown.out
    assert "FAC/inv2/1/ds3" in shown.out
    assert ids(beamcat) == [1, 2]
    assert ids(beamcat, "--state", "stuck") == [3]
    assert ids(beamcat, "--state", "archived") == [1, 2, 3]
    assert ids(beamcat, "--investigation", "2") == [1]
    assert ids(beamcat, "--dataset", "2", "--dataset", "3") == [2]
    assert ids(beamcat, "--user", "db/bob") == []
    (line,) = lines(beamcat, "--state", "failed")
    assert (line["state"], line["failure"], line["user"]) == ("failed", "the tape is torn", "db/bob")


def test_what_has_failed_is_tried_again(beamcat: Command) -> None:
    assert beamcat("units", "retry").status == 1
    assert beamcat("units", "retry", "--all").out == "1 units are tried again\n"
    assert [(line["id"], line["operation"], line["failure"]) for line in lines(beamcat, "--dataset", "3")] == [
        (3, "RESTORE", None)
    ]


def test_what_waits_is_cancelled(beamcat: Command) -> None:
    assert beamcat("units", "cancel").status == 1
    assert beamcat("units", "cancel", "2", "--reason", "the tape is away").out == "1 units stay where they are\n"
    assert ids(beamcat) == [1]
    assert [line["failure"] for line in lines(beamcat, "--state", "failed")] == ["the tape is away", "the tape is torn"]
    assert beamcat("units", "cancel", "--user", "db/ann").out == "1 units stay where they are\n"
    assert ids(beamcat) == []


def test_investigations_are_archived_and_brought_back(beamcat: Command, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE unit SET online = true, wanted = NULL, failure = NULL")
    assert beamcat("units", "archive").status == 1
    assert beamcat("units", "archive", "--investigation", "2").out.startswith("2 units are to leave")
    assert [(line["id"], line["operation"]) for line in lines(beamcat)] == [(1, "ARCHIVE"), (3, "ARCHIVE")]
    assert beamcat("units", "restore", "--dataset", "1", "--priority", "5").out.startswith("1 units are to be")
    assert [(line["operation"], line["priority"]) for line in lines(beamcat, "--dataset", "1")] == [("RESTORE", 5)]
    assert beamcat("units", "archive", "--dataset", "4").out.startswith("0 units"), "it has no files"


def test_datafiles_are_units_where_the_settings_say_so(
    beamcat: Command, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEAMCAT_STORE__UNIT", "datafile")
    assert beamcat("units", "archive", "--investigation", "2").out.startswith("2 units are to leave")
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT id, dataset_id FROM unit WHERE kind = 'datafile' ORDER BY id").fetchall()
    assert rows == [(1, 1), (3, 3)]


def test_without_an_archive_nothing_is_moved(beamcat: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BEAMCAT_STORE__ARCHIVE")
    shown = beamcat("units", "archive", "--investigation", "1")
    assert (shown.status, "store.archive" in shown.err) == (1, True)
