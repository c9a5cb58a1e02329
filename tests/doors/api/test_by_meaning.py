"""`/api/search/by-meaning`, where it is enabled."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx

from tests.doors.icat_rest.conftest import Icat, Opened, settings_for
from tests.doors.searching import PATIENCE_S, with_ids
from tests.search.meanings.science import FIELDS


async def write(icat: Icat, *entities: Any) -> None:
    answer = await icat.write(list(entities))
    assert answer.status_code == 200, answer.text


async def filled(icat: Icat) -> None:
    """Investigations of some fields of science, open to all."""
    facility = {"name": "LILS", "investigationTypes": [{"name": "experiment"}]}
    await write(
        icat,
        {"Facility": facility},
        {"Rule": {"crudFlags": "R", "what": "SELECT i FROM Investigation i"}},
    )
    ids = {"LILS": 1, "experiment": 1}
    of = with_ids({"facility": {"id": "LILS"}, "type": {"id": "experiment"}}, ids)
    texts = [(field, text.partition(". ")) for field, some in FIELDS.items() for text in some]
    investigations = (
        {"Investigation": {"name": field, "visitId": str(number), "title": title, "summary": summary, **of}}
        for number, (field, (title, _, summary)) in enumerate(texts)
    )
    await write(icat, *investigations)


async def asked(icat: Icat, **parameters: Any) -> httpx.Response:
    """The answer, once a model has been learned."""
    headers = {"Authorization": f"Bearer {icat.session}"}
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = await icat.http.get("/api/search/by-meaning", params=parameters, headers=headers)
        if answer.status_code != 503 and answer.json().get("complete", True):
            return answer
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.1)


async def test_other_words_that_mean_the_same(database_url: str, tmp_path: Path) -> None:
    meaning = {"enabled": True, "share": 1.0, "timeout_s": 30}
    empty = settings_for(database_url, home=tmp_path)
    async with Opened(empty) as icat:
        await icat.login("simple", {"username": "root"}, {"password": "pw"})
        await filled(icat)
    async with Opened(settings_for(database_url, home=tmp_path, search={"meaning": meaning})) as icat:
        await icat.login("simple", {"username": "root"}, {"password": "pw"})
        answer = await asked(icat, q="photovoltaic devices zzyzx", limit=3)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert [hit["source"]["name"] for hit in told["hits"]] == ["solar cells"] * 3
        first = told["hits"][0]
        assert (first["kind"], first["part"]) == ("investigation", "Investigation")
        assert 0 < first["closeness"] <= 1.01
        assert first["text"]
        assert "zzyzx" in told["unknown"]
        refused = await asked(icat, q="x", kind="instrument")
        assert refused.status_code == 400
        assert "cannot be searched by meaning" in refused.json()["detail"]
