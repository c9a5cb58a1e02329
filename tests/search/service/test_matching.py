"""One document at a time is found to match as engines find it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from beamcat.search.matching import Matching
from beamcat.search.question import Predicate
from tests.properties.engine import examples
from tests.search.evaluation import Evaluation
from tests.search.generated import STUDY, documents, predicates


@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(documents, st.lists(predicates, min_size=20, max_size=20))
def test_it_says_what_the_evaluation_says(every: Sequence[dict[str, Any]], asked: Sequence[Predicate]) -> None:
    matching, evaluation = Matching(STUDY), Evaluation(STUDY, every)
    for predicate in asked:
        for document in every:
            assert matching.matches(document, predicate) == evaluation.matches(document, predicate), (
                predicate,
                document,
            )
