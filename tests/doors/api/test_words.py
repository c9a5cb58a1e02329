"""Filters and facets as they stand in a URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.doors.search_words import facet_in, filter_text, filters_in, range_text
from beamcat.errors import BadParameter
from beamcat.search.wanted import FacetAsked, Filter

NAMES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name == name.strip()
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("instrument:ML07", Filter("instrument", ("ML07",))),
        ("instrument:#12", Filter("instrument", (12,))),
        ("-type:calibration", Filter("type", ("calibration",), without=True)),
        ("date:2024-03", Filter("date", ("2024-03",))),
        ("date:2024..2025-06", Filter("date", low="2024", high="2025-06")),
        ("temperature:10..20 K", Filter("temperature", low=10, high=20, unit="K")),
        ("temperature:..-3.5e2", Filter("temperature", high=-350)),
        ("temperature:10..<20", Filter("temperature", low=10, high=20, includes_high=False)),
        ("fileSize:1e9..", Filter("fileSize", low=1e9)),
        ("sample temperature:5.. K", Filter("sample temperature", low=5, unit="K")),
        ('"a:b":c:d', Filter("a:b", ("c:d",))),
        ('title:"1..2"', Filter("title", ("1..2",))),
        ('title:"#12"', Filter("title", ("#12",))),
        ('title:"say \\"so\\""', Filter("title", ('say "so"',))),
        ("name:..", Filter("name", ("..",))),
        ("name:../x", Filter("name", high="/x")),
        ("visitId:MX-2124-1", Filter("visitId", ("MX-2124-1",))),
    ],
)
def test_a_filter_is_understood(text: str, meant: Filter) -> None:
    assert filters_in([text]) == (meant,)


def test_several_values_of_a_field_are_any_of_them() -> None:
    texts = ["instrument:ML07", "instrument:#3", "-instrument:ML11", "date:2024..", "instrument:ML07"]
    assert filters_in(texts) == (
        Filter("instrument", ("ML07", 3)),
        Filter("instrument", ("ML11",), without=True),
        Filter("date", low="2024"),
    )


@pytest.mark.parametrize("text", ["instrument", ":x", "instrument:", '"a:b', "-:x", ""])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="filter"):
        filters_in([text])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("instrument", FacetAsked("instrument", 5)),
        ("date:year", FacetAsked("date", 5, interval="year")),
        ("temperature:10 K", FacetAsked("temperature", 5, width=10, unit="K")),
        ("fileSize:1e9", FacetAsked("fileSize", 5, width=1e9)),
        ('"a:b":2', FacetAsked("a:b", 5, width=2)),
    ],
)
def test_a_facet_is_understood(text: str, meant: FacetAsked) -> None:
    assert facet_in(text, 5) == meant


@pytest.mark.parametrize("text", ["date:decade", "temperature:K", "temperature:1.2.3", "", '"x'])
def test_what_is_no_facet_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="facet"):
        facet_in(text, 5)


@given(NAMES, st.one_of(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1), st.integers(0, 2**53)))
def test_a_value_that_a_facet_told_goes_back_as_it_is(name: str, value: str | int) -> None:
    assert filters_in([filter_text(name, value)]) == (Filter(name, (value,)),)


@given(NAMES, st.floats(-1e12, 1e12), st.floats(-1e12, 1e12), st.sampled_from([None, "K", "m / s"]))
def test_a_range_that_a_facet_told_goes_back_as_it_is(name: str, low: float, high: float, unit: str | None) -> None:
    (back,) = filters_in([range_text(name, low, high, unit)])
    assert (back.field, back.includes_low, back.includes_high, back.unit) == (name, True, False, unit)
    assert float(str(back.low)) == pytest.approx(low, rel=1e-14)
    assert float(str(back.high)) == pytest.approx(high, rel=1e-14)
