"""What stands beside a search box: one's own data, what is called exactly so, what was meant, how values are spread."""

from __future__ import annotations

from beamcat.search.named import named
from beamcat.search.spelling import corrected
from beamcat.search.spreads import spread
from beamcat.search.suggesting import completed
from beamcat.search.wanted import FoundHit, Wanted
from tests.search.service.facility import Facility, reindexed, widely


def ids(hits: list[FoundHit] | tuple[FoundHit, ...]) -> list[tuple[str, int]]:
    return [(hit.entity, hit.id) for hit in hits]


async def test_ones_own_data_are_those_of_ones_investigations(known: Facility) -> None:
    wanted = Wanted(entities=("Investigation",), mine=True)
    every = await known.search.find(known.root, Wanted(entities=("Investigation",)))
    assert every.counted.number == 3
    assert (await known.search.find(known.root, wanted)).counted.number == 0
    own = await known.search.find(known.ann, wanted)
    assert {hit.id for hit in own.hits} == {known.ids["rust"], known.ids["glass"]}
    datasets = await known.search.find(known.ann, Wanted(entities=("Dataset", "Instrument"), mine=True))
    assert {name: found.number for name, found in datasets.by_entity.items()} == {"Dataset": 4, "Instrument": 0}


async def test_names_and_identifiers_lead_to_what_has_them_for_who_may_read_it(known: Facility) -> None:
    rust = ("Investigation", known.ids["rust"])
    for text in ("rust-1", "RUST-1", " 10.5072/rust ", "doi:10.5072/rust", "https://doi.org/10.5072/rust"):
        for facility in (known, widely(known)):
            assert ids(await named(facility.search, known.ann, text)) == [rust], text
            assert await named(facility.search, known.bob, text) == []
    assert ids(await named(known.search, known.ann, "rust_scan_1")) == [("Dataset", known.ids["rust1"])]
    for text in ("", "rust", "x" * 1000, "a\nb"):
        assert await named(known.search, known.ann, text) == []


async def test_what_was_meant_is_written_nearly_so_in_what_the_caller_may_read(known: Facility) -> None:
    for facility in (known, widely(known)):
        found = await corrected(facility.search, known.ann, Wanted("ancent glass"))
        assert found is not None
        assert (found.text, found.replaced) == ("ancient glass", (("ancent", "ancient"),))
        assert await corrected(facility.search, known.bob, Wanted("ancent glass")) is None
    technique = await corrected(known.search, known.root, Wanted("spectroscpy"))
    assert technique is not None
    assert technique.text == "spectroscopy"
    for text in ("", "ancient glass", "title:ancent", "zzzzzzzz"):
        assert await corrected(known.search, known.ann, Wanted(text)) is None


async def test_values_are_spread_over_columns_that_fit_them(known: Facility) -> None:
    wanted = Wanted(entities=("Dataset",))
    found = await spread(known.search, known.root, wanted, "temperature")
    assert found is not None
    assert found.unit == "K"
    assert sum(column.count for column in found.columns) == 3
    assert found.low <= 10 < found.high
    assert found.high - found.low <= 2
    assert await spread(known.search, known.stranger, wanted, "temperature") is None
    assert await spread(known.search, known.root, wanted, "scan_type") is None


async def test_more_like_this_survives_a_change_of_what_all_have_in_common(own: Facility) -> None:
    await reindexed(own, "Investigation", [own.ids["rust"], own.ids["bone"]])
    found = await own.search.similar(own.root, "Investigation", own.ids["rust"])
    assert ("Investigation", own.ids["rust"]) not in ids(found)


def test_a_suggestion_takes_the_place_of_the_last_word() -> None:
    for text, suggestion, expected in (
        ("tomo", "tomography", "tomography"),
        ("iron tomo", "tomography", "iron tomography"),
        ("iron -tomo", "tomography", "iron -tomography"),
        ("instrument:ML", "instrument:ML07", "instrument:ML07"),
    ):
        assert completed(text, suggestion) == expected
