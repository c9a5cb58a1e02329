"""ICAT's own question: its errors, and what it means for our documents (ICAT API specification B.8)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamcat.errors import BadParameter
from beamcat.search.icat_query import IcatDimension, IcatFacet, IcatQuery, IcatRange, read_icat_query
from beamcat.search.language.icat import counted, icat_match
from beamcat.search.language.meaning import Table
from beamcat.search.question import (
    AllOf,
    AnyOf,
    Between,
    Contains,
    Everything,
    Nothing,
    OneOf,
    Predicate,
    Same,
    Unranked,
    Word,
)
from tests.search.language.facility import MemoryDocuments, MemoryLookups, language


def query(**members: Any) -> str:
    return json.dumps({"target": "Dataset", **members})


async def matched(others: MemoryDocuments | None = None, /, **members: Any) -> Predicate:
    understood = await icat_match(
        read_icat_query(query(**members)), language(), MemoryLookups(), others or MemoryDocuments()
    )
    return understood.predicate


PARAMETER = {"name": "temperature", "units": "K"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "query is not set"),
        ("", "query is not set"),
        ("[]", "query is not a JSON object"),
        ("{}", "target:null is not expected"),
        ('{"target": "Sample"}', "target:Sample is not expected"),
        ('{"target": "dataset"}', "target:dataset is not expected"),
        (query(parameters=[{"units": "K"}]), "name not set in one of parameters"),
        (query(parameters=[{"name": "temperature"}]), "units not set in parameter 'temperature'"),
        (query(parameters=[PARAMETER]), "value not set in parameter 'temperature'"),
        (query(parameters=[{**PARAMETER, "lowerNumericValue": 1}]), "value not set in parameter 'temperature'"),
        (query(lower="2024"), "Could not parse date 2024 using expected format yyyyMMddHHmm"),
        (query(lower="202413010000"), "Could not parse date 202413010000 using expected format yyyyMMddHHmm"),
        (query(lower=True), "Dates should be represented by a NUMBER or STRING JsonValue, but lower is true or false"),
        (query(facets=[{"target": "Dataset", "dimensions": [{}]}]), "'dimension' not specified for facet request"),
        (query(text=5), "text is a string"),
        (query(samples=[5]), "samples is a list of strings"),
        (query(filter=[]), "filter is a JSON object"),
    ],
)
def test_what_is_malformed_is_refused_in_icats_words(text: str | None, message: str) -> None:
    with pytest.raises(BadParameter) as refused:
        read_icat_query(text)
    assert refused.value.message == message


def test_the_old_call_shows_the_parameter_without_a_value() -> None:
    with pytest.raises(BadParameter) as refused:
        read_icat_query(query(parameters=[PARAMETER]), old=True)
    assert refused.value.message == '{"name":"temperature","units":"K"}'


def test_dates_are_minutes_in_utc_and_the_upper_one_means_its_end() -> None:
    read = read_icat_query(query(lower="202401010000", upper="202401010000"))
    assert (read.lower, read.upper) == (1704067200000, 1704067259999)
    assert read_icat_query(query(lower=5, upper=6.0)).upper == 6
    assert read_icat_query(query(lower="0000001010000", upper="9000012312359")) == IcatQuery("Dataset")


def test_facets_are_read() -> None:
    read = read_icat_query(
        query(
            facets=[
                {
                    "target": "DatasetParameter",
                    "dimensions": [
                        {"dimension": "type.name"},
                        {"dimension": "numericValue", "ranges": [{"key": "low", "from": 0, "to": 10}, {"from": 10}]},
                    ],
                },
                {"target": "Dataset"},
            ]
        )
    )
    ranges = (IcatRange("low", 0, 10), IcatRange(None, 10, None))
    dimensions = (IcatDimension("type.name"), IcatDimension("numericValue", ranges))
    assert read.facets == (IcatFacet("DatasetParameter", dimensions), IcatFacet("Dataset"))


async def test_an_empty_question_is_everything() -> None:
    assert await matched() == Everything()


async def test_only_the_text_ranks() -> None:
    found = await matched(text="name:a", lower=5)
    both = AllOf((Between("start", 5, None), Between("end", 5, None)))
    assert found == AllOf((Word("name", "a"), Unranked(both)))


async def test_dates_contain_both_ends_of_what_has_two() -> None:
    assert await matched(lower=5, upper=9) == AllOf((Between("start", 5, 9), Between("end", 5, 9)))
    assert await matched(target="Datafile", lower=5, upper=9) == Between("date", 5, 9)


async def test_users_are_looked_up_and_full_names_are_text() -> None:
    assert await matched(user="db/anna") == OneOf("investigation", (500,))
    assert await matched(target="Investigation", user="db/anna") == OneOf("id", (500,))
    assert await matched(user="db/nobody") == Nothing()
    assert await matched(target="Investigation", userFullName="weiss") == Word("people", "weiss")
    others = MemoryDocuments()
    assert await matched(others, userFullName="weiss -anna") == OneOf("investigation", (7, 8))
    assert "Not" in str(others.asked)


async def test_parameters_are_compared_under_types_of_that_name_and_unit() -> None:
    numbers = {"lowerNumericValue": 1, "upperNumericValue": 2}
    assert await matched(parameters=[{**PARAMETER, **numbers}]) == Between("numbers", 1, 2, key=70)
    found = await matched(parameters=[{"name": "temp*", "units": "*", **numbers}])
    assert found == AnyOf((Between("numbers", 1, 2, key=70), Between("numbers", 1, 2, key=72)))
    assert await matched(parameters=[{"name": "temperature", "units": "k", **numbers}]) == Nothing()
    dates = {"lowerDateValue": "202401010000", "upperDateValue": "202401010000"}
    assert await matched(parameters=[{"name": "calibrated", "units": "", **dates}]) == Between(
        "moments", 1704067200000, 1704067259999, key=74
    )
    scan = {"name": "scan_type", "units": ""}
    assert await matched(parameters=[{**scan, "stringValue": "ascan"}]) == Same("strings", "ascan", 73)
    assert await matched(parameters=[{**scan, "stringValue": "*sca*"}]) == Contains("strings", "sca", 73)


async def test_samples_are_asked_for_by_their_names_and_those_of_their_types() -> None:
    found = await matched(target="Investigation", samples=["rust"])
    assert found == AnyOf((Word("sample_names", "rust"), OneOf("sample_types", (50,))))
    assert await matched(samples=["rust"]) == Everything()


@pytest.mark.parametrize(
    ("target", "name", "value", "expected"),
    [
        ("Dataset", "dataset.type.name", ["raw", "processed"], AnyOf((OneOf("type", (25,)), OneOf("type", (26,))))),
        ("Dataset", "Dataset.type.name", "raw", OneOf("type", (25,))),
        ("Dataset", "type.name", "raw", OneOf("type", (25,))),
        ("Dataset", "type.name", [], Nothing()),
        ("Dataset", "dataset.name", "a b", Same("name", "a b")),
        ("Dataset", "datasetparameter.type.name", "energy", OneOf("parameter_types", (71,))),
        ("Dataset", "fileSize", {"from": 1, "to": 5}, Between("size", 1, 5)),
        ("Dataset", "investigation.id", 5, OneOf("investigation", (5,))),
        ("Dataset", "investigation.id", ["5", 6], AnyOf((OneOf("investigation", (5,)), OneOf("investigation", (6,))))),
        ("Dataset", "datasettechnique.technique.name", "neutron imaging", OneOf("techniques", (11,))),
        ("Investigation", "investigationinstrument.instrument.name", "ID21", OneOf("instruments", (1,))),
        ("Investigation", "investigationfacilitycycle.facilityCycle.id", 30, OneOf("cycles", (30,))),
        ("Investigation", "sample.sample.type.name", "rust", OneOf("sample_types", (50,))),
        ("Investigation", "investigation.type.name", "calibration", OneOf("type", (20,))),
        ("Investigation", "sampleparameter.type.name", "energy", OneOf("samples", (7, 8))),
        ("Datafile", "datafile.datafileFormat.name", "NeXus", OneOf("format", (40,))),
        ("Datafile", "sample.sample.type.name", "rust", OneOf("dataset", (7, 8))),
        ("Datafile", "investigationinstrument.instrument.name", "ID21", OneOf("investigation", (7, 8))),
    ],
)
async def test_a_filter_is_an_exact_value(target: str, name: str, value: Any, expected: Predicate) -> None:
    assert await matched(target=target, filter={name: value}) == expected


async def test_conditions_of_one_filter_are_about_one_parameter() -> None:
    name = {"field": "type.name", "value": "temperature"}
    between = {"field": "numericValue", "from": 10, "to": 20, "units": "K"}
    found = await matched(filter={"datasetparameter": [{"key": "k", "label": "l", "filter": [name, between]}]})
    assert isinstance(found, AnyOf)
    assert found.parts[0] == Between("numbers", 10, 20, key=70)
    kelvin = {"field": "numericValue", "exact": 5, "units": "K"}
    [exact, _] = (await matched(filter={"datasetparameter": {"filter": [name, kelvin]}})).parts  # type: ignore[union-attr]
    assert exact.low <= 5 <= exact.high
    string = [{"field": "type.name", "value": "scan_type"}, {"field": "stringValue", "value": "ascan"}]
    assert await matched(filter={"datasetparameter": {"filter": string}}) == Same("strings", "ascan", 73)
    others = MemoryDocuments()
    assert await matched(others, filter={"sampleparameter": {"filter": string}}) == OneOf("sample", (7, 8))
    assert others.asked == [("Sample", Same("strings", "ascan", 73), None)]


@pytest.mark.parametrize(
    "members",
    [
        {"nonsense": "x"},
        {"name": None},
        {"name": [None]},
        {"size": {"from": "x"}},
        {"name": {"from": 1}},
        {"datasetparameter": {"filter": [{"field": "numericValue", "from": 1}]}},
        {"datasetparameter": {"filter": "x"}},
        {"nonsense": {"filter": []}},
        {"name": ["x"] * 1001},
    ],
)
async def test_a_filter_that_cannot_be_is_refused(members: Any) -> None:
    with pytest.raises(BadParameter):
        await matched(filter=members)


@pytest.mark.parametrize(
    ("target", "of", "dimension", "expected"),
    [
        ("Dataset", "Dataset", "type.name", ("type", Table.DATASET_TYPE)),
        ("Dataset", "DatasetParameter", "type.name", ("parameter_types", Table.PARAMETER_TYPE)),
        ("Dataset", "DatasetTechnique", "technique.name", ("techniques", Table.TECHNIQUE)),
        ("Dataset", "Dataset", "sample.type.name", ("sample_type", Table.SAMPLE_TYPE)),
        ("Dataset", "InvestigationParameter", "type.name", None),
        ("Dataset", "DatasetParameter", "numericValue", None),
        ("Dataset", "Dataset", "name", None),
        ("Dataset", "Dataset", "unheard", None),
        ("Investigation", "Investigation", "type.name", ("type", Table.INVESTIGATION_TYPE)),
        ("Investigation", "InvestigationInstrument", "instrument.name", ("instruments", Table.INSTRUMENT)),
        ("Investigation", "Sample", "sample.type.name", ("sample_types", Table.SAMPLE_TYPE)),
        ("Investigation", "Sample", "type.name", ("sample_types", Table.SAMPLE_TYPE)),
        ("Investigation", "SampleParameter", "type.name", ("sample_parameter_types", Table.PARAMETER_TYPE)),
        ("Datafile", "Datafile", "datafileFormat.name", ("format", Table.DATAFILE_FORMAT)),
        ("Datafile", "Datafile", "sample.type.name", None),
    ],
)
def test_a_facet_counts_a_field(target: str, of: str, dimension: str, expected: tuple[str, Table] | None) -> None:
    assert counted(target, of, dimension, language()) == expected


async def test_other_members_are_exact_values_of_fields_and_unknown_ones_are_ignored() -> None:
    assert await matched(**{"investigation.id": [5], "unheard": "x"}) == OneOf("investigation", (5,))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(
    ["text", "user", "userFullName", "lower", "upper", "parameters", "samples", "filter", "facets", "name", "x"]
)
filters = st.dictionaries(
    st.sampled_from(["name", "datasetparameter", "dataset.type.name", "fileSize", "sample.x", "sampleparameter.y"]),
    json_values | st.fixed_dictionaries({"filter": json_values}),
    max_size=2,
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["Investigation", "Dataset", "Datafile", "X"]),
    st.dictionaries(members, json_values, max_size=4),
    filters,
)
async def test_any_question_is_understood_or_refused(target: str, given: dict[str, Any], filters: Any) -> None:
    try:
        await matched(**{**given, "target": target, **({"filter": filters} if filters else {})})
    except BadParameter as error:
        assert error.message
