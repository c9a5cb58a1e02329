from datetime import UTC, datetime

import pytest

from beamcat.errors import BadParameter
from beamcat.query.lexer import concise_tokens, integer_value, jpql_tokens, real_value, timestamp_value


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t\r\n\f\u00a0", []),
        ("ds.datafiles", [("NAME", "ds.datafiles")]),
        ("_a$1 $b Größe", [("NAME", "_a$1"), ("NAME", "$b"), ("NAME", "Größe")]),
        ("select\tFrom\nLIKE", [("SELECT", "SELECT"), ("FROM", "FROM"), ("LIKE", "LIKE")]),
        ("in.name", [("NAME", "in.name")]),
        ("exists some of case", [("NAME", "exists"), ("NAME", "some"), ("NAME", "of"), ("NAME", "case")]),
        ("plus real timestamp", [("RESERVED", "PLUS"), ("RESERVED", "REAL"), ("RESERVED", "TIMESTAMP")]),
        ("''", [("STRING", "")]),
        ("'it''s'", [("STRING", "it's")]),
        ("''''", [("STRING", "'")]),
        ("'a\n\"[];?%'", [("STRING", 'a\n"[];?%')]),
        ("5 -5", [("INTEGER", "5"), ("MINUS", "-"), ("INTEGER", "5")]),
        ("1.5 1. 1e3 1.e3 2.5E-3", [("REAL", t) for t in ("1.5", "1.", "1e3", "1.e3", "2.5E-3")]),
        ("5abc", [("INTEGER", "5"), ("NAME", "abc")]),
        ("= <> != < <= > >=", [("COMPOP", t) for t in ("=", "<>", "!=", "<", "<=", ">", ">=")]),
        ("a<-5", [("NAME", "a"), ("COMPOP", "<"), ("MINUS", "-"), ("INTEGER", "5")]),
        ("+-*/(),", [(k, t) for k, t in zip(
            ("PLUS", "MINUS", "MULT", "DIV", "OPENPAREN", "CLOSEPAREN", "COMMA"), "+-*/(),", strict=True)]),
        (":user)", [("PARAMETER", ":user"), ("CLOSEPAREN", ")")]),
        ("{ ts  2014-05-16   04:28:26 }", [("TIMESTAMP", "{ ts  2014-05-16   04:28:26 }")]),
    ],
)  # fmt: skip
def test_text_of_the_jpql_style_becomes_tokens(text: str, tokens: list[tuple[str, str]]) -> None:
    assert jpql_tokens(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A<->B", [("NAME", "A"), ("ENTSEP", "<->"), ("NAME", "B")]),
        ("a[b]", [("NAME", "a"), ("BRA", "["), ("NAME", "b"), ("KET", "]")]),
        ("a=-5", [("NAME", "a"), ("COMPOP", "="), ("INTEGER", "-5")]),
        ("a < -1.5e3", [("NAME", "a"), ("COMPOP", "<"), ("REAL", "-1.5e3")]),
        ("like Or count select", [("COMPOP", "LIKE"), ("OR", "OR"), ("COUNT", "COUNT"), ("NAME", "select")]),
    ],
)
def test_text_of_the_concise_syntax_becomes_tokens(text: str, tokens: list[tuple[str, str]]) -> None:
    assert concise_tokens(text) == tokens


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('SELECT a"b', 'Unexpected character \'"\' near "CT a"b" in state NONE for string: SELECT a"b'),
        ("a [ b", "Unexpected character '[' near \"a [ b\" in state NONE for string: a [ b"),
        ("ab;cdefgh", "Unexpected character ';' near \"ab;cdef\" in state NONE for string: ab;cdefgh"),
        ("?", "Unexpected character '?' near \"?\" in state NONE for string: ?"),
        ("5 % 2", "Unexpected character '%' near \"5 % 2\" in state NONE for string: 5 % 2"),
        ("a ! b", "Unexpected character ' ' near \"a ! b\" in state NOT for string: a ! b"),
        ("a !", "Unexpected end of string in state NOT for string: a !"),
        ("a = 'b", "Unexpected end of string in state INQUOTES for string: a = 'b"),
        ("'a\0b'", "Unexpected end of string in state INQUOTES for string: 'a\0b'"),
        ("{ts 2014", "Unexpected end of string in state TIMESTAMP for string: {ts 2014"),
        ("1.2.3", "Unexpected end of string in state REAL for string: 1.2.3"),
        ("1e )", "Unexpected character ' ' near \"1e )\" in state REAL for string: 1e )"),
        (": x", "Unexpected character ':' near \": x\" in state NONE for string: : x"),
        (".5", "Unexpected character '.' near \".5\" in state NONE for string: .5"),
        ("{ts '2014-05-16 04:28:26'}", "Timestamp {ts '2014-05-16 04:28:26'} is not of form {ts yyyy-mm-dd hh:mm:ss}."),
        ("{d 2014-05-16}", "Timestamp {d 2014-05-16} is not of form {ts yyyy-mm-dd hh:mm:ss}."),
        (
            "{ts 2014-13-16 04:28:26}",
            "Timestamp {ts 2014-13-16 04:28:26} is not of form {ts yyyy-mm-dd hh:mm:ss}.",
        ),
    ],
)
def test_what_is_no_token_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(BadParameter) as error:
        jpql_tokens(text)
    assert error.value.message == message


@pytest.mark.parametrize("text", ["a$b", "a - 5", "_a", "a + b", "a <- b", "a {ts now}", "'"])
def test_the_concise_syntax_knows_fewer_characters(text: str) -> None:
    with pytest.raises(BadParameter):
        concise_tokens(text)


def test_numbers_have_their_values() -> None:
    assert integer_value("9223372036854775807") == 2**63 - 1
    assert integer_value("-0005") == -5
    assert integer_value("0" * 50_000) == 0
    assert real_value("1.") == 1.0
    assert real_value("-2.5E-3") == -0.0025


@pytest.mark.parametrize("text", ["9223372036854775809", "9" * 50_000, "-" + "9" * 20])
def test_an_integer_of_more_than_64_bits_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="out of range"):
        integer_value(text)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 400 + "."])
def test_a_real_beyond_double_precision_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="out of range"):
        real_value(text)


def test_a_timestamp_is_read_as_utc() -> None:
    assert timestamp_value("{ts 2014-05-16 04:28:26}") == datetime(2014, 5, 16, 4, 28, 26, tzinfo=UTC)
