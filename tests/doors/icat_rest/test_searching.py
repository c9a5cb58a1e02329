"""ICAT's search calls (ICAT specification B.8 and B.9)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from tests.conftest import TestServer
from tests.doors.icat_rest.conftest import Opened, settings_for
from tests.doors.searching import PATIENCE_S, Searched, found_by_all, searched

NOBODY = "00000000-0000-0000-0000-000000000000"
DATASETS = {"target": "Dataset"}


@pytest.fixture(scope="module")
async def catalogue(
    server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Searched]:
    name = server.create(template)
    async with searched(server.url(name), tmp_path_factory.mktemp("searched")) as opened:
        yield opened
    server.drop(name)


async def documents(catalogue: Searched, query: Any, **parameters: Any) -> Any:
    answer = await catalogue.lucene("search/documents", query, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(catalogue: Searched, *names: str) -> list[int]:
    return [catalogue.ids["Dataset"][name] for name in names]


def told(found: Any) -> list[int]:
    return [hit["id"] for hit in found["results"]]


async def test_ids_and_scores_for_topcat(catalogue: Searched) -> None:
    query = {"target": "Dataset", "text": "film_cold OR film_warm"}
    answer = await catalogue.lucene("lucene/data", query, maxCount=300, server="https://other.example.org")
    assert sorted(hit["id"] for hit in answer.json()) == sorted(ids(catalogue, "film_cold", "film_warm"))
    assert all(list(hit) == ["id", "score"] for hit in answer.json())
    assert len((await catalogue.lucene("lucene/data", query, maxCount=1)).json()) == 1


async def test_documents_in_the_order_of_the_specification(catalogue: Searched) -> None:
    facets = [{"target": "Dataset", "dimensions": [{"dimension": "type.name"}]}]
    answer = await catalogue.lucene(
        "search/documents", {**DATASETS, "text": "name:film*", "facets": facets}, minCount=1, maxCount=1
    )
    page = json.loads(answer.text)
    assert list(page) == ["search_after", "dimensions", "results"]
    assert page["dimensions"] == {"Dataset.type.name": {"raw": 2}}
    (hit,) = page["results"]
    assert list(hit) == ["id", "score", "source"]
    assert hit["source"]["id"] == hit["id"]
    assert isinstance(hit["source"]["startDate"], int)
    assert hit["source"]["investigation.name"] == "HC-1"


async def test_pages_go_on_where_the_one_before_ended(catalogue: Searched) -> None:
    for sort in (None, '{"name":"desc"}', '{"date":"asc","name":"desc"}'):
        asked = {"minCount": 3, "maxCount": 3} | ({} if sort is None else {"sort": sort})
        first = await documents(catalogue, DATASETS, **asked)
        assert len(first["results"]) == 3
        second = await documents(catalogue, DATASETS, search_after=json.dumps(first["search_after"]), **asked)
        assert len(second["results"]) == 1
        assert "search_after" not in second
        assert sorted(told(first) + told(second)) == sorted(catalogue.ids["Dataset"].values())


async def test_sorted_hits_have_no_score(catalogue: Searched) -> None:
    found = await documents(catalogue, DATASETS, sort='{"name":"desc"}')
    assert told(found) == ids(catalogue, "film_warm", "film_cold", "empty_cell", "cathode_hot")
    assert all("score" not in hit for hit in found["results"])


async def test_every_member_of_a_question(catalogue: Searched) -> None:
    parameter = {"name": "temp*", "units": "K"}
    asked = [
        ({"user": "simple/bob"}, ["cathode_hot"]),
        ({"userFullName": "lukasz"}, ["cathode_hot"]),
        ({"lower": "202403050000", "upper": "202403052359"}, ["film_cold"]),
        ({"lower": "202403060000"}, ["film_warm", "cathode_hot"]),
        ({"lower": 1709625600000, "upper": 1709632800000}, ["film_cold"]),
        ({"parameters": [{**parameter, "lowerNumericValue": 200, "upperNumericValue": 320}]}, ["film_warm"]),
        ({"filter": {"type.name": "calibration"}}, ["empty_cell"]),
        ({"filter": {"type.name": ["calibration", "raw"], "name": "film_warm"}}, ["film_warm"]),
        ({"text": "sample.type.name:ceramic", "filter": {"name": "film_warm"}}, []),
        ({"text": "+film_cold nothing"}, ["film_cold"]),
        ({"text": "film_cold -film_cold"}, []),
    ]
    for members, names in asked:
        found = await documents(catalogue, {**DATASETS, **members})
        assert sorted(told(found)) == sorted(ids(catalogue, *names)), members


async def test_only_what_one_takes_part_in(catalogue: Searched) -> None:
    parameters = {"session": catalogue.ann, "restrict": "true"}
    assert len((await documents(catalogue, DATASETS, **parameters))["results"]) == 3
    of_another = {**DATASETS, "user": "simple/bob"}
    assert (await documents(catalogue, of_another, **parameters))["results"] == []


async def test_nobody_finds_what_they_may_not_read(catalogue: Searched) -> None:
    assert told(await documents(catalogue, {**DATASETS, "text": "cathode_hot"})) == ids(catalogue, "cathode_hot")
    query = {**DATASETS, "text": "cathode_hot", "facets": [{"target": "Dataset"}]}
    found = await documents(catalogue, query, session=catalogue.ann)
    assert found["results"] == []
    answer = await catalogue.lucene("lucene/data", query, session=catalogue.ann)
    assert answer.text == "[]"


async def test_facets_alone(catalogue: Searched) -> None:
    facets = [
        {"target": "Dataset", "dimensions": [{"dimension": "type.name"}]},
        {"target": "DatasetParameter", "dimensions": [{"dimension": "type.name"}]},
    ]
    answer = await catalogue.lucene("facet/documents", {**DATASETS, "facets": facets})
    assert answer.json() == {
        "dimensions": {
            "Dataset.type.name": {"raw": 3, "calibration": 1},
            "DatasetParameter.type.name": {"temperature": 3},
        }
    }
    narrowed = {**DATASETS, "facets": facets[:1], "filter": {"name": "empty_cell"}}
    assert (await catalogue.lucene("facet/documents", narrowed)).json() == {
        "dimensions": {"Dataset.type.name": {"calibration": 1}}
    }
    assert (await catalogue.lucene("facet/documents", DATASETS)).text == "{}"
    of_ann = await catalogue.lucene("facet/documents", {**DATASETS, "facets": facets[:1]}, session=catalogue.ann)
    assert of_ann.json()["dimensions"]["Dataset.type.name"] == {"raw": 2, "calibration": 1}


async def test_facets_in_ranges(catalogue: Searched) -> None:
    ranges = [{"key": "small", "to": 1500}, {"key": "large", "from": 1500}]
    facets = [{"target": "Dataset", "dimensions": [{"dimension": "fileSize", "ranges": ranges}]}]
    answer = await catalogue.lucene("facet/documents", {**DATASETS, "facets": facets})
    assert answer.json() == {
        "dimensions": {"Dataset.fileSize": {"small": {"to": 1500, "count": 3}, "large": {"from": 1500, "count": 1}}}
    }


@pytest.mark.parametrize("call", ["lucene/data", "search/documents", "facet/documents"])
async def test_a_session_is_wanted_everywhere(catalogue: Searched, call: str) -> None:
    for session in ("", NOBODY):
        answer = await catalogue.lucene(call, DATASETS, session=session)
        assert (answer.status_code, answer.json()["code"]) == (403, "SESSION")


PARAMETER = {"name": "temperature", "units": "K"}
REFUSED = [
    (None, "query is not set"),
    ({}, "target:null is not expected"),
    ({"target": "Sample"}, "target:Sample is not expected"),
    ({**DATASETS, "parameters": [{"units": "K"}]}, "name not set in one of parameters"),
    ({**DATASETS, "parameters": [{"name": "temperature"}]}, "units not set in parameter 'temperature'"),
    ({**DATASETS, "parameters": [PARAMETER]}, "value not set in parameter 'temperature'"),
]


@pytest.mark.parametrize(("query", "message"), REFUSED, ids=lambda value: str(value)[:30])
async def test_errors_in_icats_words(catalogue: Searched, query: Any, message: str) -> None:
    answer = await catalogue.lucene("search/documents", "" if query is None else query)
    assert answer.status_code == 400
    assert answer.json() == {"code": "BAD_PARAMETER", "message": message}


async def test_the_old_call_words_one_error_differently(catalogue: Searched) -> None:
    answer = await catalogue.lucene("lucene/data", {**DATASETS, "parameters": [PARAMETER]})
    assert answer.status_code == 400
    assert json.loads(answer.json()["message"]) == PARAMETER


HOSTILE = [
    ("search/documents", "{", {}),
    ("search/documents", "[" * 20_000, {}),
    ("search/documents", {**DATASETS, "text": "(a"}, {}),
    ("search/documents", {**DATASETS, "text": "a" * 50_000}, {}),
    ("search/documents", {**DATASETS, "lower": "yesterday"}, {}),
    ("search/documents", DATASETS, {"sort": "name"}),
    ("search/documents", DATASETS, {"sort": "[]"}),
    ("search/documents", DATASETS, {"sort": '{"name":"up"}'}),
    ("search/documents", DATASETS, {"search_after": "17"}),
    ("search/documents", DATASETS, {"search_after": "{"}),
    ("search/documents", DATASETS, {"search_after": '{"doc":[]}'}),
    ("search/documents", DATASETS, {"search_after": '["a","b","c","d"]'}),
    ("search/documents", DATASETS, {"maxCount": "-1"}),
    ("lucene/data", DATASETS, {"maxCount": "-1"}),
]


@pytest.mark.parametrize(("call", "query", "more"), HOSTILE, ids=lambda value: str(value)[:30])
async def test_what_makes_no_sense_is_refused(catalogue: Searched, call: str, query: Any, more: dict[str, Any]) -> None:
    answer = await catalogue.lucene(call, query, **more)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_PARAMETER"), answer.text
    assert len(answer.text) < 2_000


async def test_a_number_that_is_none_is_no_operation(catalogue: Searched) -> None:
    answer = await catalogue.lucene("lucene/data", DATASETS, maxCount="many")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_IMPLEMENTED")


async def test_searches_are_in_the_log_of_calls(catalogue: Searched) -> None:
    answer = await catalogue.lucene("search/documents", {**DATASETS, "text": "film_cold"}, session=catalogue.ann)
    request_id = answer.headers["x-request-id"]
    statement = "SELECT operation, door, user_name, entity, query FROM call WHERE request_id = %s"
    deadline = time.monotonic() + PATIENCE_S
    async with await psycopg.AsyncConnection.connect(catalogue.database_url, autocommit=True) as connection:
        while (row := await (await connection.execute(statement, [request_id])).fetchone()) is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    assert row == ("search", "icat_rest", "simple/ann", "Dataset", "film_cold")


POPULATING = (
    ("GET", "/icat/lucene/db"),
    ("POST", "/icat/lucene/db"),
    ("DELETE", "/icat/lucene/db"),
    ("POST", "/icat/lucene/db/Dataset"),
    ("POST", "/icat/lucene/db/Dataset/0"),
)


async def populating(catalogue: Searched, method: str, path: str, session: str, **more: Any) -> Any:
    asked = {"sessionId": session, **more}
    place = {"data": asked} if method == "POST" else {"params": asked}
    return await catalogue.http.request(method, path, **place)


@pytest.mark.parametrize(("method", "path"), POPULATING)
async def test_only_root_has_documents_made(catalogue: Searched, method: str, path: str) -> None:
    answer = await populating(catalogue, method, path, catalogue.ann)
    assert answer.status_code == 403
    assert answer.json() == {"code": "INSUFFICIENT_PRIVILEGES", "message": "user must be in rootUserNames"}
    assert (await populating(catalogue, method, path, NOBODY)).json()["code"] == "SESSION"


async def test_documents_are_made_again(catalogue: Searched) -> None:
    answer = await populating(catalogue, "POST", "/icat/lucene/db/Dataset", catalogue.root, minId=0, delete="true")
    assert (answer.status_code, answer.content) == (204, b"")
    again = await populating(catalogue, "POST", "/icat/lucene/db/Dataset", catalogue.root)
    if again.status_code != 204:  # unless it was quick
        assert again.json() == {
            "code": "OBJECT_ALREADY_EXISTS",
            "message": "population of Dataset already requested",
        }
    await found_by_all(catalogue.icat)
    while under_way := (await populating(catalogue, "GET", "/icat/lucene/db", catalogue.root)).json():
        assert all(each.startswith("Dataset") for each in under_way)
    assert len((await documents(catalogue, DATASETS))["results"]) == 4
    assert (await populating(catalogue, "POST", "/icat/lucene/db/Dataset/0", catalogue.root)).status_code == 204
    assert (await populating(catalogue, "DELETE", "/icat/lucene/db", catalogue.root)).status_code == 204


async def test_documents_of_what_there_is_not_are_not_made(catalogue: Searched) -> None:
    answer = await populating(catalogue, "POST", "/icat/lucene/db/Beamline", catalogue.root)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_PARAMETER")
    for more in ({"minId": "x"}, {"maxId": "1e3"}):
        answer = await populating(catalogue, "POST", "/icat/lucene/db/Dataset", catalogue.root, **more)
        assert answer.status_code == 404
    assert (await populating(catalogue, "POST", "/icat/lucene/db/Dataset/x", catalogue.root)).status_code == 404


async def test_where_there_is_no_search_icats_clients_find_nothing(database_url: str) -> None:
    async with Opened(settings_for(database_url, search={"engine": "none"})) as icat:
        await icat.login("simple", {"username": "root"}, {"password": "pw"})
        query = {"sessionId": icat.session, "query": json.dumps({**DATASETS, "facets": [{"target": "Dataset"}]})}
        assert (await icat.http.get("/icat/lucene/data", params=query)).json() == []
        assert (await icat.http.get("/icat/search/documents", params=query)).json() == {"results": []}
        assert (await icat.http.get("/icat/facet/documents", params=query)).json() == {}
        assert (await icat.http.get("/icat/lucene/db", params=query)).json() == []
        assert (await icat.http.post("/icat/lucene/db", data=query)).status_code == 204
        assert (await icat.http.delete("/icat/lucene/db", params=query)).status_code == 204
        answer = await icat.http.post("/icat/lucene/db/Dataset", data=query)
        assert (answer.status_code, answer.json()["code"]) == (501, "NOT_IMPLEMENTED")
        answer = await icat.http.get("/api/search")
        assert (answer.status_code, answer.json()["kind"]) == (503, "UNAVAILABLE")
        assert "its log says why" in answer.json()["detail"]
        assert (await icat.http.get("/api/search/fields")).status_code == 200
