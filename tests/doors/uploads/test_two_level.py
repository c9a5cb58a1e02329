"""Uploads into datasets that are on tape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.doors.ids.test_two_level import FAST, archived, status_is
from tests.doors.uploads.conftest import Tus

DATA = b"hello world"


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, Any]:
    archive = tmp_path / "archive"
    archive.mkdir()
    return {"store": {"archive": {"kind": "posix", "path": archive}, "unit": "dataset"}, "ids": FAST}


async def test_an_archived_dataset_comes_back_first(own: Tus) -> None:
    await archived(own.facility, datasetIds="ds")
    answer = await own.create(11, name="new")
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    await status_is(own.facility, "ONLINE", datasetIds="ds")
    url = await own.begin(11, name="new")
    await own.patch(url, 0, DATA[:5])
    await archived(own.facility, datasetIds="ds")
    answer = await own.patch(url, 5, DATA[5:])
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert await own.offset(url) == 10
    await status_is(own.facility, "ONLINE", datasetIds="ds")
    answer = await own.patch(url, 10, DATA[10:])
    assert answer.status_code == 204, answer.text
    assert own.bytes_of(await own.datafile(answer.headers["upload-datafile-id"])) == DATA
    await archived(own.facility, datasetIds="ds")  # the new file with the others
    restored = await own.facility.get("getData", datafileIds=answer.headers["upload-datafile-id"])
    assert restored.status_code == 503
    await status_is(own.facility, "ONLINE", datasetIds="ds")
    assert (await own.facility.get("getData", datafileIds=answer.headers["upload-datafile-id"])).content == DATA
