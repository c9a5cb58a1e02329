"""Which documents a text finds, worked out document by document."""

from __future__ import annotations

import itertools
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamcat.config import EmbeddedSearchSettings
from beamcat.search.documents import DOCUMENTS
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.language.reading import BOX, LUCENE, Manner, Operator
from beamcat.search.language.tree import And, Clause, Clauses, Node, Not, Or, Term, written
from beamcat.search.question import Question
from tests.search.evaluation import Evaluation
from tests.search.language.facility import MemoryDocuments, asked, with_synonyms

WORDS = ("alpha", "beta", "gamma")
EVERY_NAME = [
    {"id": number, "name": " ".join(chosen)}
    for number, chosen in enumerate(
        subset for length in range(len(WORDS) + 1) for subset in itertools.combinations(WORDS, length)
    )
]
NAMES = Evaluation(DOCUMENTS["Datafile"].type, EVERY_NAME)


def holds(node: Node, name: str, operator: Operator) -> bool:
    """The same by the rules of the page for users."""
    match node:
        case Term(text):
            return text in name.split()
        case Not(part):
            return not holds(part, name, operator)
        case And(parts):
            return all(holds(part, name, operator) for part in parts)
        case Or(parts):
            return any(holds(part, name, operator) for part in parts)
        case Clauses(clauses):
            each = [(clause, holds(clause.part, name, operator)) for clause in clauses]
            must = [held for clause, held in each if clause.required or isinstance(clause.part, Not)]
            positive = any(clause.required for clause, _ in each)
            may = [held for clause, held in each if not clause.required and not isinstance(clause.part, Not)]
            if operator is Operator.ALL:
                return all(must) and all(may)
            return all(must) and (positive or not may or any(may))
        case _:
            raise AssertionError(node)


def combined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    clauses = st.lists(
        inner.flatmap(
            lambda node: st.builds(Clause, st.just(node), st.just(False) if isinstance(node, Not) else st.booleans())
        ),
        min_size=2,
        max_size=3,
    )
    return st.one_of(
        st.builds(And, several),
        st.builds(Or, several),
        st.builds(Not, inner),
        clauses.map(lambda found: Clauses(tuple(found))),
    )


@settings(max_examples=150, deadline=None)
@given(st.recursive(st.sampled_from(WORDS).map(Term), combined, max_leaves=8), st.sampled_from((LUCENE, BOX)))
async def test_operators_mean_what_they_say(node: Node, manner: Manner) -> None:
    predicate = await asked(written(node), "Datafile", manner)
    for document in EVERY_NAME:
        expected = holds(node, str(document["name"]), manner.operator)
        assert NAMES.matches(document, predicate) is expected, (written(node), document)


FILES = Evaluation(
    DOCUMENTS["Datafile"].type,
    [
        {
            "id": 1,
            "name": "scan_0042.nxs",
            "path": ["/data/2024/raw/scan_0042.nxs"],
            "description": "Fe2O3 foil, X-ray absorption",
            "size": 3_000_000_000,
            "date": 1_710_000_000_000,
            "format": 40,
        },
        {
            "id": 2,
            "name": "scan_00421.h5",
            "path": ["C:\\data\\run1\\scan_00421.h5"],
            "description": "Iron in situ, Müller",
            "size": 5_000,
            "date": 1_600_000_000_000,
        },
        {"id": 3, "name": "dark_field.tif", "path": ["raw/dark_field.tif"], "doi": "10.5286/ABC.1", "size": 1},
    ],
)


ANSWERS = (
    ("scan", [1, 2]),
    ("scan_0042", [1]),
    ("scan_0042*", [1, 2]),
    ("*_0042*", [1, 2]),
    ("raw/scan_0042*", [1]),
    ("/data/2024", [1]),
    ('location:"/data"', [1]),
    ("location:/2024/raw", []),
    ("raw", [1, 3]),
    ("*.h5", [2]),
    ("*.nxs", [1]),
    (r"C:\data\run1\*.h5", [2]),
    (r"data\run1", [2]),
    ("data/run1", [2]),
    ("iron", [2]),
    ("fe", [2]),
    ("Fe2O3", [1]),
    ("in", [2]),
    ("foil in", [1]),
    ("In", [2]),
    ("muller", [2]),
    ("MÜLLER", [2]),
    ("xray", [1]),
    ("x-ray", [1]),
    ("sitx~1", [2]),
    ("10.5286/abc.1", [3]),
    ("https://doi.org/10.5286/ABC.1", [3]),
    ("doi:10.5286*", [3]),
    ("size > 2 GB", [1]),
    ("size:[1 TO 5] kB", [2]),
    ("date:2024-03", [1]),
    ("before:2024", [2]),
    ("date:*", [1, 2]),
    ("NeXus", [1]),
    ("datafileFormat.name:nexus", [1]),
    ("scan -nexus", [2]),
    ("name:*dark*", [3]),
    ("-scan", [3]),
    ("nothing of the kind", []),
    ("*", [1, 2, 3]),
)


@pytest.mark.parametrize(("text", "found"), ANSWERS)
async def test_a_text_finds_files(text: str, found: list[int]) -> None:
    predicate = await asked(text, "Datafile", BOX, MemoryDocuments(answer=()), with_synonyms())
    assert [document["id"] for document in FILES.every if FILES.matches(document, predicate)] == found


async def test_the_embedded_engine_finds_the_same(tmp_path: Path) -> None:
    engine = EmbeddedSearch({"Datafile": FILES.type}, tmp_path, EmbeddedSearchSettings(shards=1), 60)
    try:
        rebuild = await engine.rebuild(["Datafile"])
        await rebuild.put("Datafile", 0, [orjson.dumps(document) for document in FILES.every])
        await rebuild.commit("all")
        await rebuild.switch(1)
        for text, found in ANSWERS:
            predicate = await asked(text, "Datafile", BOX, MemoryDocuments(answer=()), with_synonyms())
            answer = await engine.ask(Question("Datafile", predicate))
            assert sorted(hit.id for hit in answer.hits) == found, text
    finally:
        await engine.close()
