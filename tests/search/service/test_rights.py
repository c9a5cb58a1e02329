"""Nobody learns anything of what they may not see: not from hits, counts, facets, suggestions or highlights."""

from __future__ import annotations

import dataclasses

import orjson
import pytest

from beamcat.access.caller import Caller
from beamcat.errors import Forbidden
from beamcat.search.icat_query import read_icat_query
from beamcat.search.wanted import FacetAsked, Filter, Found, HowMany, Wanted
from tests.search.service.contract import facet, names
from tests.search.service.facility import Facility, reindexed, widely

FACETS = tuple(FacetAsked(name) for name in ("instrument", "type", "date", "keyword", "sample.type"))


@pytest.fixture(params=("exact", "wide"))
def either(request: pytest.FixtureRequest, known: Facility) -> Facility:
    return known if request.param == "exact" else widely(known)


async def find(known: Facility, caller: Caller, text: str, *entities: str, **wanted: object) -> Found:
    return await known.search.find(caller, Wanted(text, entities, **wanted))  # type: ignore[arg-type]


async def test_a_stranger_is_told_nothing_at_all(either: Facility) -> None:
    for text in ("", "rust", "glass OR bone", "instrument:ID21", "temperature > 1 K", "sans2d"):
        found = await find(either, either.stranger, text, "Investigation", facets=FACETS, highlight=True)
        assert found.hits == ()
        assert found.counted == HowMany(0)
        assert all(value.count == 0 for each in found.facets for value in each.values)
        assert not [note for note in found.notes if "ID21" in note.what or "SANS2D" in note.what]
        assert found.next is None
    everywhere = await find(either, either.stranger, "rust")
    assert everywhere.hits == ()
    assert everywhere.counted == HowMany(0)


async def test_each_team_finds_what_is_its_own(either: Facility) -> None:
    ann = await find(either, either.ann, "rust", "Investigation", facets=FACETS)
    bob = await find(either, either.bob, "rust", "Investigation", facets=FACETS)
    root = await find(either, either.root, "rust", "Investigation", facets=FACETS)
    assert (names(ann), names(bob), len(root.hits)) == (["rust-1"], ["bone-1"], 2)
    assert (ann.counted, bob.counted, root.counted) == (HowMany(1), HowMany(1), HowMany(2))
    assert (facet(ann), facet(bob)) == ({"ID21": 1}, {"SANS2D": 1})
    assert facet(ann, 2) == {"2023": 1}
    assert facet(ann, 3) == {"rusty": 1}


async def test_everything_of_a_team_page_by_page(either: Facility) -> None:
    wanted = Wanted("", ("Datafile", "Dataset"), limit=3)
    told: list[int] = []
    while True:
        found = await either.search.find(either.bob, wanted)
        told += [hit.id for hit in found.hits]
        assert found.counted == HowMany(6)
        if found.next is None:
            break
        wanted = dataclasses.replace(wanted, after=found.next)
    assert len(told) == 6


async def test_names_that_may_not_be_read_are_no_labels(either: Facility) -> None:
    """Sample types are for nobody, instruments for those who were there."""
    of_ann = await find(either, either.ann, "", "Investigation", facets=FACETS)
    of_root = await find(either, either.root, "", "Investigation", facets=FACETS)
    assert facet(of_ann, 4) == {}
    assert facet(of_root, 4) == {"oxide": 1}
    assert facet(of_ann) == {"ID21": 2}


async def test_fields_beyond_closed_relations_are_not_shown(known: Facility) -> None:
    (hit,) = (await find(known, known.ann, "door", "Investigation", highlight=True)).hits
    assert hit.source["facility.name"] == "LILS"
    assert "investigationinstrument" not in hit.source
    assert "sample" not in hit.source
    assert "sample.id" not in hit.source
    (hit,) = (await find(known, known.root, "door", "Investigation")).hits
    assert hit.source["investigationinstrument"] == [
        {"instrument.id": known.ids["id21"], "instrument.name": "ID21", "instrument.fullName": "X-ray microscopy"}
    ]
    assert hit.source["sample"][0]["sample.name"] == "rust plate"


async def test_highlights_are_of_fields_that_the_caller_may_see(known: Facility) -> None:
    async def fields(caller: Caller, text: str) -> set[str]:
        (hit,) = (await find(known, caller, text, "Investigation", highlight=True)).hits
        return {one.field for one in hit.highlights}

    assert await fields(known.root, "door plate weiss rusty") == {
        "title",
        "sample.name",
        "user.fullName",
        "keyword.name",
    }
    assert await fields(known.ann, "door plate weiss rusty") == {"title"}


async def test_words_are_suggested_from_what_the_caller_may_see(either: Facility) -> None:
    async def told(caller: Caller, prefix: str) -> list[str]:
        return [one.text for one in await either.search.suggest(caller, None, prefix)]

    assert "oxidation" in await told(either.ann, "oxid")
    assert "ancient" in await told(either.ann, "anc")
    assert await told(either.bob, "anc") == []
    assert await told(either.stranger, "oxid") == []
    assert (await told(either.ann, "id2"))[0] == "instrument:ID21"
    assert await told(either.bob, "id2") == []
    assert await told(either.bob, "instrument:") == await told(either.bob, "instrument:id") == []
    assert 'user:"Ann Weiß"' in await told(either.ann, "Ann")
    assert await told(either.bob, "Weiß") == []
    assert await told(either.stranger, "HC") == []
    assert (await told(either.ann, "HC-1")) != []
    assert await told(either.stranger, "glass pla") == []


async def test_similar_ones_are_those_of_the_caller(either: Facility) -> None:
    hits = await either.search.similar(either.ann, "Investigation", either.ids["rust"])
    assert [hit.source["visitId"] for hit in hits] == ["glass-1"]


async def test_icat_tells_only_what_may_be_read(either: Facility) -> None:
    query = read_icat_query(orjson.dumps({"target": "Dataset", "facets": [{"target": "Dataset"}]}).decode())
    for caller, hits in ((either.stranger, 0), (either.bob, 2), (either.ann, 4), (either.root, 6)):
        found = await either.search.icat(caller, query)
        assert len(found.results) == hits
        assert found.dimensions == ({"Dataset.type.name": {"raw": hits // 2, "processed": hits // 2}} if hits else {})
        assert found.search_after is None


async def test_a_token_that_may_not_read_may_not_search(known: Facility) -> None:
    writer = dataclasses.replace(known.root, scopes=frozenset())
    for call in (
        known.search.find(writer, Wanted()),
        known.search.suggest(writer, None, "a"),
        known.search.similar(writer, "Dataset", 1),
        known.search.icat(writer, read_icat_query('{"target":"Dataset"}')),
        known.search.icat_facets(writer, read_icat_query('{"target":"Dataset"}')),
    ):
        with pytest.raises(Forbidden):
            await call


async def test_what_was_deleted_or_changed_a_moment_ago(own: Facility) -> None:
    """The index is behind: what is no longer there drops out, pages are full all the same, words are as they are."""
    await own.site.change("Dataset", own.ids["rust1"], description="Now with words")
    await own.site.delete(("Dataset", own.ids["rust0"]))
    wanted = Wanted("", ("Dataset",), limit=2)
    first = await own.search.find(own.root, wanted)
    assert names(first) == ["rust_scan_1", "glass_scan_0"]
    assert first.hits[0].source["description"] == "Now with words"
    # between two pages, one is deleted, one is made, and one moves to another place of the index
    await own.site.delete(("Dataset", own.ids["glass1"]))
    await reindexed(own, "Dataset", [own.ids["glass1"], own.ids["bone0"]])
    second = await own.search.find(own.root, dataclasses.replace(wanted, after=first.next))
    assert names(second) == ["bone_scan_0", "bone_scan_1"]
    assert second.next is None


async def test_rights_that_are_taken_away_hold_at_once(own: Facility) -> None:
    assert names(await find(own, own.bob, "", "Investigation")) == ["bone-1"]
    await own.site.rows("DELETE FROM investigation_user WHERE investigation_id = %s RETURNING id", own.ids["bone"])
    assert (await find(own, own.bob, "bone", "Investigation", limit=5)).hits == ()


async def test_a_renamed_instrument_is_called_anew_within_a_second(own: Facility) -> None:
    own.search.parts.tables._ticks = lambda: 0.0
    assert facet(await find(own, own.root, "ID21", "Investigation", facets=FACETS[:1])) == {"ID21": 2}
    await own.site.change("Instrument", own.ids["id21"], name="BM05")
    own.search.parts.tables._ticks = lambda: 1.0
    found = await find(own, own.root, "BM05", "Investigation", facets=FACETS[:1])
    assert facet(found) == {"BM05": 2}
    assert len((await find(own, own.root, "", "Investigation", filters=(Filter("instrument", ("ID21",)),))).hits) == 0
