"""Search as the settings have it, and a server that cannot open it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beamcat.config import Settings
from beamcat.search.cluster import ClusterSearch
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.opening import indexed_documents, open_engine
from beamcat.search.wanted import ENTITIES
from tests.doors.icat_rest.conftest import Opened, settings_for
from tests.search.service.facility import settings


async def test_the_engine_is_the_one_of_the_settings(tmp_path: Path) -> None:
    embedded = open_engine(Settings(home=tmp_path))
    assert isinstance(embedded, EmbeddedSearch)
    assert await embedded.position() is None
    await embedded.close()
    cluster = open_engine(settings(engine="opensearch", opensearch={"urls": ("http://127.0.0.1:9",)}))
    assert isinstance(cluster, ClusterSearch)
    await cluster.close()


def test_documents_that_are_indexed_are_a_setting() -> None:
    assert tuple(indexed_documents(settings())) == ENTITIES
    assert tuple(indexed_documents(settings(entities=("Dataset", "Sample")))) == ("Dataset", "Sample")
    for wrong in ((), ("Rule",)):
        with pytest.raises(ValueError, match="entities"):
            settings(entities=wrong)


@pytest.mark.parametrize("problem", ("cannot be opened", "a file in its place"))
async def test_a_server_without_search_does_all_the_rest(
    database_url: str, tmp_path: Path, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_settings: Settings) -> None:
        raise OSError("no engine here")

    if problem == "cannot be opened":
        monkeypatch.setattr("beamcat.app.open_engine", broken)
    (tmp_path / "search").write_text("not a folder")
    async with Opened(settings_for(database_url, home=tmp_path, search={"engine": "embedded"})) as icat:
        assert (await icat.login("simple", {"username": "root"}, {"password": "pw"})).status_code == 200
        assert (await icat.ask("SELECT f.name FROM Facility f")).json() == []
        asked = {"sessionId": icat.session, "query": json.dumps({"target": "Dataset", "text": "rust"})}
        answer = await icat.http.get("/icat/search/documents", params=asked)
        if problem == "cannot be opened":
            assert (answer.status_code, answer.json()) == (200, {"results": []})
        else:
            assert (answer.status_code, "cannot be used" in answer.json()["message"]) == (503, True)
        box = await icat.http.get("/api/search", params={"q": "x"}, headers={"Authorization": f"Bearer {icat.session}"})
        assert box.status_code == 503
