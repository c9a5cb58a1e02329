"""Whatever the text, a parser answers with a tree or `BadParameter`, soon; and what a tree says is read back."""

import time
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamcat.errors import BadParameter
from beamcat.query import tree
from beamcat.query.cursor import MAX_ARITHMETIC
from beamcat.query.jpql import MAX_VARIABLES
from beamcat.query.lexer import CONCISE_KEYWORDS, JPQL_KEYWORDS
from beamcat.query.parse import ParseLimits, parse_get, parse_rule, parse_search
from tests.query.written import written

LIMITS = ParseLimits(max_length=65_536, max_nesting=40, max_includes=64)
PARSERS: tuple[Callable[[str | None, ParseLimits], Any], ...] = (parse_search, parse_get, parse_rule)

QUERIES = (
    "SELECT o FROM Datafile o JOIN o.dataset AS ds LEFT JOIN ds.sample s WHERE (o.fileSize + 1) * -2 > 5 AND NOT "
    "(UPPER(s.name) LIKE 'A$%' ESCAPE '$' OR ds.id IN (1, 2.5, 'x')) ORDER BY LENGTH(o.name) DESC "
    "INCLUDE o.dataset AS ds, ds.investigation, o.parameters AS p, p.type LIMIT 0, 5",
    "SELECT DISTINCT ds.type.name, COUNT(DISTINCT(ds)) FROM Dataset ds, IN (ds.datafiles) df WHERE ds.startDate < "
    "{ts 2014-01-01 00:00:00} AND EXISTS (SELECT p FROM ds.parameters p WHERE p.type.valueType = "
    "org.icatproject.ParameterValueType.NUMERIC) GROUP BY ds.type.name "
    "HAVING COUNT(ds) > ALL (SELECT x.id FROM User x)",
    "SELECT i FROM Investigation i WHERE i.datasets IS NOT EMPTY AND i MEMBER OF i.type.investigations AND CASE WHEN "
    "i.name = :user THEN TRIM(LEADING 'x' FROM i.title) ELSE COALESCE(i.doi, i.summary) END IS NULL",
    "3,5 DISTINCT Dataset.name ORDER BY name DESC, type.name [complete = TRUE OR NOT (id IN (1,-2) AND 'x' = doi)] "
    "<-> Investigation [id BETWEEN 3 AND 3] <-> Datafile",
    "Investigation INCLUDE InvestigationUser, User [name='x']",
    "COUNT(ParameterType) [valueType = NUMERIC]",
    "Dataset ds INCLUDE ds.type t, t.datasets",
)
SCRAPS = """
( ) , + - * / = <> != < <= > >= [ ] <-> ' '' { } : . % ; " ? ! \\ 1 0 -1 1.5e3 99999999999999999999 1e999
'a' :user :x {ts 2014-01-01 00:00:00} org.icatproject.StudyStatus.NEW ds ds.name ds.datafiles ds. $ _ é ı ß ²
EXISTS SOME OF CASE WHEN THEN ELSE END COALESCE NULLIF Dataset Datafile Investigation User Rule ON
"""
WORDS = (
    *JPQL_KEYWORDS,
    *CONCISE_KEYWORDS,
    *SCRAPS.split(),
    "\0",
    "\ud800",
)


def parse_or_refuse(text: str, limits: ParseLimits = LIMITS) -> None:
    for parse in PARSERS:
        try:
            parse(text, limits)
        except BadParameter as error:
            assert error.message


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    parse_or_refuse(text)
    parse_or_refuse(f"SELECT {text}")
    parse_or_refuse(f"SELECT ds FROM Dataset ds WHERE {text}")
    parse_or_refuse(f"Dataset [{text}]")


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30), st.sampled_from(("", " ")))
def test_any_sequence_of_words_is_read_or_refused(words: list[str], separator: str) -> None:
    text = separator.join(words)
    parse_or_refuse(text)
    parse_or_refuse(f"SELECT ds FROM Dataset ds {text}")
    parse_or_refuse(f"SELECT ds FROM Dataset ds WHERE {text}")
    parse_or_refuse(f"Dataset {text}")


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(QUERIES),
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 12), st.sampled_from(WORDS) | st.text(max_size=3)), max_size=4
    ),
)
def test_a_damaged_query_is_read_or_refused(query: str, damages: list[tuple[int, int, str]]) -> None:
    for start, length, replacement in damages:
        query = query[:start] + replacement + query[start + length :]
    parse_or_refuse(query)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_cut_short_is_read_or_refused(query: str) -> None:
    parse_or_refuse(query)
    for end in range(len(query)):
        parse_or_refuse(query[:end])


@pytest.mark.parametrize(
    ("start", "unit", "end"),
    [
        ("SELECT ds FROM Dataset ds WHERE ", "(", ""),
        ("SELECT ds FROM Dataset ds WHERE ", "NOT ", "ds.complete"),
        ("SELECT ds FROM Dataset ds WHERE ", "NOT(", ""),
        ("SELECT ds FROM Dataset ds WHERE 1 = ", "-", "1"),
        ("SELECT ds FROM Dataset ds WHERE 1 = ", "+-", "1"),
        ("SELECT ds FROM Dataset ds WHERE 1 = ", "1+", "1"),
        ("SELECT ds FROM Dataset ds WHERE ", "ABS(", ""),
        ("SELECT ds FROM Dataset ds WHERE ", "CASE WHEN ", ""),
        ("SELECT ds FROM Dataset ds WHERE CASE ds.id ", "WHEN 1 THEN 2 ", "END = 1"),
        ("SELECT ds FROM Dataset ds WHERE ", "EXISTS(SELECT ds FROM Dataset x WHERE ", ""),
        ("SELECT ds FROM Dataset ds WHERE ", "(SELECT ", ""),
        ("SELECT ", "(SELECT ", ""),
        ("SELECT ds FROM Dataset ds WHERE ", "1=1 OR ", "1=1"),
        ("SELECT ds FROM Dataset ds WHERE ", "1=1 AND (", ""),
        ("SELECT ds FROM Dataset ds WHERE ", "1=", "1"),
        ("SELECT ds FROM Dataset ds WHERE ds.id IN (1", ",1", ")"),
        ("SELECT ds FROM Dataset ds WHERE CONCAT('a'", ",'a'", ") = 'a'"),
        ("SELECT ds FROM Dataset ds WHERE ds.name = '", "''", "'"),
        ("SELECT ds FROM Dataset ds WHERE ds.name = ", "'", "a"),
        ("SELECT ds FROM Dataset ds WHERE ds", ".x", " = 1"),
        ("SELECT ds FROM Dataset ds WHERE ds.id = ", "9", ""),
        ("SELECT ds FROM Dataset ds WHERE ds.id = 1.", "9", "e5"),
        ("SELECT ds FROM Dataset ds WHERE ds.id = 1e", "9", "."),
        ("SELECT ds FROM Dataset ds WHERE ds.id = ", "{", ""),
        ("SELECT ds FROM Dataset ds WHERE ds.id = {ts", " ", ""),
        ("SELECT ds FROM Dataset ds ", "JOIN ds.datafiles df ", ""),
        ("SELECT ds FROM Dataset ds", ".investigation.datasets", " x"),
        ("SELECT ds FROM Dataset ds JOIN ds", ".investigation.datasets", " x"),
        ("SELECT ds FROM Dataset ds INCLUDE ds", ".investigation.datasets", ""),
        ("SELECT ds FROM Dataset ds INCLUDE 1", ",1", ""),
        ("SELECT ds FROM Dataset ds ORDER BY ds.id", ",ds.id", ""),
        ("SELECT ds.id", ",ds.id", " FROM Dataset ds"),
        ("", "SELECT ", ""),
        ("", "(", ""),
        ("", "9", ""),
        ("", " ", ""),
        ("Dataset ", "[", ""),
        ("Dataset [", "(", ""),
        ("Dataset [", "NOT ", ""),
        ("Dataset [", "NOT (", ""),
        ("Dataset [", "id = 1 OR ", "id = 1]"),
        ("Dataset [id IN (1", ",1", ")]"),
        ("Dataset", "<->Datafile", ""),
        ("Dataset", "<->Datafile[id=1]", ""),
        ("Dataset INCLUDE Datafile", ",Datafile", ""),
        ("Dataset", ".investigation.datasets", ""),
        ("Dataset", "\n", "<->"),
    ],
)
def test_a_very_long_query_is_read_or_refused_soon(start: str, unit: str, end: str) -> None:
    repeated = unit * ((LIMITS.max_length - len(start) - len(end)) // len(unit))
    begin = time.process_time()
    parse_or_refuse(start + repeated + end)
    assert time.process_time() - begin < 3.0


@pytest.mark.parametrize(
    "unit",
    ["(", "ABS(", "CASE WHEN ", "NOT (", "EXISTS (SELECT 1 FROM Dataset x WHERE ", "(SELECT 1 FROM User u WHERE "],
)
def test_limits_beyond_what_python_can_nest_give_an_error_too(unit: str) -> None:
    limits = ParseLimits(max_length=10**6, max_nesting=10**6, max_includes=64)
    with pytest.raises(BadParameter):
        parse_search(f"SELECT ds FROM Dataset ds WHERE {unit * 5000}", limits)
    with pytest.raises(BadParameter, match="nested too deeply"):
        parse_search(f"Dataset [{'(' * 5000}", limits)


def test_the_longest_query_is_read_and_a_longer_one_refused() -> None:
    assert parse_search("Dataset".ljust(256), ParseLimits(256, 4, 1)) == parse_search("Dataset", LIMITS)
    for parse in PARSERS:
        with pytest.raises(BadParameter, match=r"^query is longer than 256 characters$"):
            parse("Dataset".ljust(257), ParseLimits(256, 4, 1))


@pytest.mark.parametrize(
    ("left", "middle", "right"),
    [
        ("(", "1=1", ")"),
        ("(", "ds.id", ")"),
        ("ABS(", "1", ")"),
        ("NOT (", "1=1", ")"),
        ("CASE WHEN ", "1=1", " THEN 1 END"),
        ("TRIM(", "'a'", ")"),
    ],
)
def test_the_deepest_nesting_is_read_and_a_deeper_one_refused(left: str, middle: str, right: str) -> None:
    start = "SELECT ds FROM Dataset ds WHERE "
    parse_search(start + left * 40 + middle + right * 40, LIMITS)
    with pytest.raises(BadParameter, match=r"^query is nested more than 40 levels deep$"):
        parse_search(start + left * 41 + middle + right * 41, LIMITS)


def test_the_deepest_nesting_of_the_concise_syntax_is_read_and_a_deeper_one_refused() -> None:
    parse_search("Dataset [" + "(" * 40 + "id=1" + ")" * 40 + "]", LIMITS)
    with pytest.raises(BadParameter, match=r"^query is nested more than 40 levels deep$"):
        parse_search("Dataset [" + "(" * 41 + "id=1" + ")" * 41 + "]", LIMITS)


def test_many_arithmetic_operators_are_read_and_more_refused() -> None:
    start = "SELECT ds FROM Dataset ds WHERE 1 = 1"
    parse_search(start + " + 1" * MAX_ARITHMETIC, LIMITS)
    with pytest.raises(BadParameter, match="arithmetic operators"):
        parse_search(start + " + 1" * (MAX_ARITHMETIC + 1), LIMITS)


def test_many_variables_are_read_and_more_refused() -> None:
    sources = [f"User u{number}" for number in range(MAX_VARIABLES)]
    parse_search("SELECT u1 FROM " + ", ".join(sources), LIMITS)
    with pytest.raises(BadParameter, match="identification variables"):
        parse_search("SELECT u1 FROM User u, " + ", ".join(sources), LIMITS)


def test_long_paths_are_read_and_longer_ones_refused() -> None:
    there_and_back = ".investigation.datasets" * 20
    parse_search(f"SELECT ds FROM Dataset ds JOIN ds{there_and_back} x", LIMITS)
    with pytest.raises(BadParameter, match=r"^path ds... has more than 40 steps$"):
        parse_search(f"SELECT ds FROM Dataset ds JOIN ds{there_and_back}.type x", LIMITS)


def test_many_includes_are_read_and_more_refused() -> None:
    limits = ParseLimits(65_536, 40, 2)
    parse_search("SELECT ds FROM Dataset ds INCLUDE ds.investigation.type", limits)
    parse_search("Dataset INCLUDE Investigation, InvestigationType", limits)
    for query in (
        "SELECT ds FROM Dataset ds INCLUDE ds.investigation.type, ds.type",
        "SELECT ds FROM Dataset ds INCLUDE ds.investigation.type.facility",
        "Dataset INCLUDE Investigation, InvestigationType, Datafile",
    ):
        with pytest.raises(BadParameter, match=r"^INCLUDE clause follows more than 2 relations$"):
            parse_search(query, limits)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(BadParameter, match="surrogate"):
        parse_search("Dataset [name = '\ud800']", LIMITS)
    assert parse_search("Dataset [name = '\U0001f431']", LIMITS).where is not None


# Any tree, written as text, is read back as the same tree.

PATHS = st.sampled_from(("DS", "DS.name", "DS.fileSize", "DS.type.name", "DF.dataset", "DS.sample")).map(
    lambda text: tree.Path(text.split(".")[0], tuple(text.split(".")[1:]))
)
RELATIONS = st.sampled_from((tree.Path("DS", ("datafiles",)), tree.Path("DS", ("type", "datasets"))))
LEAVES: st.SearchStrategy[tree.Expression] = st.one_of(
    PATHS,
    st.builds(tree.Literal, st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)),
    st.builds(tree.Literal, st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(tree.Literal, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    st.builds(tree.Timestamp, st.datetimes().map(lambda moment: moment.replace(microsecond=0))).map(
        lambda stamp: tree.Timestamp(stamp.value.replace(tzinfo=UTC))
    ),
    st.just(tree.Parameter("user")),
    st.just(tree.EnumLiteral("StudyStatus", "NEW")),
    st.builds(tree.Call, st.sampled_from(("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"))),
    st.builds(tree.Call, st.just("SIZE"), st.tuples(RELATIONS)),
)


def _expressions(inner: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.Expression]:
    conditions = st.builds(tree.Comparison, st.sampled_from(("=", "<>", "<")), inner, inner)
    return st.one_of(
        st.builds(tree.Arithmetic, st.sampled_from("+-*/"), inner, inner),
        st.builds(tree.Negative, inner.filter(lambda node: not isinstance(node, tree.Literal))),
        st.builds(tree.Call, st.sampled_from(("ABS", "LENGTH", "LOWER", "SQRT", "UPPER")), st.tuples(inner)),
        st.builds(
            tree.Call, st.sampled_from(("CONCAT", "COALESCE", "MOD", "NULLIF", "LOCATE")), st.tuples(inner, inner)
        ),
        st.builds(tree.Call, st.sampled_from(("SUBSTRING", "LOCATE", "CONCAT")), st.tuples(inner, inner, inner)),
        st.builds(tree.Trim, st.sampled_from(("LEADING", "TRAILING", "BOTH")), st.none() | inner, inner),
        st.builds(
            tree.Case, st.lists(st.tuples(conditions, inner), min_size=1, max_size=2).map(tuple), st.none() | inner
        ),
    )


EXPRESSIONS = st.recursive(LEAVES, _expressions, max_leaves=6)
SUBQUERIES = st.builds(
    tree.Query,
    st.just((tree.Path("X"),)),
    st.just((tree.FromPath(tree.Path("DS", ("datafiles",)), "X"),)),
    where=st.none() | st.builds(tree.Comparison, st.just("="), EXPRESSIONS, EXPRESSIONS),
)
LEAF_CONDITIONS: st.SearchStrategy[tree.Condition] = st.one_of(
    st.builds(tree.Comparison, st.sampled_from(("=", "<>", "<", "<=", ">", ">=")), EXPRESSIONS, EXPRESSIONS),
    st.builds(tree.QuantifiedComparison, st.just(">"), EXPRESSIONS, st.sampled_from(("ALL", "ANY")), SUBQUERIES),
    st.builds(tree.Between, EXPRESSIONS, EXPRESSIONS, EXPRESSIONS, st.booleans()),
    st.builds(tree.InList, EXPRESSIONS, st.lists(EXPRESSIONS, min_size=1, max_size=3).map(tuple), st.booleans()),
    st.builds(tree.InQuery, EXPRESSIONS, SUBQUERIES, st.booleans()),
    st.builds(tree.Like, EXPRESSIONS, EXPRESSIONS, st.sampled_from((None, "$", "'", "\\")), st.booleans()),
    st.builds(tree.IsNull, EXPRESSIONS, st.booleans()),
    st.builds(tree.IsEmpty, RELATIONS, st.booleans()),
    st.builds(tree.MemberOf, EXPRESSIONS, RELATIONS, st.booleans()),
    st.builds(tree.Exists, SUBQUERIES, st.booleans()),
    st.builds(tree.Truth, EXPRESSIONS),
)
CONDITIONS = st.recursive(
    LEAF_CONDITIONS,
    lambda inner: st.one_of(
        st.builds(tree.And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(tree.Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        # NOT EXISTS has a form of its own.
        st.builds(tree.Not, inner.filter(lambda node: not isinstance(node, tree.Exists))),
    ),
    max_leaves=5,
)


@settings(max_examples=500, deadline=None)
@given(CONDITIONS)
def test_a_written_condition_is_read_back(condition: tree.Condition) -> None:
    text = f"SELECT ds FROM Dataset ds JOIN ds.datafiles df WHERE {written(condition)}"
    assert parse_search(text, LIMITS).where == condition
