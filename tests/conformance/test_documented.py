"""The queries, rules and requests that the documentation shows are understood by the server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.client import Session
from tests.conformance.conftest import Base

DOCS = Path(__file__).parent.parent.parent / "docs"
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.S)
CODE = re.compile(r"`([^`\n]+)`")


def blocks(page: str, language: str) -> Iterator[str]:
    for found, body in BLOCK.findall((DOCS / page).read_text()):
        if found == language:
            yield body


def codes(page: str) -> list[str]:
    return CODE.findall(BLOCK.sub("", (DOCS / page).read_text()))


def whole_queries() -> set[str]:
    shown = [line.strip() for block in blocks("users/queries.md", "") for line in block.splitlines()]
    shown += codes("users/queries.md") + codes("users/concise-queries.md")
    return {text for text in shown if text.startswith("SELECT ") and " FROM " in text}


def from_clauses() -> set[str]:
    lines = [line.partition("--")[0].strip() for block in blocks("users/queries.md", "") for line in block.splitlines()]
    return {line for line in lines if line.startswith("FROM ")}


def concise_queries() -> set[str]:
    first, *_ = blocks("users/concise-queries.md", "")
    starts = r"(Dataset|ParameterType|COUNT\(|\d*,\d* ?Dataset)(?!`)"
    return {line for line in first.splitlines() if line} | {
        text for text in codes("users/concise-queries.md") if re.match(starts, text) and text != "DataCollection"
    }


def rules() -> set[tuple[str, str]]:
    """The rules of the page, as (flags, what)."""
    text = (DOCS / "administrators/rules.md").read_text()
    in_json = re.findall(r'"crudFlags":"([CRUD]+)","what":"([^"]+)"', text)
    in_words = re.findall(r"`([CRUD]+): ([^`]+)`", text)
    return {*in_json, *in_words}


def test_there_is_something_to_test() -> None:
    assert len(whole_queries()) > 10
    assert len(from_clauses()) > 4
    assert len(concise_queries()) > 8
    assert len(rules()) > 8


@pytest.mark.parametrize("query", sorted(whole_queries()))
def test_a_documented_query_is_answered(query: str, base_once: Base, root: Session) -> None:
    assert isinstance(root.search(query), list)


@pytest.mark.parametrize("clause", sorted(from_clauses()))
def test_a_documented_from_clause_is_understood(clause: str, base_once: Base, root: Session) -> None:
    variable = clause.split()[2].rstrip(",")
    assert isinstance(root.search(f"SELECT {variable} {clause}"), list)


@pytest.mark.parametrize("query", sorted(concise_queries()))
def test_a_documented_concise_query_is_answered(query: str, base_once: Base, root: Session) -> None:
    assert isinstance(root.search(query), list)


@pytest.mark.parametrize(("flags", "what"), sorted(rules()))
def test_a_documented_rule_is_accepted(flags: str, what: str, base_once: Base, root: Session) -> None:
    assert root.create("Rule", crudFlags=flags, what=what)


def test_documented_answers_are_json() -> None:
    for page in ("users/rest.md", "users/sign-in.md", "users/errors.md"):
        for block in blocks(page, "json"):
            json.loads(block)


FUNCTIONS = """
CONCAT('a', 'b') = 'ab'
SUBSTRING('beam', 2, 2) = 'ea'
TRIM('  a ') = 'a'
LOWER('A') = 'a'
UPPER('a') = 'A'
LENGTH('beam') = 4
LOCATE('a', 'beam') = 3
ABS(-1) = 1
SQRT(4) = 2
MOD(7, 3) = 1
SIZE(ds.datafiles) = 2
COALESCE(ds.description, 'none') = 'none'
NULLIF('a', 'a') IS NULL
CASE WHEN ds.id > 0 THEN 1 ELSE 0 END = 1
ds.createTime <= CURRENT_TIMESTAMP
ds.createTime >= {ts 2025-03-12 11:40:26}
ds.createTime >= '2025-03-12'
7 / 2 = 3
ds.description IS NULL
ds.datafiles IS NOT EMPTY
NOT ds.name LIKE 'wib%'
ds.id = (SELECT MAX(x.id) FROM Dataset x WHERE x.name = 'Wibble')
5 = ANY (SELECT f.fileSize FROM Datafile f)
100 > ALL (SELECT f.fileSize FROM Datafile f)
EXISTS (SELECT f FROM Datafile f WHERE f.dataset = ds)
ds MEMBER OF ds.investigation.datasets
ds.complete = TRUE
"""


@pytest.mark.parametrize("condition", FUNCTIONS.strip().splitlines())
def test_functions_and_conditions_mean_what_the_page_says(condition: str, base_once: Base, root: Session) -> None:
    query = f"SELECT ds.name FROM Dataset ds WHERE ds.name = 'Wibble' AND {condition}"
    assert root.search(query) == ["Wibble"]


def test_nulls_come_last_ascending_and_first_descending(base: Base, root: Session) -> None:
    root.update("Dataset", base.dataset["Wibble"], description="b")
    root.update("Dataset", base.dataset["Wobble"], description="B")
    query = "SELECT ds.description FROM Dataset ds ORDER BY ds.description"
    assert root.search(query) == ["B", "b", None, None]
    assert root.search(f"{query} DESC") == [None, None, "b", "B"]


def test_limits_may_stand_before_or_after_the_include(base: Base, root: Session) -> None:
    query = "SELECT ds FROM Dataset ds ORDER BY ds.name"
    one = root.search(f"{query} LIMIT 1, 1 INCLUDE ds.type")
    assert one == root.search(f"{query} INCLUDE ds.type LIMIT 1, 1")
    assert [row["Dataset"]["name"] for row in one] == ["Wobble"]
    assert len(root.search(f"{query} LIMIT 1, *")) == 3


def test_without_an_order_objects_come_by_id(base: Base, root: Session) -> None:
    assert root.search("SELECT f.id FROM Datafile f") == sorted(base.datafile.values())
