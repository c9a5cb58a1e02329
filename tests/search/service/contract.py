"""What search answers on every engine. Subclasses stand where a `known` facility is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import orjson
import pytest

from beamcat.errors import BadParameter, NoSuchObject
from beamcat.search.icat_query import read_icat_query
from beamcat.search.wanted import FacetAsked, Filter, Found, RangeAsked, SortAsked, Wanted
from tests.search.service.facility import Facility

INVESTIGATIONS = ("Investigation",)
DATASETS = ("Dataset",)


def names(found: Found) -> list[str]:
    """The visits of investigations, and the names of all else."""
    return [
        str(hit.source.get("visitId") if hit.entity == "Investigation" else hit.source["name"]) for hit in found.hits
    ]


def facet(found: Found, at: int = 0) -> Mapping[str, int]:
    """Label -> count of a facet."""
    return {value.label: value.count for value in found.facets[at].values}


class SearchContract:
    """A class of its own for each engine."""

    async def find(self, known: Facility, text: str = "", *entities: str, **wanted: object) -> Found:
        return await known.search.find(known.root, Wanted(text, entities or INVESTIGATIONS, **wanted))  # type: ignore[arg-type]

    async def test_all_words_have_to_be_there(self, known: Facility) -> None:
        found = await self.find(known, "rust door")
        assert names(found) == ["rust-1"]
        assert (found.counted.number, found.counted.more, found.some_words) == (1, False, False)
        assert found.hits[0].score is not None

    async def test_when_nothing_has_all_words_some_are_enough(self, known: Facility) -> None:
        found = await self.find(known, "glass bone")
        assert sorted(names(found)) == ["bone-1", "glass-1"]
        assert found.some_words
        assert not (await self.find(known, "absent missing")).some_words

    async def test_names_in_small_tables_and_accents(self, known: Facility) -> None:
        assert names(await self.find(known, "sans2d")) == ["bone-1"]
        assert names(await self.find(known, "muller")) == ["glass-1"]
        assert names(await self.find(known, "type:calibration")) == ["glass-1"]
        assert len((await self.find(known, "technique:absorption", "Dataset")).hits) == 6
        assert names(await self.find(known, "0000-0001-5109-3700")) == ["bone-1"]
        assert sorted(names(await self.find(known, "user:weiss"))) == ["glass-1", "rust-1"]

    async def test_everything_is_searched_at_once(self, known: Facility) -> None:
        everything = Wanted("rust", limit=50)
        found = await known.search.find(known.root, everything)
        entities = {hit.entity for hit in found.hits}
        assert entities == {"Investigation", "Dataset", "Datafile", "Sample"}
        assert found.counted.number == len(found.hits) == sum(each.number for each in found.by_entity.values())
        assert set(found.by_entity) == set(known.search.parts.settings.entities)
        scores = [hit.score or 0 for hit in found.hits]
        assert scores == sorted(scores, reverse=True)

    async def test_files_by_what_they_belong_to(self, known: Facility) -> None:
        found = await self.find(known, "title:glass scan*", "Datafile")
        assert {hit.source["location"] for hit in found.hits} == {
            "/data/glass/0/scan_0001.nxs",
            "/data/glass/1/scan_0001.nxs",
        }
        found = await self.find(known, "*ark_fie*", "Datafile")
        assert {hit.source["name"] for hit in found.hits} == {"dark_field.tif"}

    async def test_filters_by_id_name_date_and_number(self, known: Facility) -> None:
        async def filtered(*filters: Filter, entity: str = "Investigation") -> list[str]:
            return sorted(names(await self.find(known, "", entity, filters=filters, limit=50)))

        assert await filtered(Filter("instrument", (known.ids["id21"],))) == ["glass-1", "rust-1"]
        assert await filtered(Filter("instrument", ("id21", "SANS2D"))) == ["bone-1", "glass-1", "rust-1"]
        assert await filtered(Filter("instrument", ("ID21",), without=True)) == ["bone-1"]
        assert await filtered(Filter("date", low="2024")) == ["bone-1", "glass-1"]
        assert await filtered(Filter("date", ("2023-03",))) == ["rust-1"]
        assert await filtered(Filter("date", low="2024"), Filter("instrument", ("ID21",))) == ["glass-1"]
        assert await filtered(Filter("title", ("glass",)), entity="Dataset") == ["glass_scan_0", "glass_scan_1"]
        assert await filtered(Filter("complete", (1,)), entity="Dataset") == [
            "bone_scan_0",
            "glass_scan_0",
            "rust_scan_0",
        ]
        # 10 K, and 20 degC
        warm = Filter("temperature", low=100, unit="K")
        assert await filtered(warm, entity="Dataset") == ["bone_scan_1", "glass_scan_1", "rust_scan_1"]
        assert await filtered(Filter("scan_type", ("ascan",)), entity="Dataset") == await filtered(entity="Dataset")
        assert await filtered(Filter("keyword", ("RUSTY",))) == ["rust-1"]
        assert await filtered(Filter("size", low="5 kB")) == ["bone-1", "glass-1", "rust-1"]
        assert await filtered(Filter("size", low="5 GB")) == []

    async def test_a_facet_is_counted_without_the_filter_on_its_own_field(self, known: Facility) -> None:
        found = await self.find(
            known,
            filters=(Filter("instrument", ("SANS2D",)),),
            facets=(FacetAsked("instrument"), FacetAsked("type"), FacetAsked("date")),
        )
        assert names(found) == ["bone-1"]
        assert facet(found) == {"ID21": 2, "SANS2D": 1}
        assert [value.label for value in found.facets[0].values if value.chosen] == ["SANS2D"]
        assert facet(found, 1) == {"experiment": 1}
        assert facet(found, 2) == {"2024": 1}

    async def test_a_facet_goes_back_as_a_filter(self, known: Facility) -> None:
        facets = (
            FacetAsked("instrument"),
            FacetAsked("date", interval="month"),
            FacetAsked("size", ranges=(RangeAsked(high="1 kB"), RangeAsked(low="1 kB"))),
            FacetAsked("type"),
            FacetAsked("keyword"),
        )
        found = await self.find(known, facets=facets)
        assert len(found.facets) == len(facets)
        for asked, told in zip(facets, found.facets, strict=True):
            for value in told.values:
                back = Filter(asked.field, (value.value,)) if value.low is None and value.high is None else None  # type: ignore[arg-type]
                back = back or Filter(asked.field, low=value.low, high=value.high, includes_high=False)
                assert len((await self.find(known, filters=(back,))).hits) == value.count, (asked, value)

    async def test_values_of_parameters_are_counted(self, known: Facility) -> None:
        ranges = (RangeAsked(high=100, label="cold"), RangeAsked(low=100, label="warm"))
        found = await self.find(
            known,
            "",
            "Dataset",
            facets=(
                FacetAsked("temperature", ranges=ranges, unit="K"),
                FacetAsked("temperature", width=4, unit="degC"),
                FacetAsked("parameter"),
            ),
        )
        assert facet(found) == {"cold": 3, "warm": 3}
        assert found.facets[0].unit == "K"
        assert [(value.low, value.high, value.count) for value in found.facets[1].values] == [(20, 24, 3)]
        assert facet(found, 2) == {"scan_type": 6, "temperature (K)": 3, "temperature (degC)": 3}

    async def test_hits_in_the_order_of_a_field(self, known: Facility) -> None:
        async def ordered(sort: SortAsked, *entities: str) -> list[str]:
            found = await self.find(known, "", *entities, sort=sort, limit=50)
            assert all(hit.score is None for hit in found.hits)
            return names(found)

        assert await ordered(SortAsked("visitId")) == ["bone-1", "glass-1", "rust-1"]
        assert await ordered(SortAsked("visitId", descending=True)) == ["rust-1", "glass-1", "bone-1"]
        assert (await ordered(SortAsked("startDate")))[0] == "rust-1"
        both = await ordered(SortAsked("name"), "Dataset", "Sample")
        assert both == sorted(both)
        assert len(both) == 9
        assert await ordered(SortAsked("title"), "Investigation") == ["glass-1", "bone-1", "rust-1"]
        with pytest.raises(BadParameter, match="hits of Dataset cannot be sorted by title"):
            await ordered(SortAsked("title"), "Dataset")

    async def test_hits_in_the_order_of_several_fields(self, known: Facility) -> None:
        by_type = SortAsked("type.id", True, SortAsked("startDate", True))
        found = await self.find(known, "", "Dataset", sort=by_type, limit=50)
        told = [(hit.source["type.id"], hit.source["startDate"]) for hit in found.hits]
        assert told == sorted(told, reverse=True)
        assert len({kind for kind, _ in told}) == 2
        assert len(told) == 6
        # of several kinds of objects, mixed
        by_size = SortAsked("size", then=SortAsked("name"))
        mixed = await self.find(known, "", "Dataset", "Datafile", sort=by_size, limit=50)
        told = [(hit.source["fileSize"], hit.source["name"]) for hit in mixed.hits]
        assert told == sorted(told)
        assert len(mixed.hits) == 18

    @pytest.mark.parametrize(
        "wanted",
        (
            Wanted("scan OR plate OR rust", limit=3),
            Wanted("", limit=4),
            Wanted("", ("Dataset", "Datafile", "Sample"), sort=SortAsked("name", descending=True), limit=3),
            Wanted("", ("Datafile",), sort=SortAsked("date"), limit=5),
            Wanted("", ("Datafile", "Dataset"), sort=SortAsked("size", True, SortAsked("name")), limit=4),
            Wanted("nowhere scan", ("Datafile",), limit=5),
        ),
        ids=str,
    )
    async def test_pages_tell_every_hit_once_in_the_same_order(self, known: Facility, wanted: Wanted) -> None:
        whole = await known.search.find(known.root, dataclasses.replace(wanted, limit=100))
        told: list[tuple[str, int]] = []
        pages = 0
        while True:
            found = await known.search.find(known.root, wanted)
            assert len(found.hits) <= wanted.limit
            assert found.counted == whole.counted
            told += [(hit.entity, hit.id) for hit in found.hits]
            pages += 1
            if found.next is None:
                break
            wanted = dataclasses.replace(wanted, after=found.next)
        assert told == [(hit.entity, hit.id) for hit in whole.hits]
        assert pages == -(-len(told) // wanted.limit)

    async def test_a_cursor_is_for_one_search(self, known: Facility) -> None:
        wanted = Wanted("", ("Dataset",), limit=2)
        cursor = (await known.search.find(known.root, wanted)).next
        for other in (Wanted("rust", ("Dataset",), after=cursor), Wanted("", ("Datafile",), after=cursor)):
            with pytest.raises(BadParameter, match="ask for its first page again"):
                await known.search.find(known.root, other)
        larger = await known.search.find(known.root, dataclasses.replace(wanted, after=cursor, limit=100))
        assert len(larger.hits) == 4

    async def test_only_the_fields_that_are_wanted(self, known: Facility) -> None:
        found = await self.find(known, "rust door", source=("title", "id"))
        assert found.hits[0].source == {"title": "Rust on the door of a Ford", "id": known.ids["rust"]}
        with pytest.raises(BadParameter, match="no field colour"):
            await self.find(known, "rust", source=("colour",))

    async def test_where_the_words_stand(self, known: Facility) -> None:
        (hit,) = (await self.find(known, "rust door oxidation", highlight=True)).hits
        told = {one.field: one for one in hit.highlights}
        assert [piece.text for piece in told["title"].passages[0] if piece.match] == ["Rust", "door"]
        summary = told["summary"]
        first, last = (
            "".join(piece.text for piece in passage) for passage in (summary.passages[0], summary.passages[-1])
        )
        assert first.startswith("The summary of rust: words")
        assert summary.cut_after[0]
        assert "oxidation of rust." in last
        assert all(len("".join(piece.text for piece in passage)) <= 200 for passage in summary.passages)

    async def test_what_became_of_each_piece(self, known: Facility) -> None:
        found = await self.find(known, "type:calibration temperature:* colour:green")
        told = {note.piece: (note.handling.value, note.what) for note in found.notes}
        assert told["type:calibration"] == ("looked up", "InvestigationType: calibration")
        assert told["temperature:*"] == ("parameter", "temperature (K, degC)")
        assert told["colour:green"][0] == "ignored"

    async def test_the_most_similar(self, known: Facility) -> None:
        hits = await known.search.similar(known.root, "Investigation", known.ids["rust"])
        assert {hit.source["visitId"] for hit in hits} == {"bone-1", "glass-1"}
        with pytest.raises(NoSuchObject):
            await known.search.similar(known.root, "Investigation", 999_999)
        with pytest.raises(NoSuchObject):
            await known.search.similar(known.ann, "Investigation", known.ids["bone"])

    async def test_icat_asks_in_its_own_words(self, known: Facility) -> None:
        query = {"target": "Dataset", "text": "rust", "facets": [{"target": "Dataset"}]}
        found = await known.search.icat(known.root, read_icat_query(orjson.dumps(query).decode()))
        assert {str(hit.source["name"]) for hit in found.results} == {
            "rust_scan_0",
            "rust_scan_1",
            "bone_scan_0",
            "bone_scan_1",
        }
        assert found.dimensions == {"Dataset.type.name": {"raw": 2, "processed": 2}}

    async def test_suggestions(self, known: Facility) -> None:
        async def told(prefix: str, entity: str | None = None) -> list[str]:
            return [one.text for one in await known.search.suggest(known.root, entity, prefix)]

        assert (await told("id"))[:1] == ["instrument:ID21"]
        assert "rust" in await told("what was rus")
        assert "oxidation" in await told("oxi", "Investigation")
        assert await told("instrument:sa") == ["instrument:SANS2D"]
        assert 'technique:"x-ray absorption spectroscopy"' in await told("absor")
        assert "temperature" in await told("temp")
        assert "title:" in await told("titl")
        assert 'user:"Bob Example"' in await told("exam")
        assert await told("") == await told("   ") == await told('"') == []
