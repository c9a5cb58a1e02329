"""From JSON to drafts: every form that is taken, and the exact words for those that are not (sections B.6, F.5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.catalogue.drafts import Change, Draft, Reference
from beamcat.doors.icat_rest.decode import Limits, decode_delete, decode_write
from beamcat.errors import BadParameter, BeamcatError, TooLarge
from beamcat.model import ENTITIES

LIMITS = Limits(nesting=12, objects=50)


def decoded(body: object) -> Any:
    """The only element of a write."""
    (element,) = decode_write(json.dumps(body), LIMITS)
    return element


def refused(body: object) -> BeamcatError:
    with pytest.raises(BeamcatError) as caught:
        decode_write(body if isinstance(body, str) else json.dumps(body), LIMITS)
    return caught.value


def test_without_an_id_an_object_is_created_and_with_one_it_is_changed() -> None:
    assert decoded({"Facility": {"name": "F"}}) == Draft(ENTITIES["Facility"], {"name": "F"})
    facility = ENTITIES["Facility"]
    assert decoded([{"Facility": {"id": 5, "url": None}}]) == Change(facility, 5, Draft(facility, {"url": None}))


def test_values_of_every_kind() -> None:
    draft = decoded(
        {
            "ParameterType": {
                "name": "temp",
                "enforced": True,
                "minimumNumericValue": 5,
                "maximumNumericValue": 7.5,
                "valueType": "Numeric",
                "facility": {"id": 9},
                "pid": None,
            }
        }
    )
    assert draft.values == {
        "name": "temp",
        "enforced": True,
        "minimumNumericValue": 5.0,
        "maximumNumericValue": 7.5,
        "valueType": "NUMERIC",
        "pid": None,
    }
    assert type(draft.values["minimumNumericValue"]) is float
    assert draft.to_one == {"facility": Reference(ENTITIES["Facility"], 9)}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2001-01-01T17:59:00.000Z", datetime(2001, 1, 1, 17, 59, tzinfo=UTC)),
        ("2001-01-01T17:59:00.123Z", datetime(2001, 1, 1, 17, 59, 0, 123_000, tzinfo=UTC)),
        ("2001-01-01T17:59:00.000+01:00", datetime(2001, 1, 1, 16, 59, tzinfo=UTC)),
        ("2001-01-01T17:59:00-05:30", datetime(2001, 1, 1, 23, 29, tzinfo=UTC)),
        ("2001-01-01T17:59:00Z", datetime(2001, 1, 1, 17, 59, tzinfo=UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert decoded({"Dataset": {"startDate": text}}).values == {"startDate": moment}


@pytest.mark.parametrize(
    "value",
    [
        "2001",
        "2001-01-01",
        "2001-01-01T17:59:00.000",
        "2001-01-01T17:59:00.0000Z",
        "2001-01-01 17:59:00.000Z",
        "2001-02-30T17:59:00.000Z",
        "0000-01-01T00:00:00.000Z",
        "0001-01-01T00:00:00.000+01:00",
        "2001-01-01T17:59:00.000+99:00",
        "２001-01-01T17:59:00.000Z",
        5,
        True,
        {},
    ],
)
def test_what_is_no_moment(value: object) -> None:
    error = refused({"Dataset": {"startDate": value}})
    shown = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert (type(error), error.message, error.offset) == (BadParameter, f"Badly formatted date {shown}", 0)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Entity must have one keyword followed by its values in json {}"),
        (
            {"Facility": {}, "Dataset": {}},
            'Entity must have one keyword followed by its values in json {"Facility":{},"Dataset":{}}',
        ),
        ([5], "Entity must have one keyword followed by its values in json 5"),
        (5, "Entity must have one keyword followed by its values in json 5"),
        ({"Rubbish": {}}, "Rubbish is not an ICAT entity"),
        ({"Account": {"name": "x"}}, "Account is not an ICAT entity"),
        ({"Datafile": [{"name": "x"}]}, 'Unexpected array found in JSON [{"name":"x"}]'),
        ({"Dataset": {"id": "5"}}, 'Badly formatted id: "5"'),
        ({"Dataset": {"id": 5.0}}, "Badly formatted id: 5.0"),
        ({"Dataset": {"id": True}}, "Badly formatted id: true"),
        ({"Dataset": {"id": None}}, "Badly formatted id: null"),
        ({"Dataset": {"id": 2**63}}, "Badly formatted id: 9223372036854775808"),
        ({"Dataset": {"nothing": 1}}, "Field nothing not found in Dataset"),
        ({"Rule": {"bean": "x"}}, "Field bean not found in Rule"),
        ({"Dataset": {"createId": "x"}}, "Field createId is kept by the server and cannot be set in Dataset"),
        ({"Dataset": {"complete": "yes"}}, "Field complete must be true or false in Dataset"),
        ({"Dataset": {"name": 5}}, "Field name must be a string in Dataset"),
        ({"Datafile": {"fileSize": "5"}}, "Field fileSize must be an integer of 64 bits in Datafile"),
        ({"Datafile": {"fileSize": 5.5}}, "Field fileSize must be an integer of 64 bits in Datafile"),
        ({"Datafile": {"fileSize": 2**63}}, "Field fileSize must be an integer of 64 bits in Datafile"),
        ({"Datafile": {"fileSize": True}}, "Field fileSize must be an integer of 64 bits in Datafile"),
        ({"Facility": {"daysUntilRelease": 2**31}}, "Field daysUntilRelease must be an integer of 32 bits in Facility"),
        (
            {"ParameterType": {"minimumNumericValue": "1"}},
            "Field minimumNumericValue must be a number in ParameterType",
        ),
        (
            {"ParameterType": {"valueType": "x"}},
            "Field valueType must be in [DATE_AND_TIME, NUMERIC, STRING] for ParameterType",
        ),
        (
            {"Study": {"status": "x"}},
            "Field status must be in [NEW, IN_PROGRESS, COMPLETE, CANCELLED] for Study",
        ),
        ({"Dataset": {"type": "NEW"}}, 'Badly formatted relationship object "NEW"'),
        (
            {"Dataset": {"type": {"name": "x"}}},
            'One to many related objects should not have the id value set: {"name":"x"}',
        ),
        (
            {"Dataset": {"datafiles": [{"id": 1}]}},
            'Many to one related objects should have the id value set: {"id":1}',
        ),
        ({"Dataset": {"datafiles": {"name": "x"}}}, 'Badly formatted relationship object {"name":"x"}'),
        ({"Dataset": {"datafiles": None}}, "Badly formatted relationship object null"),
    ],
)
def test_the_words_for_what_is_wrong(body: object, message: str) -> None:
    error = refused(body)
    assert (type(error), error.message, error.offset) == (BadParameter, message, 0)


def test_what_is_no_json_says_so() -> None:
    error = refused("rubbish")
    assert isinstance(error, BadParameter)
    assert error.message.endswith("in json rubbish")
    assert error.offset == 0
    for text in ("", "[", "\ud800", '{"Facility":{"name":"\\ud800"}}', '{"Datafile":{"fileSize":NaN}}', "[" * 5000):
        assert isinstance(refused(text), BadParameter)


def test_the_offset_is_the_element_at_fault() -> None:
    assert refused([{"Facility": {"name": "F"}}, {"Facility": {"investigations": [{"nothing": 1}]}}]).offset == 1


def test_the_last_of_equal_keys_wins() -> None:
    (draft,) = decode_write('{"Facility":{"name":"a","name":"b"}}', LIMITS)
    assert isinstance(draft, Draft)
    assert draft.values == {"name": "b"}


def test_the_greatest_numbers_fit() -> None:
    assert decoded({"Datafile": {"fileSize": 2**63 - 1}}).values == {"fileSize": 2**63 - 1}
    assert decoded({"Datafile": {"fileSize": -(2**63)}}).values == {"fileSize": -(2**63)}


def test_nul_characters_are_refused_and_what_looks_like_them_is_not() -> None:
    assert refused('{"Facility":{"name":"a\\u0000"}}').message == (
        "Field name must not contain the character U+0000 in Facility"
    )
    (draft,) = decode_write('{"Facility":{"name":"a\\\\u0000"}}', LIMITS)
    assert isinstance(draft, Draft)
    assert draft.values == {"name": "a\\u0000"}


def test_references_may_carry_changes_and_children_may_nest() -> None:
    draft = decoded(
        {
            "Dataset": {
                "type": {"id": 3, "description": "x"},
                "datafiles": [{"name": "f", "parameters": [{"type": {"id": 4}}]}],
            }
        }
    )
    kind = ENTITIES["DatasetType"]
    assert draft.to_one == {"type": Reference(kind, 3, Draft(kind, {"description": "x"}))}
    (datafile,) = draft.to_many["datafiles"]
    (parameter,) = datafile.to_many["parameters"]
    assert (datafile.entity.name, parameter.entity.name) == ("Datafile", "DatafileParameter")
    assert parameter.to_one == {"type": Reference(ENTITIES["ParameterType"], 4)}


def test_too_deep_and_too_many_are_too_large() -> None:
    deep: dict[str, object] = {"id": 1, "name": "x"}
    for _ in range(6):
        deep = {"id": 1, "facility": {"id": 1, "investigations": [{"type": deep}]}}
    error = refused({"InvestigationType": deep})
    assert isinstance(error, TooLarge)
    error = refused([{"Facility": {"investigationTypes": [{"name": str(n)} for n in range(50)]}}])
    assert (type(error), error.offset) == (TooLarge, 0)
    decode_write(json.dumps([{"Facility": {}}] * 50), LIMITS)


def test_a_deletion_names_objects() -> None:
    assert decode_delete('{"Dataset":{"id":42}}', LIMITS) == [Reference(ENTITIES["Dataset"], 42)]
    assert decode_delete('[{"Dataset":{"id":42}},{"Facility":{"id":7}}]', LIMITS) == [
        Reference(ENTITIES["Dataset"], 42),
        Reference(ENTITIES["Facility"], 7),
    ]


@pytest.mark.parametrize(
    ("element", "message", "offset"),
    [
        ("{}", "entity must have one keyword followed by its values in json {}", 1),
        (
            '{"Dataset":{"id":1,"name":"x"}}',
            'entity must have only the id value specified in json {"Dataset":{"id":1,"name":"x"}}',
            1,
        ),
        ('{"Dataset":{}}', 'entity must have the id value specified in json {"Dataset":{}}', 1),
        ('{"Dataset":{"id":"1"}}', 'Badly formatted id: "1"', 1),
        ('{"Dataset":[1]}', "Unexpected array found in JSON [1]", 1),
        ('{"Nothing":{"id":1}}', "Nothing is not an ICAT entity", None),
    ],
)
def test_the_words_for_a_wrong_deletion(element: str, message: str, offset: int | None) -> None:
    with pytest.raises(BadParameter) as caught:
        decode_delete(f'[{{"Dataset":{{"id":1}}}},{element}]', LIMITS)
    assert (caught.value.message, caught.value.offset) == (message, offset)


def test_a_deletion_that_is_no_json() -> None:
    with pytest.raises(BadParameter, match=r"in json rubbish$"):
        decode_delete("rubbish", LIMITS)
    with pytest.raises(TooLarge):
        decode_delete(json.dumps([{"Dataset": {"id": 1}}] * 51), LIMITS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "name", "Facility", "Dataset", "type", "datafiles", "facility", "fileSize", "startDate"]
            )
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.text() | JSON.map(json.dumps))
def test_whatever_comes_is_decoded_or_refused(text: str) -> None:
    for decode in (decode_write, decode_delete):
        try:
            decode(text, LIMITS)
        except BeamcatError as error:
            assert isinstance(error, BadParameter | TooLarge)
