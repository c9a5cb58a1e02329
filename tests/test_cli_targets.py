"""`beamcat targets`: what is brought to targets, and how it is ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.command import Command

DOWNLOADS = """
INSERT INTO download (id, facility_name, owner, user_name, full_name, transport, file_name, status, priority, size,
                      two_level, compress, created)
SELECT n, 'FAC', 'db/ann', 'db/ann', 'Ann', 't', 'f', CASE n WHEN 1 THEN 'RESTORING' ELSE 'COMPLETE' END, 1, 100, false,
       false, now() FROM generate_series(1, 3) n;
INSERT INTO target_request (download_id, target, state, files, size, files_done, bytes_done, problem, access, expires)
VALUES (1, 'cluster', 'WORKING', 10, 100, 4, 40, 'the disk is away', NULL, NULL),
       (2, 'bucket', 'COMPLETE', 10, 100, 9, 90, NULL, '{"token": "one-time"}', now() + interval '1 day'),
       (3, 'cluster', 'EXPIRED', 10, 100, 10, 100, NULL, NULL, now());
INSERT INTO target_failure (download_id, datafile_id, name, reason) VALUES (2, 7, 'a/lost', 'gone');
"""


@pytest.fixture
def beamcat(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """Three requests of ann: one under way, one complete, one whose time is over."""
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in DOWNLOADS.split(";\n"):
            if statement:
                connection.execute(statement.encode())
    return Command(monkeypatch, capsys, tmp_path)


def lines(beamcat: Command, *options: str) -> dict[int, dict[str, Any]]:
    shown = beamcat("targets", "list", "--json", *options)
    assert shown.status == 0, shown.err
    return {line["download"]: line for line in map(json.loads, shown.out.splitlines())}


def test_what_is_under_way_is_listed_for_people_and_programs(beamcat: Command) -> None:
    shown = beamcat("targets", "list")
    assert shown.status == 0, shown.err
    for word in ("db/ann", "cluster", "WORKING", "4 of 10", "the disk is away"):
        assert word in shown.out
    assert set(lines(beamcat)) == {1}
    assert set(lines(beamcat, "--all")) == {1, 2, 3}
    assert set(lines(beamcat, "--all", "--target", "bucket")) == {2}
    found = lines(beamcat, "--all")[2]
    assert (found["user"], found["failed"], found["failed_names"]) == ("db/ann", 1, ["a/lost"])
    assert found["access"] is True
    assert "one-time" not in beamcat("targets", "list", "--all").out + json.dumps(found)


def test_a_request_that_is_under_way_is_canceled(beamcat: Command, database_url: str) -> None:
    assert beamcat("targets", "cancel", "1").status == 0
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT status, problem FROM download WHERE id = 1").fetchone()
    assert row == ("EXPIRED", "it was canceled by an administrator")
    for download in ("1", "2", "99"):
        refused = beamcat("targets", "cancel", download)
        assert refused.status == 1
        assert f"download {download} is not on its way" in refused.err


def test_data_are_removed_before_their_time(beamcat: Command, database_url: str) -> None:
    assert beamcat("targets", "expire", "2").status == 0
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT expires <= now() FROM target_request WHERE download_id = 2").fetchone()
    assert row == (True,)
    refused = beamcat("targets", "expire", "3")
    assert refused.status == 1
    assert "nothing of download 3 is at a target" in refused.err
