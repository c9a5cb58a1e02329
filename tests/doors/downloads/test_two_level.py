"""Requests for data that are in the archive, with a real one (data service specification, C.3, C.4, G.8)."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.doors.downloads.conftest import TopCat, eventually
from tests.doors.ids.test_two_level import two_levels

SOON_S = 5.0
"""From restored to COMPLETE."""


@pytest.fixture
def more(tmp_path: Path) -> dict[str, Any]:
    return two_levels(tmp_path, "dataset")


@pytest.fixture
def chosen() -> dict[str, Any]:
    return {"transport": {"https": {}, "globus": {}}}


async def archived(topcat: TopCat, dataset: str) -> dict[str, str]:
    """Have a dataset archived; the parameters that name it."""
    about = {"sessionId": topcat.session, "datasetIds": str(topcat.ids[dataset])}
    assert (await topcat.http.post("/ids/archive", data=about)).status_code == 204
    await has_status(topcat, "ARCHIVED", about)

    async def is_idle() -> bool | None:
        found = (await topcat.http.get("/ids/getServiceStatus", params={"sessionId": topcat.session})).json()
        return (found["opsQueue"] == [] and found["locks"] == []) or None

    await eventually(is_idle)
    return about


async def has_status(topcat: TopCat, status: str, about: dict[str, str]) -> None:
    async def look() -> bool | None:
        return (await topcat.http.get("/ids/getStatus", params=about)).text == status or None

    await eventually(look)


async def test_what_is_archived_is_restored_and_then_complete(topcat: TopCat) -> None:
    about = await archived(topcat, "ds")
    identifier = await topcat.request("dataset ds")
    download = await topcat.download(identifier)
    assert download["isTwoLevel"]
    assert download["status"] in {"PREPARING", "RESTORING", "COMPLETE"}
    await has_status(topcat, "ONLINE", about)
    restored = time.monotonic()
    download = await topcat.comes_to(identifier, "COMPLETE")
    assert time.monotonic() - restored < SOON_S
    data = await topcat.http.get(f"/ids/getData?preparedId={download['preparedId']}")
    assert zipfile.ZipFile(io.BytesIO(data.content)).testzip() is None
    assert "completedAt" in download


async def test_what_another_program_sees_to_waits_for_it(topcat: TopCat) -> None:
    about = await archived(topcat, "ds2")
    identifier = await topcat.request("dataset ds2", transport="globus")
    await has_status(topcat, "ONLINE", about)
    await topcat.comes_to(identifier, "RESTORING")
    path = f"/admin/download/{identifier}/status"
    asked = {"value": "COMPLETE", "customValue": "share 12", "session": topcat.session}
    assert (await topcat.ask("PUT", path, **asked)).status_code == 200
    assert (await topcat.download(identifier))["status"] == "COMPLETE"
