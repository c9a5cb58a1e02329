"""Beans are read with the leniency of the Java binding (ICAT specification C.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from beamcat.catalogue.drafts import Draft, Reference
from beamcat.doors.icat_soap.decode import Terms, change_of, date_time, drafts_of, entity_of
from beamcat.errors import BeamcatError
from beamcat.model import ICAT_ENTITIES

TERMS = Terms(nesting=5, objects=10)
DEEP = "<samples><datasets><datafiles><parameters/></datafiles></datasets></samples>"
NAMESPACES = 'xmlns:n="http://icatproject.org" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def draft(type_name: str, content: str) -> Draft:
    bean = etree.fromstring(f'<bean {NAMESPACES} xsi:type="n:{type_name}">{content}</bean>')
    (found,) = drafts_of([bean], TERMS)
    return found


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("<complete/>", {"complete": False}),
        ("<complete>1</complete>", {"complete": True}),
        ("<complete> false </complete>", {"complete": False}),
        ("<name>5</name>", {"name": "5"}),
        ("<name/>", {"name": ""}),
        ('<name xsi:nil="true"/>', {"name": None}),
        ("<name>a</name><name>b</name>", {"name": "b"}),
        ("<name>a<![CDATA[<b>]]>c</name>", {"name": "a<b>c"}),
        ("<fileSize> +5 </fileSize>", {"fileSize": 5}),
        ("<fileSize/>", {"fileSize": None}),
        ('<startDate xsi:nil="1"/>', {"startDate": None}),
        ("<startDate>2014-05-16T16:58:26</startDate>", {"startDate": datetime(2014, 5, 16, 16, 58, 26, tzinfo=UTC)}),
        ("<unknown><deep/></unknown><n:name>x</n:name>", {}),
        ("<id>7</id><createId>me</createId><modTime>never</modTime>", {}),
    ],
)
def test_attributes_of_a_dataset(content: str, values: dict[str, object]) -> None:
    assert draft("dataset", content).values == values


def test_an_empty_date_is_refused() -> None:
    with pytest.raises(BeamcatError, match="startDate of Dataset must be a dateTime, not ''; leave the element out"):
        draft("dataset", "<startDate></startDate>")


def test_a_type_is_found_by_its_namespace_and_by_a_prefix_that_is_bound_to_nothing() -> None:
    for prefix, found in (("n", True), ("ns2", True), ("xsi", False), ("", False)):
        bean = etree.fromstring(f'<bean {NAMESPACES} xsi:type="{prefix and prefix + ":"}dataset"/>')
        if found:
            assert entity_of(bean) is ICAT_ENTITIES["Dataset"]
        else:
            with pytest.raises(BeamcatError, match="does not name an ICAT entity"):
                entity_of(bean)


def test_an_unknown_enumerated_value_is_null() -> None:
    assert draft("parameterType", "<valueType>COLOUR</valueType>").values == {"valueType": None}
    assert draft("parameterType", "<valueType>STRING</valueType>").values == {"valueType": "STRING"}


def test_numbers_of_a_parameter() -> None:
    found = draft("datasetParameter", "<numericValue>1e3</numericValue><error>INF</error><rangeTop>-.5</rangeTop>")
    assert found.values == {"numericValue": 1000.0, "error": float("inf"), "rangeTop": -0.5}


def test_relations_by_id_and_children_in_order() -> None:
    found = draft(
        "dataset",
        "<investigation><id>3</id><name>stale</name><datasets><name>x</name></datasets></investigation>"
        '<sample xsi:nil="true"/><datafiles><id>1</id><name>a</name></datafiles><datafiles><name>b</name></datafiles>',
    )
    assert found.to_one == {"investigation": Reference(ICAT_ENTITIES["Investigation"], 3), "sample": None}
    assert [child.values for child in found.to_many["datafiles"]] == [{"name": "a"}, {"name": "b"}]


def test_an_update_does_not_look_at_what_is_below() -> None:
    bean = etree.fromstring(
        f'<bean {NAMESPACES} xsi:type="n:dataset"><id>4</id><datafiles><fileSize>x</fileSize></datafiles></bean>'
    )
    change = change_of(bean, TERMS)
    assert (change.id, change.draft.to_many) == (4, {})


def test_nesting_and_number_of_objects_are_limited() -> None:
    investigation = "<datasets><datafiles><parameters/></datafiles></datasets>"
    assert draft("facility", f"<investigations>{investigation}</investigations>").to_many
    with pytest.raises(BeamcatError, match="nested more than 5 levels"):
        draft("facility", f"<investigations>{DEEP}</investigations>")
    with pytest.raises(BeamcatError, match="more than 10 objects"):
        draft("facility", "<investigations/>" * 10)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2014-05-16T16:58:26Z", "2014-05-16T16:58:26+00:00"),
        ("2014-05-16T16:58:26.1234567+01:00", "2014-05-16T15:58:26.123456+00:00"),
        ("2014-05-16T24:00:00", "2014-05-17T00:00:00+00:00"),
        ("2014-05-16T24:00:01", None),
        ("2014-05-16", "2014-05-16T00:00:00+00:00"),
        ("2014-05-16+02:00", "2014-05-15T22:00:00+00:00"),
        ("2014-05-16T", None),
        ("2014-13-16T00:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T24:00:00Z", None),
        ("٢014-05-16T16:58:26Z", None),
    ],
)
def test_moments(text: str, moment: str | None) -> None:
    found = date_time(text)
    assert (None if found is None else found.isoformat()) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2014-01-16T16:58:26", "2014-01-16T15:58:26+00:00"),
        ("2014-05-16T16:58:26", "2014-05-16T14:58:26+00:00"),
        ("2014-05-16", "2014-05-15T22:00:00+00:00"),
        ("2014-05-16T16:58:26Z", "2014-05-16T16:58:26+00:00"),
        ("2014-05-16T16:58:26-01:00", "2014-05-16T17:58:26+00:00"),
        ("2014-10-26T02:30:00", "2014-10-26T00:30:00+00:00"),
        ("2014-03-30T02:30:00", "2014-03-30T01:30:00+00:00"),
        ("2014-03-29T24:00:00", "2014-03-29T23:00:00+00:00"),
        ("2014-03-30T24:00:00", "2014-03-30T22:00:00+00:00"),
        ("0001-01-01T00:00:00", None),
    ],
)
def test_moments_without_a_zone_are_local_time_of_the_zone_in_the_settings(text: str, moment: str | None) -> None:
    found = date_time(text, ZoneInfo("Europe/Berlin"))
    assert (None if found is None else found.isoformat()) == moment


def test_beans_are_read_in_the_zone_of_the_settings() -> None:
    bean = etree.fromstring(
        f'<bean {NAMESPACES} xsi:type="n:dataset"><startDate>2014-05-16T16:58:26</startDate></bean>'
    )
    for zone, hour in (("Europe/Berlin", 14), ("America/New_York", 20), ("UTC", 16)):
        (found,) = drafts_of([bean], Terms(nesting=5, objects=10, zone=ZoneInfo(zone)))
        assert found.values == {"startDate": datetime(2014, 5, 16, hour, 58, 26, tzinfo=UTC)}
