"""Which rules look at other objects than those that an object belongs to."""

from __future__ import annotations

import pytest

from beamcat.access.rules import compile_rule
from beamcat.catalogue.siblings import entities_seen
from beamcat.query.rights import Extent, RuleQuery

OWN_INVESTIGATION = """
SELECT df FROM Datafile df JOIN df.dataset ds JOIN ds.investigation i JOIN i.investigationUsers iu JOIN iu.user u
WHERE u.name = :user
"""


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        ("Dataset", set()),
        ("SELECT ds FROM Dataset ds WHERE ds.investigation.name = 'A'", set()),
        ("DatafileParameter <-> Datafile <-> Dataset <-> Investigation [name = 'A']", set()),
        ("SELECT ds FROM Investigation i JOIN i.datasets ds WHERE i.name = 'A'", set()),
        (OWN_INVESTIGATION, {"InvestigationUser", "User"}),
        ("Dataset <-> Investigation <-> InvestigationUser <-> User [name = :user]", {"InvestigationUser", "User"}),
        ("SELECT ds FROM Dataset ds WHERE EXISTS (SELECT o FROM Dataset o WHERE o.name = ds.name)", {"Dataset"}),
        ("SELECT ds FROM Dataset ds WHERE ds.investigation.datasets IS NOT EMPTY", {"Dataset"}),
        ("SELECT ds FROM Dataset ds WHERE (SELECT COUNT(df) FROM ds.datafiles df) = 2", {"Datafile"}),
        ("SELECT ds FROM Dataset ds WHERE SIZE(ds.datafiles) = 2", {"Datafile"}),
        ("SELECT ds FROM Dataset ds, User u WHERE u.name = :user", {"User"}),
    ],
)
def test_what_a_rule_looks_at(what: str, seen: set[str]) -> None:
    rule = compile_rule("C", what.strip())
    assert entities_seen((RuleQuery(rule.entity, rule.query),)) == seen


def test_everything_and_nothing_look_at_nothing() -> None:
    assert entities_seen(Extent.EVERYTHING) == entities_seen(Extent.NOTHING) == frozenset()
