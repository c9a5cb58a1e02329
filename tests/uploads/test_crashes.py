"""Workers are killed at the worst moment: when the bytes are stored, and there is no datafile yet."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.running import eventually
from tests.uploads.facility import Facility

DATA = os.urandom(1_500_000)


@contextlib.contextmanager
def nothing_is_catalogued(facility: Facility) -> Iterator[None]:
    """Until the end of the block datafiles wait to be written."""
    assert facility.database_url is not None
    with psycopg.connect(facility.database_url) as connection:
        connection.execute("LOCK TABLE datafile IN EXCLUSIVE MODE")
        yield


def kill_all(facility: Facility) -> None:
    """The workers die, and others take their place."""
    dead = eventually(facility.beamcat.workers)
    for worker in dead:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: not set(dead) & set(facility.beamcat.workers()) and facility.beamcat.workers())


def asked(facility: Facility, method: str, url: str, **more: Any) -> httpx.Response | None:
    """The answer; None from a worker that dies."""
    bearer = {"Authorization": f"Bearer {facility.session}", "Tus-Resumable": "1.0.0"}
    headers = {**bearer, **more.pop("headers", {})}
    with contextlib.suppress(httpx.TransportError):
        return httpx.request(method, f"{facility.beamcat.url}{url}", headers=headers, timeout=60, **more)
    return None


def placed(facility: Facility, before: set[str]) -> set[str]:
    """Files that are at their places, and were not there before."""
    return {path for path in facility.stored() - before if not path.startswith(".uploads/")}


@pytest.fixture
def dataset(facility: Facility, request: pytest.FixtureRequest) -> int:
    return facility.dataset(request.node.name)


@pytest.fixture(scope="module")
def file_format(facility: Facility) -> int:
    return facility.make("DatafileFormat", name="f", version="1", facility={"id": 1})


def test_bytes_that_were_put_do_not_stay_without_a_datafile(facility: Facility, dataset: int, file_format: int) -> None:
    query = {"datasetId": dataset, "datafileFormatId": file_format, "name": "x", "sessionId": facility.session}
    before = facility.stored()
    with nothing_is_catalogued(facility):
        putting = threading.Thread(
            target=asked, args=(facility, "PUT", "/ids/put"), kwargs={"params": query, "content": DATA}
        )
        putting.start()
        eventually(lambda: placed(facility, before))
        kill_all(facility)
        putting.join()
    facility.require_no_orphans()
    assert facility.stored() == before
    assert facility.files(dataset) == {}
    answer = eventually(lambda: asked(facility, "PUT", "/ids/put", params=query, content=DATA))
    assert answer.status_code == 201, answer.text
    assert len(facility.files(dataset)) == 1


def test_an_upload_whose_end_was_interrupted_can_be_finished(facility: Facility, dataset: int) -> None:
    metadata = f"name eA==,datasetId {base64.b64encode(str(dataset).encode()).decode()}"
    headers = {"Upload-Length": str(len(DATA)), "Upload-Metadata": metadata}
    answer = eventually(lambda: asked(facility, "POST", "/uploads", headers=headers))
    assert answer.status_code == 201, answer.text
    url = answer.headers["location"].removeprefix(facility.beamcat.url)
    before = facility.stored()

    def send(offset: int) -> httpx.Response | None:
        more = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return asked(facility, "PATCH", url, headers=more, content=DATA[offset:])

    with nothing_is_catalogued(facility):
        sending = threading.Thread(target=send, args=(0,))
        sending.start()
        eventually(lambda: placed(facility, before))
        kill_all(facility)
        sending.join()
    eventually(lambda: not placed(facility, before))
    head = eventually(lambda: asked(facility, "HEAD", url))
    assert (
        int(head.headers["upload-offset"]) == len(DATA) - 1
    )  # all of it is safe, but the last byte says that it ended

    def finished() -> httpx.Response | None:
        answer = send(len(DATA) - 1)
        return answer if answer is not None and answer.status_code == 204 else None

    assert eventually(finished).headers["upload-offset"] == str(len(DATA))
    assert len(facility.files(dataset)) == 1
    facility.require_no_orphans()
