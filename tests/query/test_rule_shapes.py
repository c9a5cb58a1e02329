"""Rules are shortened to what they say of the investigation, and only where that says the same."""

from __future__ import annotations

import pytest

from beamcat.model import icat_entity
from beamcat.query.parse import ParseLimits, parse_rule
from beamcat.query.rights import RuleQuery
from beamcat.query.rule_shapes import rooted, shorten, usual_path

LIMITS = ParseLimits(max_length=2000, max_nesting=20, max_includes=10)


def rule(what: str) -> RuleQuery:
    text = parse_rule(what, LIMITS)
    return rooted(RuleQuery(icat_entity(text.entity), text.query))


def shortened(what: str) -> tuple[list[str], RuleQuery]:
    current, steps = rule(what), []
    while (shorter := shorten(current)) is not None:
        steps.append(shorter.relation.name)
        current = shorter.rule
    return steps, current


@pytest.mark.parametrize(
    ("what", "path"),
    [
        ("Investigation <-> InvestigationUser <-> User [name = :user]", "user"),
        ("SELECT i FROM Investigation i JOIN i.investigationUsers iu WHERE iu.user.name = :user", "user"),
        ("SELECT i FROM Investigation i, i.investigationUsers iu, iu.user u WHERE :user = u.name", "user"),
        ("SELECT i FROM User u JOIN u.investigationUsers iu JOIN iu.investigation i WHERE u.name = :user", "user"),
        (
            "SELECT i FROM Investigation i JOIN i.investigationInstruments.instrument.instrumentScientists.user u"
            " WHERE u.name = :user",
            "instrument",
        ),
        (
            "Investigation <-> InvestigationGroup <-> Grouping <-> UserGroup <-> User [name = :user]",
            "group",
        ),
        ("SELECT i FROM Investigation i JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name <> :user", None),
        ("SELECT i FROM Investigation i JOIN i.investigationUsers iu JOIN iu.user u WHERE u.fullName = :user", None),
        (
            "SELECT i FROM Investigation i JOIN i.investigationUsers iu JOIN iu.user u"
            " WHERE u.name = :user AND iu.role = 'PI'",
            None,
        ),
        (
            "SELECT i FROM Investigation i JOIN i.investigationUsers iu JOIN iu.user u JOIN i.samples s"
            " WHERE u.name = :user",
            None,
        ),
    ],
)
def test_a_usual_rule_is_recognised_however_it_is_written(what: str, path: str | None) -> None:
    assert usual_path(rule(what)) == path


@pytest.mark.parametrize(
    ("what", "steps", "path"),
    [
        (
            "SELECT df FROM Datafile df JOIN df.dataset ds JOIN ds.investigation i JOIN i.investigationUsers iu"
            " JOIN iu.user u WHERE u.name = :user",
            ["dataset", "investigation"],
            "user",
        ),
        (
            "SELECT df FROM User u JOIN u.investigationUsers iu JOIN iu.investigation i JOIN i.datasets ds"
            " JOIN ds.datafiles df WHERE u.name = :user",
            ["dataset", "investigation"],
            "user",
        ),
        (
            "DatafileParameter <-> Datafile <-> Dataset <-> Investigation [name = 'x']",
            ["datafile", "dataset", "investigation"],
            None,
        ),
        ("SELECT ds FROM Dataset ds WHERE ds.investigation.releaseDate < CURRENT_TIMESTAMP", ["investigation"], None),
    ],
)
def test_a_rule_about_an_investigation_is_said_of_the_investigation(
    what: str, steps: list[str], path: str | None
) -> None:
    found, last = shortened(what)
    assert found == steps
    assert usual_path(last) == path


@pytest.mark.parametrize(
    "what",
    [
        "SELECT ds FROM Dataset ds WHERE ds.investigation.name = 'x' AND ds.name = 'y'",
        "SELECT ds FROM Dataset ds WHERE ds.sample IS NULL",
        "SELECT ds FROM Dataset ds WHERE ds.sample.id = 5 OR ds.sample.name = 'x'",
        "SELECT ds FROM Dataset ds LEFT JOIN ds.investigation i WHERE i.name = 'x'",
        "SELECT ds FROM Dataset ds JOIN ds.datafiles df WHERE df.name = 'x'",
        "SELECT ds FROM Dataset ds JOIN ds.investigation i JOIN ds.datafiles df WHERE i.name = df.name",
        "SELECT ds FROM Dataset ds, Investigation i WHERE ds.investigation = i",
        "SELECT ds FROM Dataset ds WHERE EXISTS (SELECT i FROM ds.investigation i WHERE i.name = 'x')",
    ],
)
def test_a_rule_that_needs_the_object_itself_stays_as_it_is(what: str) -> None:
    assert shortened(what)[0] == []


def test_a_relation_that_may_be_missing_is_followed_only_when_the_rule_joins_it() -> None:
    assert shortened("SELECT ds FROM Dataset ds JOIN ds.sample s WHERE s.name = 'x'")[0] == ["sample"]
