"""ICAT's own search calls, statement by statement of the specification (section B.8 of its API)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from beamcat.access.caller import Caller
from beamcat.errors import BadParameter, TimedOut, Unavailable, ValidationFailed
from beamcat.search.documents import DOCUMENTS
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.icat_query import IcatQuery, read_icat_query
from beamcat.search.question import Answer, Question
from beamcat.search.service import Search
from beamcat.search.wanted import Dimensions, IcatFound, Wanted
from tests.search.service.facility import Facility, settings, widely


def query(target: str = "Dataset", **members: Any) -> IcatQuery:
    return read_icat_query(orjson.dumps({"target": target, **members}).decode())


async def icat(known: Facility, asked: IcatQuery, caller: Caller | None = None, **wanted: Any) -> IcatFound:
    return await known.search.icat(caller or known.root, asked, **wanted)


async def found(known: Facility, target: str = "Dataset", caller: Caller | None = None, **members: Any) -> list[int]:
    return sorted(hit.id for hit in (await icat(known, query(target, **members), caller)).results)


async def dimensions(known: Facility, target: str, *facets: Mapping[str, Any], **members: Any) -> Dimensions:
    return await known.search.icat_facets(known.root, query(target, facets=list(facets), **members))


async def test_the_public_fields_of_an_investigation(known: Facility) -> None:
    (hit,) = (await icat(known, query("Investigation", text="door"))).results
    assert hit.id == hit.source["id"] == known.ids["rust"]
    assert hit.score is not None
    assert set(hit.source) == {
        *("id", "name", "visitId", "title", "summary", "doi", "startDate", "endDate", "date", "fileSize", "fileCount"),
        *("facility.id", "type.id", "facility.name", "type.name", "investigationinstrument", "sample"),
    }
    assert hit.source["startDate"] == hit.source["date"] == 1677628800000
    assert (hit.source["fileCount"], hit.source["fileSize"]) == (4, 6000)
    assert hit.source["sample"] == [
        {"sample.id": known.ids["rust_sample"], "sample.name": "rust plate", "sample.type.name": "oxide"}
    ]


async def test_the_public_fields_of_a_dataset(known: Facility) -> None:
    (hit,) = (await icat(known, query(text="name:rust_scan_0"))).results
    expected = {
        "name": "rust_scan_0",
        "investigation.id": known.ids["rust"],
        "investigation.title": "Rust on the door of a Ford",
        "investigation.startDate": 1677628800000,
        "visitId": "rust-1",
        "sample.id": known.ids["rust_sample"],
        "sample.name": "rust plate",
        "sample.investigation.id": known.ids["rust"],
        "sample.type.id": known.ids["oxide"],
        "sample.type.name": "oxide",
        "type.id": known.ids["raw"],
        "type.name": "raw",
    }
    assert {name: hit.source[name] for name in expected} == expected
    assert {"type.name": "temperature", "type.units": "K", "numericValue": 10.0} in hit.source["datasetparameter"]
    assert hit.source["investigationinstrument"][0]["instrument.name"] == "ID21"


async def test_the_public_fields_of_a_datafile(known: Facility) -> None:
    hits = (await icat(known, query("Datafile", text="dataset.name:rust_scan_0 AND name:scan*"))).results
    (hit,) = hits
    expected = {
        "name": "scan_0001.nxs",
        "location": "/data/rust/0/scan_0001.nxs",
        "date": 1677672000000,
        "fileSize": 1000,
        "fileCount": 1,
        "dataset.id": known.ids["rust0"],
        "dataset.name": "rust_scan_0",
        "datafileFormat.id": known.ids["nexus"],
        "datafileFormat.name": "NeXus",
        "sample.id": known.ids["rust_sample"],
        "sample.name": "rust plate",
        "investigation.id": known.ids["rust"],
        "investigation.name": hit.source["investigation.name"],
        "visitId": "rust-1",
    }
    assert {name: hit.source[name] for name in expected} == expected


async def test_a_field_is_public_where_each_relation_to_it_is(known: Facility) -> None:
    """Steps from Datafile to Dataset and on are public, types are readable by everybody, samples are not."""
    (hit,) = (await icat(known, query("Datafile", text="dataset.name:rust_scan_0 AND name:scan*"), known.ann)).results
    assert hit.source["dataset.name"] == "rust_scan_0"
    assert hit.source["visitId"] == "rust-1"
    assert "datafileFormat.name" not in hit.source
    assert "sample.name" not in hit.source
    assert hit.source["datafileFormat.id"] == known.ids["nexus"]


async def test_a_user_is_one_of_the_investigation_or_a_scientist_of_its_instrument(known: Facility) -> None:
    assert await found(known, "Investigation", user="db/bob") == [known.ids["bone"]]
    assert await found(known, "Dataset", user="db/bob") == [known.ids["bone0"], known.ids["bone1"]]
    assert len(await found(known, "Datafile", user="db/ann")) == 8
    assert await found(known, "Investigation", user="DB/BOB") == []
    assert await found(known, "Investigation", user="db/stranger") == []


async def test_restrict_adds_the_caller_unless_somebody_is_asked_for(known: Facility) -> None:
    everything = await icat(known, query("Investigation"), known.ann, restrict=True)
    assert {hit.id for hit in everything.results} == {known.ids["rust"], known.ids["glass"]}
    assert (await icat(known, query("Investigation"), restrict=True)).results == ()
    of_bob = await icat(known, query("Investigation", user="db/bob"), restrict=True)
    assert [hit.id for hit in of_bob.results] == [known.ids["bone"]]


async def test_full_names_text_samples_and_parameters(known: Facility) -> None:
    rust, glass, bone = (known.ids[name] for name in ("rust", "glass", "bone"))
    assert await found(known, "Investigation", userFullName="weiss") == [rust, glass]
    assert await found(known, "Investigation", text="sample.type.name:oxide") == [rust]
    assert await found(known, "Investigation", text="oxide plate") == [rust, glass, bone]
    assert await found(known, "Investigation", samples=["oxide", "rust"]) == [rust]
    assert await found(known, "Investigation", samples=["oxide", "bone"]) == []
    kelvin = {"name": "temp*", "units": "K", "lowerNumericValue": 5, "upperNumericValue": 10}
    assert await found(known, parameters=[kelvin]) == [known.ids[f"{name}0"] for name in ("rust", "glass", "bone")]
    assert await found(known, parameters=[{**kelvin, "units": "degC"}]) == []
    text = {"name": "scan?type", "units": "*", "stringValue": "ascan"}
    assert len(await found(known, parameters=[text, kelvin])) == 3


async def test_dates_contain_both_ends(known: Facility) -> None:
    async def between(lower: object, upper: object, target: str = "Investigation") -> int:
        return len(await found(known, target, lower=lower, upper=upper))

    assert await between("202401010000", "202412312359") == 2
    assert await between("202403010000", "202403050000") == 2
    assert await between("202403010001", "202403050000") == 0
    assert await between("202403010000", "202403042359") == 0
    assert await between("202303010000", None) == 3
    assert await between(None, 1677974400000) == 1
    assert await between("202303011200", "202303011200", "Datafile") == 4
    assert await between("0000001010000", "9000012312359") == 3


async def test_only_the_text_is_scored(known: Facility) -> None:
    plain = await icat(known, query("Investigation", text="rust door"))
    narrowed = await icat(known, query("Investigation", text="rust door", lower="202301010000", user="db/ann"))
    assert narrowed.results[0].score == pytest.approx(plain.results[0].score)
    assert [hit.score for hit in (await icat(known, query())).results] == [1.0] * 6


async def test_filters_are_exact(known: Facility) -> None:
    assert await found(known, filter={"type.name": "raw", "investigation.id": known.ids["rust"]}) == [
        known.ids["rust0"]
    ]
    assert len(await found(known, filter={"type.name": ["raw", "processed"]})) == 6
    assert await found(known, filter={"type.name": "ra"}) == []
    nested = {"dataset": [{"filter": [{"field": "name", "value": "rust_scan_0"}]}]}
    assert await found(known, filter=nested) == [known.ids["rust0"]]
    with pytest.raises(BadParameter, match="colour"):
        await found(known, filter={"colour": "green"})


async def test_at_least_so_many_and_never_more(known: Facility) -> None:
    one = await icat(known, query(), min_count=1, max_count=1)
    assert len(one.results) == 1
    assert one.search_after is not None
    many = await icat(known, query(), min_count=10, max_count=100)
    assert len(many.results) == 6
    assert many.search_after is None
    assert len((await icat(known, query(), min_count=5, max_count=5)).results) == 5


async def test_no_further_block_is_asked_for_when_there_is_the_minimum(
    known: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The four files of bob are the last of twelve, of which two are looked at at a time."""
    monkeypatch.setattr("beamcat.search.asking.LOOKED_AT", 0)
    monkeypatch.setattr("beamcat.search.asking.BLOCK", 2)
    wide = widely(known)
    files = query("Datafile")
    few = await icat(wide, files, wide.bob, sort=(("id", False),), min_count=1, max_count=4)
    assert len(few.results) == 2
    assert few.search_after is not None
    rest = await icat(wide, files, wide.bob, sort=(("id", False),), after=few.search_after, min_count=4, max_count=4)
    assert len(rest.results) == 2
    assert rest.search_after is None
    every = await icat(wide, files, wide.bob, sort=(("id", False),), min_count=4, max_count=4)
    assert [hit.id for hit in every.results] == [hit.id for hit in (*few.results, *rest.results)]


@pytest.mark.parametrize("sort", ((), (("name", True), ("date", False)), (("startDate", False),)))
async def test_search_after_goes_on_as_an_object_or_as_an_array(known: Facility, sort: Any) -> None:
    whole = [hit.id for hit in (await icat(known, query(text="plate"), sort=sort)).results]
    assert len(whole) == 6
    for form in (lambda after: after, lambda after: after["fields"]):
        told: list[int] = []
        after = None
        while True:
            page = await icat(known, query(text="plate"), sort=sort, after=after, min_count=2, max_count=2)
            told += [hit.id for hit in page.results]
            if page.search_after is None:
                break
            assert page.search_after["fields"][-1] == page.search_after["doc"] == told[-1]
            assert ("score" in page.search_after) == (not sort)
            after = form(orjson.loads(orjson.dumps(page.search_after)))
        assert told == whole


@pytest.mark.parametrize(
    "after", ("x", 5, [], [1], {}, {"fields": 3}, {"fields": [1, "a"]}, [{}, 1], [None, None], ["a", 4])
)
async def test_another_search_after_is_refused(known: Facility, after: Any) -> None:
    with pytest.raises(BadParameter, match="search_after"):
        await icat(known, query(text="plate"), after=after)


async def test_sorting_by_a_field_leaves_out_the_score(known: Facility) -> None:
    hits = (await icat(known, query("Investigation"), sort=(("visitId", False),))).results
    assert [hit.source["visitId"] for hit in hits] == ["bone-1", "glass-1", "rust-1"]
    assert all(hit.score is None for hit in hits)
    several = (("nothing of the kind", True), ("type.id", True), ("startDate", True), ("id", False), ("name", False))
    first = await icat(known, query("Investigation"), sort=several, min_count=2, max_count=2)
    assert len(first.search_after["fields"]) == 3
    rest = await icat(known, query("Investigation"), sort=several, after=first.search_after)
    told = [(hit.source["type.id"], hit.source["startDate"]) for hit in (*first.results, *rest.results)]
    assert told == sorted(told, reverse=True)
    assert len(set(told)) == 3
    with pytest.raises(BadParameter, match="search_after is not from an answer of this server"):
        await icat(known, query("Investigation"), sort=several, after=[1, 2])
    by_id = (await icat(known, query("Investigation"), sort=(("nothing of the kind", True),))).results
    assert [hit.id for hit in by_id] == sorted(hit.id for hit in by_id)


async def test_ids_and_scores_alone(known: Facility) -> None:
    hits = (await icat(known, query(text="rust"), source=False)).results
    assert all(hit.source == {} for hit in hits)
    scores = [hit.score or 0 for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0


async def test_more_than_the_most_entities_is_an_error(known: Facility) -> None:
    few = Search(settings(), known.site.database, known.site.rulebooks, known.search.engine)
    few._max_entities = 5
    with pytest.raises(ValidationFailed, match=r"^attempt to return more than 5 entities$"):
        await few.icat(known.root, query())
    assert len((await few.icat(known.root, query(), max_count=5)).results) == 5


async def test_facets_with_labels_and_ranges(known: Facility) -> None:
    ranges = [{"key": "low", "from": 0, "to": 15}, {"from": 15.5}]
    told = await dimensions(
        known,
        "Dataset",
        {
            "target": "DatasetParameter",
            "dimensions": [{"dimension": "type.name"}, {"dimension": "numericValue", "ranges": ranges}],
        },
        {"target": "Dataset", "dimensions": [{"dimension": "type.name"}]},
        {
            "target": "Dataset",
            "dimensions": [{"dimension": "startDate", "ranges": [{"key": "2023", "to": 1700000000000}]}],
        },
        {"target": "DatasetTechnique", "dimensions": [{"dimension": "technique.name"}]},
        {"target": "InvestigationInstrument", "dimensions": [{"dimension": "instrument.name"}]},
        {"target": "Sample", "dimensions": [{"dimension": "type.name"}]},
    )
    assert told == {
        "DatasetParameter.type.name": {"scan_type": 6, "temperature": 6},
        "DatasetParameter.numericValue": {
            "low": {"from": 0, "to": 15, "count": 3},
            "15.5-*": {"from": 15.5, "count": 3},
        },
        "Dataset.type.name": {"processed": 3, "raw": 3},
        "Dataset.startDate": {"2023": {"to": 1700000000000, "count": 2}},
        "DatasetTechnique.technique.name": {"x-ray absorption spectroscopy": 6},
        "InvestigationInstrument.instrument.name": {"ID21": 4, "SANS2D": 2},
        "Sample.type.name": {"oxide": 2},
    }


async def test_facets_are_those_of_the_hits(known: Facility) -> None:
    asked = {"target": "Dataset", "dimensions": [{"dimension": "type.name"}]}
    assert await dimensions(known, "Dataset", asked, filter={"dataset.id": [known.ids["rust0"]]}) == {
        "Dataset.type.name": {"raw": 1}
    }
    assert await dimensions(known, "Dataset", asked, text="nowhere") == {}
    found_too = await icat(known, query(text='name:"rust scan 1"', facets=[asked]))
    assert found_too.dimensions == {"Dataset.type.name": {"processed": 1}}


async def test_facets_beyond_closed_relations_are_dropped_without_a_word(known: Facility) -> None:
    every = [
        {"target": "Dataset", "dimensions": [{"dimension": "type.name"}]},
        {"target": "DatasetParameter", "dimensions": [{"dimension": "type.name"}]},
        {"target": "DatasetTechnique", "dimensions": [{"dimension": "technique.name"}]},
        {"target": "Sample", "dimensions": [{"dimension": "type.name"}]},
        {"target": "Nonsense", "dimensions": [{"dimension": "type.name"}]},
        {"target": "Dataset", "dimensions": [{"dimension": "colour"}]},
    ]
    told = await known.search.icat_facets(known.ann, query(facets=every))
    assert set(told) == {"Dataset.type.name", "DatasetParameter.type.name"}


async def test_what_takes_too_long_is_cancelled_in_these_words(
    known: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried = Search(settings(icat_timeout_s=0.001), known.site.database, known.site.rulebooks, known.search.engine)
    with pytest.raises(TimedOut, match=r"^Search cancelled for exceeding 0\.001 seconds$"):
        await hurried.icat(known.root, query())
    with pytest.raises(TimedOut, match=r"^Search cancelled for exceeding 0\.001 seconds$"):
        await hurried.icat_facets(known.root, query(facets=[{"target": "Dataset"}]))


@pytest.fixture
async def no_index(known: Facility, tmp_path: Path) -> AsyncIterator[Search]:
    chosen = settings()
    types = {entity: documents.type for entity, documents in DOCUMENTS.items()}
    engine = EmbeddedSearch(types, tmp_path, chosen.search.embedded, 60)
    yield Search(chosen, known.site.database, known.site.rulebooks, engine)
    await engine.close()


async def test_without_an_index_icat_finds_nothing_and_a_box_says_why(known: Facility, no_index: Search) -> None:
    assert await no_index.icat(known.root, query(facets=[{"target": "Dataset"}])) == IcatFound()
    assert await no_index.icat_facets(known.root, query(facets=[{"target": "Dataset"}])) == {}
    with pytest.raises(Unavailable, match="no index"):
        await no_index.find(known.root, Wanted("rust"))


async def test_an_engine_that_fails_is_no_empty_answer(known: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(question: Question) -> Answer:
        raise Unavailable("the cluster is away")

    monkeypatch.setattr(known.search.engine, "ask", away)
    with pytest.raises(Unavailable, match="cluster is away"):
        await icat(known, query())


async def test_what_is_not_indexed_is_not_found(known: Facility) -> None:
    chosen = settings(entities=("Investigation", "Dataset"))
    search = Search(chosen, known.site.database, known.site.rulebooks, known.search.engine)
    assert await search.icat(known.root, query("Datafile")) == IcatFound()
    with pytest.raises(BadParameter, match="Datafile is not searched; there are Investigation, Dataset"):
        await search.find(known.root, Wanted("x", ("Datafile",)))


@pytest.mark.parametrize("text", ('"open', "(a", "a AND", "[1 TO", "name:", "x OR OR", "[a TO b}}"))
async def test_a_text_that_cannot_be_read_is_a_bad_parameter(known: Facility, text: str) -> None:
    with pytest.raises(BadParameter):
        await icat(known, query(text=text))
