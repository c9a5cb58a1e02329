"""Texts and their trees: what is read, what is refused and where, and that whatever is typed ends soon."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamcat.errors import BadParameter
from beamcat.search.language.parsing import parse
from beamcat.search.language.scanning import Limits
from beamcat.search.language.tree import (
    And,
    Boosted,
    Clause,
    Clauses,
    Compared,
    Fuzzy,
    Named,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Term,
    written,
)

UNITS = frozenset({"K", "degC", "keV", "GB", "Å^-1", "m/s", "m s^-1"})


def tree(text: str, *, strict: bool = True) -> Node | None:
    return parse(text, strict=strict, is_unit=UNITS.__contains__).tree


def together(*parts: Node) -> Clauses:
    return Clauses(tuple(Clause(part) for part in parts))


A, B, C, D = (Term(letter) for letter in "abcd")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("   ", None),
        ("a", A),
        ("a b", together(A, B)),
        ("a\tb\u00a0c", together(A, B, C)),
        ("a AND b", And((A, B))),
        ("a && b", And((A, B))),
        ("a OR b", Or((A, B))),
        ("a || b || c", Or((A, B, C))),
        ("a and b", together(A, Term("and"), B)),
        ("a OR b AND c", Or((A, And((B, C))))),
        ("(a OR b) AND c", And((Or((A, B)), C))),
        ("a b OR c", together(A, Or((B, C)))),
        ("NOT a", Not(A)),
        ("!a", Not(A)),
        ("-a", Not(A)),
        ("a NOT b", together(A, Not(B))),
        ("a AND NOT b", And((A, Not(B)))),
        ("+a -b c", Clauses((Clause(A, True), Clause(Not(B)), Clause(C)))),
        ("+a AND b", And((A, B))),
        ("a - b", together(A, B)),
        ("x-ray", Term("x-ray")),
        ("C++", Term("C++")),
        ('"a b"', Phrase("a b")),
        ('"a b"~3', Phrase("a b", 3)),
        (r'"a \"b\" \\c"', Phrase('a "b" \\c')),
        ('"path/to/x"', Phrase("path/to/x")),
        ("a~", Fuzzy("a", 2)),
        ("a~1", Fuzzy("a", 1)),
        ("a~9", Fuzzy("a", 2)),
        ("a~0", A),
        ("neutron~0.8", Fuzzy("neutron", 1)),
        ("~/data", Term("~/data")),
        ("a^2", Boosted(A, 2)),
        ('"a b"^0.5', Boosted(Phrase("a b"), 0.5)),
        ("(a b)^2", Boosted(together(A, B), 2)),
        ("a^b", Term("a^b")),
        ("a*", Term("a*", (1,))),
        (r"a\*", Term("a*")),
        ("*a?", Term("*a?", (0, 2))),
        ("title:a", Named("title", A)),
        ("title: a", Named("title", A)),
        ("sample.type.name:a", Named("sample.type.name", A)),
        ('title:"a b"', Named("title", Phrase("a b"))),
        ("title:(a b)", Named("title", together(A, B))),
        ("title:(a OR b)^2", Boosted(Named("title", Or((A, B))), 2)),
        ("-title:a", Not(Named("title", A))),
        ("title:12:30", Named("title", Term("12:30"))),
        ('"sample name":a', Named("sample name", A)),
        ("12:30", Term("12:30")),
        (r"a\:b", Term("a:b")),
        ("https://doi.org/10.5/x", Term("https://doi.org/10.5/x")),
        ("doi:10.5/x", Named("doi", Term("10.5/x"))),
        ("x:[1 TO 2]", Named("x", Range("1", "2"))),
        ("x:{1 TO 2]", Named("x", Range("1", "2", False, True))),
        ("x:[* TO 2}", Named("x", Range(None, "2", True, False))),
        ('x:["a b" TO c]', Named("x", Range("a b", "c"))),
        ("x:[2024-01-01 12:00 TO *]", Named("x", Range("2024-01-01 12:00", None))),
        ("x:[10 TO 20] K", Named("x", Range("10", "20", unit="K"))),
        ("x:[10 K TO 20 K]", Named("x", Range("10 K", "20 K"))),
        ("x<20", Named("x", Compared("<", "20"))),
        ("x <= 20 degC", Named("x", Compared("<=", "20", "degC"))),
        ("x > -2.5e3 keV", Named("x", Compared(">", "-2.5e3", "keV"))),
        ("x>20K", Named("x", Compared(">", "20K"))),
        ("x = 20", Named("x", Compared("=", "20"))),
        ("x=20", Named("x", Compared("=", "20"))),
        ("x:>20 K", Named("x", Compared(">", "20", "K"))),
        ("x:20 K", Named("x", Compared("=", "20", "K"))),
        ("x:10..20 K", Named("x", Compared("=", "10..20", "K"))),
        ("x < 20 [any unit]", Named("x", Compared("<", "20", "any unit"))),
        ("x < 20 a", together(Named("x", Compared("<", "20")), A)),
        ("x < 20 Å^-1 a", together(Named("x", Compared("<", "20", "Å^-1")), A)),
        ("x < 3 m s^-1 a", together(Named("x", Compared("<", "3", "m s^-1")), A)),
        ("(x < 3 K)", Named("x", Compared("<", "3", "K"))),
        ('"sample temperature" < 20 K', Named("sample temperature", Compared("<", "20", "K"))),
        ("5 < x", Named("x", Compared(">", "5"))),
        ("5 < x <= 9 K", And((Named("x", Compared(">", "5", "K")), Named("x", Compared("<=", "9", "K"))))),
        ("date:2024-03..2024-05", Named("date", Term("2024-03..2024-05"))),
        ("raw/scan_0042*", Term("raw/scan_0042*", (13,))),
        ("/a/b", Term("/a/b")),
        (r"C:\data\run1\*.nxs", Term(r"C:\data\run1\*.nxs", (13,))),
        (r"\\server\share", Term(r"\\server\share")),
        ("*.h5", Term("*.h5", (0,))),
    ],
)
def test_a_text_is_read(text: str, expected: Node | None) -> None:
    assert tree(text) == expected


@pytest.mark.parametrize(
    ("text", "place", "words", "instead"),
    [
        ("a AND", 3, "AND needs something behind it", A),
        ("a OR", 3, "OR needs something behind it", A),
        ("AND a", 1, "AND needs something before it", A),
        ("a OR AND b", 3, "OR needs something behind it", together(A, B)),
        ("NOT", 1, "NOT needs something behind it", None),
        ("(a", 1, "this ( is not closed", A),
        ("a)", 2, "there is no ( for this )", A),
        ("()", 1, "there is nothing between ( and )", None),
        ("a AND ) b", 3, "AND needs something behind it", together(A, B)),
        ('"a', 1, 'this " is not closed', A),
        ("title:", 1, "title: needs something behind it", Term("title")),
        ("(title:) a", 2, "title: needs something behind it", together(Term("title"), A)),
        ("x:[1 TO", 3, "a range is written as [low TO high]", together(Term("x"), Term("1"), Term("TO"))),
        ("x <", 1, "< needs a value behind it", Term("x")),
        ("< 5", 1, "< needs a name before it", Term("5")),
        ("a ]", 3, "] needs a name before it", A),
        ("a*~", 1, "~ does not go together with * and ?", Term("a*", (1,))),
        ("a^0", 2, "a weight is more than 0", A),
        ("a^5000", 2, "a weight is more than 0", A),
    ],
)
def test_what_is_malformed_is_refused_with_its_place_or_read_as_words(
    text: str, place: int, words: str, instead: Node | None
) -> None:
    with pytest.raises(BadParameter) as refused:
        parse(text)
    assert f"at character {place}," in refused.value.message
    assert words in refused.value.message
    lenient = parse(text, strict=False)
    assert lenient.tree == instead
    assert any(words in ignored.why for ignored in lenient.ignored)


def test_a_text_beyond_the_limits_is_refused_however_lenient() -> None:
    limits = Limits(max_length=50, max_nesting=5, max_terms=10)
    for text, words in (
        ("a" * 51, "51 characters"),
        ("(" * 6, "deeper than 5 levels"),
        ("NOT " * 6 + "a", "deeper than 5 levels"),
        ("-" * 7 + "a", "deeper than 5 levels"),
        ("a " * 11, "more than 10 words"),
    ):
        with pytest.raises(BadParameter, match=words):
            parse(text, limits, strict=False)
    assert parse("((((a))))" + " b" * 9, limits).tree is not None


SCRAPS = (
    *("AND", "OR", "NOT", "&&", "||", "(", ")", "[", "]", "{", "}", '"', "~", "^", "^2", "~1", ":"),
    *("<", "<=", ">", "=", "+", "-", "!", "\\", "*", "?", "TO", "a", "title", "title:", "x:[1 TO 2] K", "20"),
    *("K", "degC", " ", "\n", "/", "..", "C:\\x", "é", "ß", "\0", "\ud800", "\ue000", "\u0308", "名"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(SCRAPS), max_size=30), st.sampled_from(("", " ")))
def test_any_scraps_are_read_or_refused_and_written_down_again(scraps: list[str], separator: str) -> None:
    check(separator.join(scraps))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_written_down_again(text: str) -> None:
    check(text)


def check(text: str) -> None:
    try:
        strict = tree(text)
    except BadParameter as error:
        assert error.message
    else:
        assert strict == tree(text, strict=False)
    lenient = tree(text, strict=False)
    if lenient is not None:
        again = written(lenient)
        assert tree(again) == lenient, again


names = st.sampled_from(["title", "sample.name", "sample temperature", "AND", "10", 'a "b"'])
texts = st.text(min_size=1, max_size=8).filter(lambda text: text not in {"AND", "OR", "NOT", "&&", "||"})
plain = st.sampled_from(["a", "x-ray", "a b*", "C:\\data", "+a", "12", "7.1", "é", "(x)"])
bounds = st.none() | plain
leaves = st.one_of(
    plain.map(Term),
    st.builds(Phrase, texts, st.integers(0, 9)),
    st.builds(Fuzzy, plain, st.integers(1, 2)),
)
conditions = st.one_of(
    leaves,
    st.builds(Range, bounds, bounds, st.booleans(), st.booleans()),
    st.builds(Range, bounds, st.just("12"), st.booleans(), st.booleans(), st.none() | st.just("K")),
    st.builds(Compared, st.sampled_from(["<", "<=", ">", ">=", "="]), texts, st.none()),
    st.builds(Compared, st.sampled_from(["<", "<=", ">", ">=", "="]), st.just("12"), st.sampled_from([None, "K"])),
)


def clause(node: Node) -> st.SearchStrategy[Clause]:
    return st.builds(Clause, st.just(node), st.just(False) if isinstance(node, Not) else st.booleans())


def combined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    clauses = st.lists(inner.flatmap(clause), min_size=2, max_size=4)
    return st.one_of(
        st.builds(And, several),
        st.builds(Or, several),
        st.builds(Not, inner),
        st.builds(Boosted, inner, st.sampled_from([0.5, 2.0, 10.25])),
        clauses.map(lambda found: Clauses(tuple(found))),
        st.builds(Named, names, inner),
    )


trees = st.recursive(leaves | st.builds(Named, names, conditions), combined, max_leaves=8)


@settings(max_examples=150, deadline=None)
@given(trees)
def test_a_tree_that_is_written_down_is_read_again(node: Node) -> None:
    text = written(node)
    assert parse(text, Limits(max_nesting=100), is_unit=UNITS.__contains__).tree == node, text


@pytest.mark.parametrize(
    ("start", "unit", "end"),
    [
        ("", "(", ""),
        ("", "NOT ", "a"),
        ("", "-", "a"),
        ("", "a ", ""),
        ("", "a AND ", "a"),
        ("", '"', ""),
        ("", '\\"', ""),
        ("x:", "[", ""),
        ("x:[", "a ", ""),
        ("", "x:[", ""),
        ("", "x:", "a"),
        ("", "x<", "1"),
        ("x < 1 ", "K ", ""),
        ("x < 1 ", "K", ""),
        ("", "1<", "x"),
        ("", "\\", ""),
        ("", "*", ""),
        ("a", "~", ""),
        ("a", "^1", ""),
        ("", " ", ""),
    ],
)
def test_hostile_repetition_ends_soon(start: str, unit: str, end: str) -> None:
    text = start + unit * (20_000 // len(unit)) + end
    limits = Limits(max_length=len(text), max_nesting=50, max_terms=5_000)
    began = time.process_time()
    for strict in (True, False):
        try:
            parse(text, limits, strict=strict, is_unit=UNITS.__contains__)
        except BadParameter as error:
            assert len(error.message) < 300
    assert time.process_time() - began < 4
