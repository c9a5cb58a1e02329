"""Lines, fields and headers of a dump: what is read from them, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.catalogue.dump.fields import moment_of, reader, split
from beamcat.catalogue.dump.headers import parse_header
from beamcat.catalogue.dump.labels import Labels
from beamcat.catalogue.dump.lines import LONGEST_LINE, lines_of
from beamcat.errors import BadParameter, TooLarge
from beamcat.model import ENTITIES, Attribute

ESCAPES = {"\t": r"\t", "\n": r"\n", "\r": r"\r", "\f": r"\f", "\b": r"\b", '"': r"\"", "\\": r"\\"}


def value(entity: str, attribute: str, field: str) -> object:
    member = ENTITIES[entity].fields[attribute]
    assert isinstance(member, Attribute)
    return reader(ENTITIES[entity], member, 3)(field)


async def pieces(*some: bytes) -> AsyncIterator[bytes]:
    for piece in some:
        yield piece


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('"a","b"', ['"a"', '"b"']),
        ('  "a" ,\t"b,c" , 5', ['"a"', '"b,c"', "5"]),
        (r'"say \"hi\", then go",NULL', [r'"say \"hi\", then go"', "NULL"]),
        ("", [""]),
        ("1,,2", ["1", "", "2"]),
        (r'"\\",x', [r'"\\"', "x"]),
    ],
)
def test_a_row_is_split_at_commas_outside_of_strings(line: str, fields: list[str]) -> None:
    assert split(line) == fields


@pytest.mark.parametrize("line", ['"a', '"a"b,c', 'a"b"', '"a" "b"', r'"a\"'])
def test_what_is_not_a_row_is_refused(line: str) -> None:
    with pytest.raises(BadParameter, match="Badly formatted row"):
        split(line)


def test_a_hostile_row_takes_no_time() -> None:
    with pytest.raises(BadParameter):
        split(" " * 500_000 + '"')
    with pytest.raises(BadParameter):
        split('"' + "\\\\" * 250_000)


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
def test_every_string_survives_its_quotes(text: str) -> None:
    written = '"' + "".join(ESCAPES.get(character, character) for character in text) + '"'
    (field,) = split(written)
    assert value("Facility", "name", field) == text


@pytest.mark.parametrize(
    ("entity", "attribute", "field", "read"),
    [
        ("Facility", "name", '"x"', "x"),
        ("Facility", "name", r'"\t\n\r\f\b\"\'\\"', "\t\n\r\f\b\"'\\"),
        ("Facility", "name", "null", None),
        ("Facility", "daysUntilRelease", "-90", -90),
        ("Facility", "daysUntilRelease", "Null", None),
        ("Datafile", "fileSize", "9223372036854775807", 2**63 - 1),
        ("DatasetParameter", "numericValue", "5", 5.0),
        ("DatasetParameter", "numericValue", "-1.5e-3", -0.0015),
        ("DatasetParameter", "numericValue", "NULL", None),
        ("Dataset", "complete", "False", False),
        ("Dataset", "complete", "TRUE", True),
        ("Dataset", "complete", "NULL", None),
        ("Study", "status", "in_progress", "IN_PROGRESS"),
        ("Study", "status", "NULL", None),
        ("Dataset", "endDate", "2014-05-16T06:15:26.1299+01:00", datetime(2014, 5, 16, 5, 15, 26, 129000, UTC)),
        ("Dataset", "endDate", "2014-05-16T06:15:26Z", datetime(2014, 5, 16, 6, 15, 26, 0, UTC)),
    ],
)
def test_fields_have_the_meaning_of_their_attribute(entity: str, attribute: str, field: str, read: object) -> None:
    assert value(entity, attribute, field) == read


@pytest.mark.parametrize(
    ("entity", "attribute", "field", "message"),
    [
        ("Facility", "name", "5", "Expected a string value for column 3"),
        ("Facility", "name", "", "Expected a string value for column 3"),
        ("Facility", "name", r'"\x"', r"Unexpected escape \x in a string"),
        ("Facility", "daysUntilRelease", "1.5", "Expected an integer value for column 3"),
        ("Facility", "daysUntilRelease", "2147483648", "Expected an integer value for column 3"),
        ("Datafile", "fileSize", "9223372036854775808", "Expected an integer value for column 3"),
        ("DatasetParameter", "numericValue", '"5"', "Expected a real or integer value for column 3"),
        ("DatasetParameter", "numericValue", "1e999", "Expected a real or integer value for column 3"),
        ("DatasetParameter", "numericValue", "NaN", "Expected a real or integer value for column 3"),
        ("Dataset", "complete", "yes", "Expected a boolean value for column 3"),
        ("Dataset", "endDate", "2014-02-30T00:00:00Z", "Expected a date value for column 3"),
        ("Dataset", "endDate", "0001-01-01T00:00:00+10:00", "Expected a date value for column 3"),
        ("Study", "status", "DONE", "Field status must be in [NEW, IN_PROGRESS, COMPLETE, CANCELLED] for Study"),
    ],
)
def test_what_does_not_fit_is_refused(entity: str, attribute: str, field: str, message: str) -> None:
    with pytest.raises(BadParameter) as refused:
        value(entity, attribute, field)
    assert refused.value.message == message


def test_a_moment_without_a_zone_is_the_servers_time() -> None:
    assert moment_of("2014-05-16T06:15:26") == datetime(2014, 5, 16, 6, 15, 26).astimezone()


async def test_lines_are_put_together_from_pieces() -> None:
    found = [line async for line in lines_of(pieces("\ufeffa\r\n  b".encode(), b" \n", b"\n", b"c\xc3", b"\xa4"))]
    assert found == [(1, "a"), (2, "b"), (3, ""), (4, "cä")]


async def test_a_line_that_never_ends_is_cut_off() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    with pytest.raises(TooLarge, match=f"at most {LONGEST_LINE} bytes at line 1"):
        [line async for line in lines_of(endless())]


@pytest.mark.parametrize("line", [b"\xff", b"a\0b"])
async def test_lines_are_utf_8_without_nul(line: bytes) -> None:
    with pytest.raises(BadParameter, match="at line 2") as refused:
        [each async for each in lines_of(pieces(b"x\n", line))]
    assert refused.value.offset == 2


def test_commas_and_blanks_in_a_header_are_free() -> None:
    header = parse_header(
        "Dataset (investigation(facility(name:0), name:1, visitId:2), name:3, type(facility(name:0), name:4),"
        " complete:5, endDate:6 sample(investigation(facility(name:0), name:1, visitId:2), name:7))"
    )
    assert [(name, column) for name, column, _ in header.values] == [("name", 3), ("complete", 5), ("endDate", 6)]
    assert [reference.relation.name for reference in header.references] == ["investigation", "type", "sample"]
    assert header.width == 8


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Facilty(name:0)", "Facilty is not an ICAT entity"),
        ("Session(id:0)", "Session is not an ICAT entity"),
        ("Account(name:0)", "Account is not an ICAT entity"),
        ("Facility(nme:0)", "nme is not a field of Facility"),
        ("Facility(id:0)", "id is not a field of Facility"),
        ("Facility(investigations:0)", "investigations is not a field of Facility"),
        ("Rule(bean:0)", "bean is not a field of Rule"),
        ("Dataset(type(id:0))", "id is not a field of DatasetType"),
        ("Dataset(type(createId:0))", "createId is not a field of DatasetType"),
        ("Dataset(sample(investigation(startDate:0)))", "Don't know how to process Date as selection attribute"),
        ("DatafileParameter(datafile(fileSize:0))", "Don't know how to process Long as selection attribute"),
        ("Facility(name)", "Expected : in table header but found )"),
        ("Facility(name:0", "Expected a name in table header but found its end"),
        ("Facility(name:x)", "Expected a column number in table header but found x"),
        ("Facility(name:99999)", "Expected a column number in table header but found 99999"),
        ("Facility(name:0))", "Unexpected ) after table header"),
        ("Facility(name:0,)", "Expected a column in table header but found )"),
        ("Facility(name:$)", "Unexpected character $ in table header"),
        ("Dataset(type:0)", "Expected ( in table header but found :"),
        ("5", "Expected a name in table header but found 5"),
    ],
)
def test_what_is_wrong_with_a_header_is_said(line: str, message: str) -> None:
    with pytest.raises(BadParameter) as refused:
        parse_header(line)
    assert refused.value.message == message


@given(st.lists(st.tuples(st.sampled_from(["1", "2", "007", "10", "x", "9" * 30, "٣"]), st.integers(1, 99))))
def test_the_last_row_with_a_label_counts(defined: list[tuple[str, int]]) -> None:
    labels, entity = Labels(), ENTITIES["DataCollection"]
    for label, identifier in defined:
        labels.define(entity, label, identifier)
    for label in dict(defined):
        assert labels.find(entity, label) == dict(defined)[label]
    assert labels.find(entity, "3") is None
    assert labels.find(ENTITIES["Job"], "1") is None
