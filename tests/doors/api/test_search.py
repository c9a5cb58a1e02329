"""`/api/search`: what is asked and told, and who is told it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beamcat.doors.api.search_models import KindOfObject
from tests.doors.searching import Searched

FILMS = "HC-1"


async def post(catalogue: Searched, body: Any, **headers: str) -> Any:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    named = {"Authorization": f"Bearer {catalogue.root}", "Content-Type": "application/json", **headers}
    return await catalogue.http.post("/api/search", content=content, headers=named)


async def test_words_find_objects_of_all_kinds(catalogue: Searched) -> None:
    answer = (await catalogue.api(q="perovskite")).json()
    assert {hit["kind"] for hit in answer["hits"]} == {"investigation", "dataset", "sample"}
    assert answer["counted"] == {"number": 5, "more": False, "estimate": False}
    assert answer["kinds"]["dataset"]["number"] == 3
    assert set(answer) == {"hits", "counted", "kinds", "facets", "notes", "someWords", "tookMs"}


async def test_a_hit_says_what_it_is_with_icats_names_and_dates(catalogue: Searched) -> None:
    (hit,) = (await catalogue.api(q="film_cold", kind="dataset")).json()["hits"]
    assert (hit["kind"], hit["id"]) == ("dataset", catalogue.ids["Dataset"]["film_cold"])
    assert hit["source"]["name"] == "film_cold"
    assert hit["source"]["startDate"] == "2024-03-05T08:00:00.000Z"
    assert hit["source"]["investigation.title"] == "Perovskite films in humid air"
    assert hit["score"] > 0
    fields = (await catalogue.api(q="film_cold", kind="dataset", fields="name,endDate")).json()["hits"][0]["source"]
    assert fields == {"name": "film_cold", "endDate": "2024-03-05T09:00:00.000Z"}


async def test_parameters_are_compared_in_any_unit(catalogue: Searched) -> None:
    answer = (await catalogue.api(q="temperature < 20 degC", kind="dataset")).json()
    assert [hit["source"]["name"] for hit in answer["hits"]] == ["film_cold"]
    assert [note["handling"] for note in answer["notes"]] == ["parameter"]
    assert await catalogue.names(kind="dataset", filter="temperature:299..301 K") == ["film_warm"]
    assert sorted(await catalogue.names(kind="dataset", filter="temperature:0..100 degC")) == [
        "cathode_hot",
        "film_warm",
    ]


async def test_paths_are_found_with_either_slash(catalogue: Searched) -> None:
    for text in ("raw/scan_0042.h5", "raw\\scan_0042.h5", "*_0042.h5"):
        assert await catalogue.names(q=text, kind="datafile") == ["scan_0042.h5", "scan_0042.h5"]
    assert await catalogue.names(q="HC-2/raw/scan_0042.h5", kind="datafile") == ["scan_0042.h5"]


async def test_filters_narrow(catalogue: Searched) -> None:
    assert await catalogue.names(kind="dataset", filter="instrument:ML07") == ["cathode_hot"]
    by_id = f"instrument:#{catalogue.ids['Instrument']['ML07']}"
    assert await catalogue.names(kind="dataset", filter=by_id) == ["cathode_hot"]
    assert await catalogue.names(kind="dataset", filter=["-type:raw"]) == ["empty_cell"]
    assert len(await catalogue.names(kind="dataset", filter=["type:raw", "type:calibration"])) == 4
    assert await catalogue.names(kind="dataset", filter=["date:2024", "type:calibration"]) == ["empty_cell"]
    assert await catalogue.names(kind="dataset", filter="date:2025..") == ["cathode_hot"]


async def test_sorted_pages_go_on_to_the_end(catalogue: Searched) -> None:
    asked = {"kind": "dataset", "sort": "-date", "limit": 3}
    first = (await catalogue.api(**asked)).json()
    assert [hit["source"]["name"] for hit in first["hits"]] == ["cathode_hot", "film_warm", "film_cold"]
    assert "score" not in first["hits"][0]
    last = (await catalogue.api(**asked, after=first["next"])).json()
    assert [hit["source"]["name"] for hit in last["hits"]] == ["empty_cell"]
    assert "next" not in last
    every = (await catalogue.api(kind="dataset", sort="-type.id,-date")).json()["hits"]
    told = [(hit["source"]["type.id"], hit["source"]["startDate"]) for hit in every]
    assert told == sorted(told, reverse=True)


async def test_facets_tell_filters_that_go_back(catalogue: Searched) -> None:
    asked = {"kind": "dataset", "facet": ["type", "date:year", "instrument"], "limit": 0}
    answer = (await catalogue.api(**asked)).json()
    assert answer["hits"] == []
    facets = {facet["field"]: facet["values"] for facet in answer["facets"]}
    assert [(value["label"], value["count"]) for value in facets["type"]] == [("raw", 3), ("calibration", 1)]
    assert [value["count"] for value in facets["date"]] == [3, 1]
    for values in facets.values():
        for value in values:
            narrowed = (await catalogue.api(**asked, filter=value["filter"])).json()
            assert narrowed["counted"]["number"] == value["count"], value
    chosen = (await catalogue.api(**asked, filter=facets["type"][0]["filter"])).json()["facets"][0]["values"]
    assert [(value["label"], value["count"], value["chosen"]) for value in chosen] == [
        ("raw", 3, True),
        ("calibration", 1, False),
    ]


async def test_columns_of_dates_are_told_as_dates(catalogue: Searched) -> None:
    (facet,) = (await catalogue.api(kind="dataset", facet="date:year", limit=0)).json()["facets"]
    assert facet["values"][0]["low"] == "2024-01-01T00:00:00.000Z"
    assert facet["values"][0]["high"] == "2025-01-01T00:00:00.000Z"


async def test_highlights_say_where_words_stand(catalogue: Searched) -> None:
    answer = (await catalogue.api(q="perovskite", kind="investigation", highlight="true")).json()
    (title,) = [one for one in answer["hits"][0]["highlights"] if one["field"] == "title"]
    (passage,) = title["passages"]
    assert [piece["text"] for piece in passage["pieces"] if piece["match"]] == ["Perovskite"]
    assert "".join(piece["text"] for piece in passage["pieces"]) == "Perovskite films in humid air"
    assert "highlights" not in (await catalogue.api(q="perovskite")).json()["hits"][0]


async def test_a_long_question_is_asked_as_json(catalogue: Searched) -> None:
    body = {
        "q": "perovskite",
        "kind": ["dataset"],
        "filters": [{"field": "temperature", "low": 20, "includesLow": False, "unit": "degC"}],
        "facets": [{"field": "temperature", "ranges": [{"high": 273, "label": "cold"}, {"low": 273, "label": "warm"}]}],
        "highlight": True,
    }
    answer = await post(catalogue, body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [hit["source"]["name"] for hit in told["hits"]] == ["film_warm"]
    assert [(value["label"], value["count"]) for value in told["facets"][0]["values"]] == [("cold", 1), ("warm", 1)]
    assert told["facets"][0]["unit"] == "K"


async def test_nobody_is_told_what_they_may_not_read(catalogue: Searched) -> None:
    assert await catalogue.names(kind="dataset", q="cathode_hot") == ["cathode_hot"]
    assert await catalogue.names(kind="dataset", q="cathode_hot", session=catalogue.ann) == []
    answer = (await catalogue.api(session=catalogue.ann, kind="dataset", facet="instrument", limit=0)).json()
    assert answer["counted"]["number"] == 3
    assert [(value["label"], value["count"]) for value in answer["facets"][0]["values"]] == [("ID21", 3)]


async def test_anonymous_visitors_see_what_is_open(catalogue: Searched) -> None:
    answer = await catalogue.http.get("/api/search", params={"q": "ID21", "kind": "instrument"})
    assert answer.status_code == 200
    assert [hit["source"]["name"] for hit in answer.json()["hits"]] == ["ID21"]
    assert (await catalogue.http.get("/api/search", params={"kind": "dataset"})).json()["hits"] == []


async def test_who_is_not_known_is_refused(catalogue: Searched) -> None:
    answer = await catalogue.api(session="00000000-0000-0000-0000-000000000000")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["kind"] == "NO_SESSION"


async def test_suggestions_complete_the_last_word(catalogue: Searched) -> None:
    answer = await catalogue.api("/suggestions", q="tempe", kind="dataset")
    assert answer.status_code == 200, answer.text
    told = {(one["what"], one["text"]): one for one in answer.json()["suggestions"]}
    assert told[("parameter", "temperature")]["unit"] == "K"
    names = [one["label"] for one in (await catalogue.api("/suggestions", q="perov")).json()["suggestions"]]
    assert any("erovskite" in name for name in names)


async def test_what_is_like_an_object(catalogue: Searched) -> None:
    asked = {"kind": "dataset", "id": catalogue.ids["Dataset"]["film_cold"]}
    answer = await catalogue.api("/similar", **asked)
    assert answer.status_code == 200, answer.text
    (first, *_) = answer.json()["hits"]
    assert first["source"]["name"] == "film_warm"
    assert first["score"] > 0
    assert "same investigation Perovskite films in humid air" in [reason["text"] for reason in first["reasons"]]
    files = await catalogue.api("/similar", kind="datafile", id=1)  # of which nothing is compared
    assert (files.status_code, files.json()) == (200, {"hits": []})
    hidden = {"kind": "dataset", "id": catalogue.ids["Dataset"]["cathode_hot"]}
    assert (await catalogue.api("/similar", session=catalogue.ann, **hidden)).status_code in {403, 404}
    assert (await catalogue.api("/similar", kind="dataset", id=2**62)).status_code == 404


async def test_meaning_is_not_asked_for_where_it_is_not_enabled(catalogue: Searched) -> None:
    answer = await catalogue.api("/by-meaning", q="solar cells")
    assert (answer.status_code, answer.json()["kind"]) == (501, "NOT_IMPLEMENTED")
    assert "not enabled" in answer.json()["detail"]


async def test_the_fields_there_are(catalogue: Searched) -> None:
    told = (await catalogue.api("/fields", kind="dataset")).json()
    assert list(told["kinds"]) == ["dataset"]
    fields = {field["name"]: field for field in told["kinds"]["dataset"]}
    assert fields["fileSize"]["unit"] == "B"
    assert told["parameters"] == [
        {"name": "temperature", "units": "K", "holds": "number", "kinds": ["dataset"]},
    ]
    assert set((await catalogue.api("/fields")).json()["kinds"]) == {kind.value for kind in KindOfObject}


@pytest.mark.parametrize("kind", KindOfObject)
async def test_every_field_that_is_told_can_be_used_as_it_says(catalogue: Searched, kind: KindOfObject) -> None:
    """One question for all facets of a kind, and one for each order."""
    fields = (await catalogue.api("/fields", kind=kind)).json()["kinds"][kind]
    counted = [
        f"{field['name']}:year" if field["holds"] == "date" else field["name"]
        for field in fields
        if field["facet"] and field["holds"] != "number"
    ] + [f"{field['name']}:1000" for field in fields if field["holds"] == "number"]
    answer = await catalogue.api(kind=kind, facet=counted, limit=0)
    assert answer.status_code == 200, answer.text
    assert {facet["field"] for facet in answer.json()["facets"]} == {name.partition(":")[0] for name in counted}
    for field in fields:
        if field["sort"]:
            answer = await catalogue.api(kind=kind, sort=f"-{field['name']}", limit=1)
            assert answer.status_code == 200, answer.text
        value = {"date": "2024", "flag": "true"}.get(field["holds"], "1")
        answer = await catalogue.api(kind=kind, filter=f"-{field['name']}:{value}", limit=1)
        assert answer.status_code == 200, (field, answer.text)


HOSTILE = [
    ({"q": "(" * 3000}, 400),
    ({"q": "a" * 20_000}, 400),
    ({"q": "x AND " * 600}, 400),
    ({"q": "a", "limit": "-1"}, 400),
    ({"q": "a", "limit": "1e9"}, 400),
    ({"q": "a", "limit": "ten"}, 400),
    ({"kind": "beamline"}, 400),
    ({"limt": "10"}, 400),
    ({"q": ["a", "b"]}, 400),
    ({"sort": "nothing"}, 400),
    ({"sort": "title"}, 400),
    ({"after": "nonsense"}, 400),
    ({"filter": "nothing:1"}, 400),
    ({"filter": "temperature:1..2 apples"}, 400),
    ({"filter": [f"name:{number}" for number in range(101)]}, 400),
    ({"facet": "title"}, 400),
    ({"facet": "name:decade"}, 400),
    ({"fields": "password"}, 400),
    ({"manner": "lucene", "q": "(a"}, 400),
    ({"q": "a\0b"}, 400),
]


@pytest.mark.parametrize(("parameters", "status"), HOSTILE, ids=lambda value: str(value)[:40])
async def test_what_makes_no_sense_is_explained(catalogue: Searched, parameters: dict[str, Any], status: int) -> None:
    answer = await catalogue.api(**{"kind": "dataset", **parameters})
    assert answer.status_code == status, answer.text
    if status == 400:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["kind"] == "BAD_PARAMETER"
        assert 0 < len(problem["detail"]) < 3_000
        assert problem["requestId"] == answer.headers["x-request-id"]


BODIES = [
    ("", 400),
    ("{", 400),
    ("[]", 400),
    ("null", 400),
    ('{"q": NaN}', 400),
    ('{"q": "\\ud800"}', 400),
    ('{"q": "a\\u0000b"}', 400),
    (b'{"q": "\xff"}', 400),
    ('{"a":' * 100_000, 400),
    ("[" * 100_000, 400),
    ('{"limit": "10"}', 400),
    ('{"limit": 1e99}', 400),
    ('{"filters": [{"field": "name", "values": ["a"], "or": 1}]}', 400),
    ('{"filters": [{"field": "name"}]}', 400),
    ('{"filters": {"name": "a"}}', 400),
    ('{"filters": [{"field": "date", "low": Infinity}]}', 400),
    ('{"q": "%s"}' % ("a" * 2**20), 413),
    ("{}", 200),
]


@pytest.mark.parametrize(("body", "status"), BODIES, ids=lambda value: str(value)[:40])
async def test_a_body_that_makes_no_sense_is_explained(catalogue: Searched, body: str | bytes, status: int) -> None:
    answer = await post(catalogue, body)
    assert answer.status_code == status, answer.text


async def test_a_body_is_json(catalogue: Searched) -> None:
    assert (await post(catalogue, "{}", **{"Content-Type": "text/plain"})).status_code == 415


async def test_what_is_not_there_is_said_so(catalogue: Searched) -> None:
    http = catalogue.http
    assert (await http.get("/api/nothing")).status_code == 404
    answer = await http.delete("/api/search")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST, HEAD, OPTIONS"
    assert (await http.get("/api/search?q=%ff")).status_code == 400
    assert (await http.get("/api")).headers["location"] == "http://beamcat/api/docs"


async def test_pages_of_other_sites_may_ask(catalogue: Searched) -> None:
    for answer in (
        await catalogue.http.options("/api/search"),
        await catalogue.api(q="films"),
        await catalogue.api(limt="x"),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Authorization" in answer.headers["access-control-allow-headers"]


async def test_the_headers_alone(catalogue: Searched) -> None:
    headers = {"Authorization": f"Bearer {catalogue.root}"}
    for path in ("/api/search", "/api/docs", "/api/openapi.json"):
        answer = await catalogue.http.head(path, headers=headers)
        assert answer.status_code == 200
        assert answer.content == b""
        assert int(answer.headers["content-length"]) > 0
