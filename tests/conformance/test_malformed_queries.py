"""Whatever is asked, the fault is never the server's: words in any order, expressions of any types, far too much."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.answers import check_answer, modest
from tests.conformance.client import Session
from tests.conformance.conftest import Base

Texts = st.SearchStrategy[str]

QUERY_WORDS = """
    SELECT DISTINCT FROM WHERE AND OR NOT IN EXISTS COUNT( SUM( MAX( LENGTH( TRIM( ) ( , . = <> < > + - * / LIKE ESCAPE
    '$' IS NULL EMPTY MEMBER OF BETWEEN JOIN LEFT AS GROUP BY HAVING ORDER ASC DESC INCLUDE 1 LIMIT 0, 5 1e400 'x' '' '
    99999999999999999999 :user :x TRUE ds ds.name ds.type ds.type.name ds.datafiles df df.fileSize ds.nonsense Dataset
    Datafile Investigation [ ] <-> name id {ts} CASE WHEN THEN ELSE END ALL(SELECT ds; -- \\ %s $1
"""
QUERY_PARTS = [
    "{ts 2001-02-30 00:00:00}",
    "{ts 2001-02-03 04:05:06}",
    "Dataset ds",
    "SELECT ds FROM Dataset ds",
    "\t",
    "\n",
    "\u2028",
]
WORDS = st.sampled_from([*QUERY_WORDS.split(), *QUERY_PARTS])


@given(query=st.lists(WORDS, max_size=14).map(" ".join) | st.text(max_size=60))
@settings(modest, max_examples=200)
def test_known_words_in_any_order(query: str, base_once: Base, root: Session) -> None:
    check_answer(root.http.get("/icat/entityManager", params={"sessionId": root.id, "query": query}))


def one_of_lines(text: str) -> Texts:
    return st.sampled_from(text.strip().splitlines())


NUMBERS = one_of_lines("""
ds.id
ds.fileSize
p.numericValue
ds.investigation.facility.daysUntilRelease
0
-1
2.5
1e308
9223372036854775807
NULL
LENGTH(ds.name)
SIZE(ds.datafiles)
SQRT(ds.fileSize - 100)
MOD(ds.id, ds.fileSize)
ABS(ds.id)
LOCATE('a', ds.name, -5)
(SELECT COUNT(f) FROM ds.datafiles f)
(SELECT f.fileSize FROM Datafile f)
""")
STRINGS = one_of_lines("""
ds.name
ds.type.name
ds.description
p.stringValue
p.type.units
'x'
''
'2014-05-16'
:user
UPPER(ds.name)
SUBSTRING(ds.name, 0, -1)
SUBSTRING(ds.name, 9223372036854775807)
CONCAT(ds.name, '%')
TRIM(LEADING 'W' FROM ds.name)
COALESCE(ds.description, ds.name)
NULLIF(ds.name, 'Wibble')
""")
TIMES = one_of_lines("""
ds.startDate
ds.createTime
p.dateTimeValue
CURRENT_TIMESTAMP
CURRENT_DATE
{ts 2014-05-16 16:58:26}
'2014-05-16'
'not a date'
'2014-05-16 99:99:99'
NULL
""")
OTHERS = one_of_lines("""
ds.complete
TRUE
p.type.valueType
org.icatproject.ParameterValueType.NUMERIC
org.icatproject.ParameterValueType.NONSENSE
ds
ds.sample
ds.investigation
ds.datafiles
ds.nonsense
COUNT(ds)
(SELECT f FROM Datafile f)
""")


def computed(operands: Texts) -> Texts:
    return st.recursive(
        operands,
        lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/"]), inner),
        max_leaves=3,
    )


def case_of(operands: Texts) -> Texts:
    return st.builds("CASE WHEN {} THEN {} ELSE {} END".format, COMPARISONS, operands, operands)


def compared(left: Texts, right: Texts) -> Texts:
    return (
        st.builds("{} {} {}".format, left, st.sampled_from(["=", "<>", "<", ">="]), right)
        | st.builds("{} BETWEEN {} AND {}".format, left, right, right)
        | st.builds("{} NOT IN ({}, {})".format, left, right, right)
        | st.builds("{} IS NULL".format, left)
    )


SUMS = computed(NUMBERS)
COMPARISONS = compared(SUMS, SUMS) | compared(STRINGS, STRINGS) | compared(TIMES, TIMES)
ANYTHING = SUMS | STRINGS | TIMES | OTHERS
PREDICATES = (
    COMPARISONS
    | st.builds("{} LIKE {} ESCAPE '$'".format, STRINGS, STRINGS)
    | st.builds("{} > ALL (SELECT f.fileSize FROM Datafile f WHERE f.name <> {})".format, SUMS, STRINGS)
    | st.builds("EXISTS (SELECT f FROM Datafile f WHERE f.fileSize = {})".format, SUMS)
    | st.builds("{} = {}".format, SUMS | STRINGS, case_of(SUMS))
    | compared(ANYTHING, ANYTHING)
    | st.builds("{} MEMBER OF ds.{}".format, OTHERS, st.sampled_from(["datafiles", "parameters", "name"]))
)
CONDITIONS = st.recursive(
    PREDICATES,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR", "AND NOT"]), inner),
    max_leaves=3,
)
SELECTED = st.sampled_from(["ds", "ds, p", "DISTINCT ds", "ds.datafiles", "COUNT(DISTINCT ds.name)"]) | SUMS | STRINGS
TAILS = st.just("") | st.builds(" ORDER BY {}".format, SUMS | STRINGS) | st.builds(" GROUP BY {}".format, OTHERS)
ENDS = st.sampled_from(["", " INCLUDE 1", " INCLUDE ds.parameters q, q.type", " LIMIT 0, 2"])


@given(select=SELECTED, condition=CONDITIONS, tail=TAILS, end=ENDS)
@settings(modest, max_examples=500)
def test_queries_that_may_mean_something(
    select: str, condition: str, tail: str, end: str, base_once: Base, root: Session
) -> None:
    query = f"SELECT {select} FROM Dataset ds LEFT JOIN ds.parameters p WHERE {condition}{tail}{end}"
    check_answer(root.http.get("/icat/entityManager", params={"sessionId": root.id, "query": query}))


TOO_MUCH = [
    "SELECT ds FROM Dataset ds WHERE " + "(" * 5_000 + "1=1" + ")" * 5_000,
    "SELECT ds FROM Dataset ds WHERE " + "NOT " * 10_000 + "1=1",
    "SELECT ds FROM Dataset ds WHERE ds.id IN (" + ",".join("1" * 10_000) + ")",
    "SELECT ds FROM Dataset ds WHERE " + " AND ".join(["ds.id = 1"] * 3_000),
    "SELECT ds FROM Dataset ds WHERE ds.id = " + "-" * 5_000 + "1",
    "SELECT ds FROM Dataset ds WHERE ds.id = " + "+".join(["1"] * 8_000),
    "Dataset [" + "(" * 5_000,
    "Dataset " + "<-> Investigation " * 2_000,
    "SELECT ds FROM Dataset ds INCLUDE " + ", ".join(f"ds.datafiles d{n}" for n in range(2_000)),
    "SELECT ds FROM Dataset ds INCLUDE ds" + ".investigation.datasets" * 500,
    "SELECT " + ", ".join(["ds.name"] * 3_000) + " FROM Dataset ds",
    "SELECT ds FROM " + ", ".join(f"Dataset d{n}" for n in range(300)) + ", Dataset ds",
    "SELECT ds FROM Dataset ds WHERE ds" + ".investigation.facility" * 300 + ".name = 'x'",
    "SELECT SQRT(-1) FROM Dataset ds",
    "SELECT ds.id / 0 FROM Dataset ds",
    "SELECT MOD(ds.id, 0) FROM Dataset ds",
    "SELECT ds.id * 9223372036854775807 FROM Dataset ds",
    "SELECT SUM(ds.id * 1e308) FROM Dataset ds",
    "SELECT SUBSTRING(ds.name, 1, -1) FROM Dataset ds",
    "SELECT ds FROM Dataset ds WHERE ds.startDate < 'nonsense'",
    "SELECT ds FROM Dataset ds WHERE ds.id = 'nonsense'",
    "SELECT ds FROM Dataset ds WHERE ds.name LIKE 'a$' ESCAPE '$'",
    "SELECT ds FROM Dataset ds WHERE ds.name LIKE 'a' ESCAPE '$$'",
    "SELECT ds FROM Dataset ds LIMIT 99999999999999999999, 1",
    "SELECT ds FROM Dataset ds LIMIT 0, 99999999999999999999",
    "SELECT ds FROM Dataset ds WHERE ds.name = '\u0000'",
    "99999999999999999999,1 Dataset",
]


@pytest.mark.parametrize("query", TOO_MUCH, ids=lambda query: query[:60])
def test_queries_that_ask_too_much(query: str, base_once: Base, root: Session) -> None:
    check_answer(root.http.get("/icat/entityManager", params={"sessionId": root.id, "query": query}))


def test_a_long_url_is_answered(root: Session, base_once: Base) -> None:
    listed = ", ".join(str(number) for number in range(8_000))
    query = f"SELECT COUNT(ds) FROM Dataset ds WHERE ds.id IN ({listed})"
    assert len(query) > 40_000
    answer = root.http.get("/icat/entityManager", params={"sessionId": root.id, "query": query})
    assert answer.status_code == 200
