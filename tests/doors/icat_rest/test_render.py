"""Answers as ICAT's JSON, member for member (ICAT specification B.5)."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.database.instants import instant
from beamcat.doors.icat_rest.render import ROWS_PER_CHUNK, Renderer
from beamcat.model import BASE_ATTRIBUTES, ICAT_ENTITIES, Kind, ToMany
from beamcat.query.result import Answer, Column, Record, stored_attributes

CREATED = instant(datetime(2025, 3, 12, 11, 40, 26, tzinfo=UTC))
SHOWN = "2025-03-12T11:40:26.000Z"


def record(name: str, related: dict[str, Any] | None = None, /, **values: Any) -> Record:
    entity = ICAT_ENTITIES[name]
    known = {"id": 1, "createId": "db/root", "createTime": CREATED, "modId": "db/root", "modTime": CREATED, **values}
    assert set(known) <= {attribute.name for attribute in stored_attributes(entity)}
    return Record(entity, tuple(known.get(attribute.name) for attribute in stored_attributes(entity)), related or {})


def of(name: str) -> Column:
    return Column(ICAT_ENTITIES[name], None)


def rendered(columns: tuple[Column, ...], *rows: tuple[Any, ...]) -> Any:
    return json.loads(Renderer().answer(Answer(columns, rows)))


def test_a_dataset_with_included_parameters_is_written_exactly_as_icat_writes_it() -> None:
    kind = record("DatasetType", id=3, name="raw")
    unit = record("ParameterType", id=9, name="temp", units="K")
    parameter = record("DatasetParameter", {"type": unit}, id=1, numericValue=4.2)
    dataset = record(
        "Dataset",
        {"type": kind, "parameters": [parameter]},
        id=8128,
        complete=True,
        description="alpha",
        fileCount=0,
        fileSize=0,
        name="ds1",
        startDate=CREATED,
    )
    base = f'"createId":"db/root","createTime":"{SHOWN}","modId":"db/root","modTime":"{SHOWN}"'
    text = Renderer().answer(Answer((of("Dataset"),), [(dataset,)])).decode()
    assert text.startswith(
        f'[{{"Dataset":{{"id":8128,{base},"complete":true,"dataCollectionDatasets":[],"datafiles":[],'
        f'"datasetInstruments":[],"datasetTechniques":[],"description":"alpha","fileCount":0,"fileSize":0,"name":"ds1",'
        f'"parameters":[{{"id":1,{base},"numericValue":4.2,"type":{{"id":9,{base},'
    )
    assert text.endswith(f'"startDate":"{SHOWN}","type":{{"id":3,{base},"datasets":[],"name":"raw"}}}}}}]')


@pytest.mark.parametrize("name", ICAT_ENTITIES)
def test_members_come_base_first_then_by_name_without_nulls_and_with_every_to_many(name: str) -> None:
    entity = ICAT_ENTITIES[name]
    samples: dict[Kind, Any] = {
        Kind.STRING: "text",
        Kind.LONG: 2**62,
        Kind.INTEGER: 7,
        Kind.DOUBLE: 20.0,
        Kind.BOOLEAN: False,
        Kind.DATETIME: CREATED,
        Kind.ENUM: "NUMERIC",
    }
    full = Record(entity, tuple(samples[attribute.kind] for attribute in stored_attributes(entity)))
    members = list(rendered((of(name),), (full,))[0][name])
    expected = [n for n, member in entity.members.items() if member not in entity.to_one]
    assert members == [*(attribute.name for attribute in BASE_ATTRIBUTES), *expected]

    bare = rendered((of(name),), (record(name),))[0][name]
    assert list(bare)[5:] == [n for n, member in entity.members.items() if isinstance(member, ToMany)]


def test_nested_objects_have_no_wrapper_and_an_included_empty_list_looks_like_one_not_included() -> None:
    dataset = record("Dataset", {"type": record("DatasetType", name="raw"), "datafiles": []}, name="ds")
    shown = rendered((of("Dataset"),), (dataset,))[0]["Dataset"]
    assert shown["type"]["name"] == "raw"
    assert shown["datafiles"] == []
    assert "investigation" not in shown


def test_a_get_is_one_wrapped_object() -> None:
    assert list(json.loads(Renderer().record(record("Facility", name="LILS")))) == ["Facility"]


def test_several_columns_make_arrays_and_one_column_bare_values() -> None:
    number, text = Column(None, Kind.LONG), Column(None, Kind.STRING)
    assert rendered((number, text), (126, "another"), (185, None)) == [[126, "another"], [185, None]]
    assert rendered((text,), ("another",), (None,)) == ["another", None]
    assert rendered((of("Facility"), number), (record("Facility", name="f"), 3))[0][1] == 3


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Kind.DOUBLE, 20.0, b"[20.0]"),
        (Kind.DOUBLE, 17.333333333333332, b"[17.333333333333332]"),
        (Kind.DOUBLE, math.nan, b"[null]"),
        (Kind.DOUBLE, math.inf, b"[null]"),
        (Kind.DOUBLE, -math.inf, b"[null]"),
        (Kind.LONG, 2**63 - 1, b"[9223372036854775807]"),
        (Kind.LONG, 10**30, b"[1000000000000000000000000000000]"),
        (Kind.BOOLEAN, False, b"[false]"),
        (Kind.STRING, 'a "quote" \u00e9\n', '["a \\"quote\\" \u00e9\\n"]'.encode()),
        (Kind.ENUM, "NUMERIC", b'["NUMERIC"]'),
        (Kind.DATETIME, CREATED, f'["{SHOWN}"]'.encode()),
        (Kind.DATETIME, None, b"[null]"),
        (None, None, b"[null]"),
    ],
)
def test_a_bare_value(kind: Kind | None, value: Any, text: bytes) -> None:
    assert Renderer().answer(Answer((Column(None, kind),), [(value,)])) == text


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59, 999000)))
def test_a_moment_is_iso_with_three_digits_and_z(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    expected = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert Renderer().moment(instant(moment)) == expected


@pytest.mark.parametrize("rows", [0, 1, ROWS_PER_CHUNK - 1, ROWS_PER_CHUNK, ROWS_PER_CHUNK + 1, 3 * ROWS_PER_CHUNK])
def test_chunks_joined_are_the_answer(rows: int) -> None:
    answer = Answer((Column(None, Kind.LONG),), [(number,) for number in range(rows)])
    chunks = list(Renderer().chunks(answer))
    assert json.loads(b"".join(chunks)) == list(range(rows))
    assert len(chunks) <= rows // ROWS_PER_CHUNK + 2
