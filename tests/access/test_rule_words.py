"""Rules in plain words."""

from __future__ import annotations

import pytest

from beamcat.access.rule_words import in_words, plural
from beamcat.access.rules import compile_rule
from beamcat.access.stored_rules import Group, StoredRule
from beamcat.demo.rules import rule_records
from beamcat.model import ICAT_ENTITIES

USER = " JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name = :user"


def words(flags: str, what: str, group: str | None = None) -> str | None:
    rule = compile_rule(flags, what)
    return in_words(StoredRule(1, None if group is None else Group(1, group), flags, what, rule.entity.name, rule))


@pytest.mark.parametrize(
    ("flags", "what", "group", "told"),
    [
        ("R", "DatasetType", None, "Everybody may read all dataset types."),
        ("CRUD", "Study", "staff", "Members of staff may create, read, update and delete all studies."),
        (
            "U",
            "SELECT s.name FROM Sample s LEFT JOIN s.type t",
            None,
            "Everybody may update name of all samples.",
        ),
        ("R", f"SELECT i FROM Investigation i{USER}", None, "Investigation users may read their investigations."),
        (
            "R",
            f"SELECT ds FROM Dataset ds JOIN ds.investigation i{USER}",
            None,
            "Investigation users may read the datasets of their investigations.",
        ),
        (
            "RU",
            f"SELECT ds FROM Dataset ds JOIN ds.sample s JOIN s.investigation i{USER}",
            "staff",
            "Members of staff who are investigation users may read and update the datasets of their investigations"
            " (by sample, investigation).",
        ),
        (
            "R",
            "Datafile <-> Dataset <-> Investigation <-> InvestigationInstrument <-> Instrument <-> InstrumentScientist"
            " <-> User [name = :user]",
            None,
            "Instrument scientists may read the datafiles of investigations at their instruments.",
        ),
        (
            "R",
            "SELECT i FROM Investigation i JOIN i.investigationGroups g JOIN g.grouping p JOIN p.userGroups m"
            " JOIN m.user u WHERE :user = u.name",
            None,
            "Members of investigation groups may read investigations of their groups.",
        ),
        (
            "U",
            f"SELECT ds.description FROM Dataset ds JOIN ds.investigation i{USER} AND iu.role = 'PI'",
            None,
            "Investigation users in the role 'PI' may update description of the datasets of their investigations.",
        ),
        (
            "R",
            "SELECT s FROM Sample s WHERE s.investigation.releaseDate < CURRENT_TIMESTAMP",
            None,
            "Everybody may read the samples of investigations whose release date has passed.",
        ),
        ("R", "SELECT u FROM User u WHERE u.name = :user", None, "Everybody may read their own user."),
        # What looks like one of these, and is not.
        ("R", "SELECT i FROM Investigation i WHERE i.releaseDate > CURRENT_TIMESTAMP", None, None),
        ("R", "SELECT i FROM Investigation i WHERE i.endDate < CURRENT_TIMESTAMP", None, None),
        ("R", f"SELECT i FROM Investigation i{USER} OR iu.role = 'PI'", None, None),
        ("R", f"SELECT i FROM Investigation i{USER} AND i.name = 'PI'", None, None),
        ("R", f"SELECT i FROM Investigation i{USER} AND u.email = 'PI'", None, None),
        ("R", "SELECT u FROM User u WHERE u.email = :user", None, None),
        ("R", f"SELECT i FROM Investigation i{USER.replace('=', '<>')}", None, None),
    ],
)
def test_a_rule_of_a_usual_shape_is_a_sentence_and_another_has_no_words(
    flags: str, what: str, group: str | None, told: str | None
) -> None:
    assert words(flags, what, group) == told


def test_most_rules_of_the_example_facility_have_words() -> None:
    told = [words(record["crudFlags"], record["what"]) for record in rule_records()]
    assert len([each for each in told if each]) > 0.75 * len(told)


def test_entities_have_plurals() -> None:
    assert plural(ICAT_ENTITIES["Facility"]) == "facilities"
    assert plural(ICAT_ENTITIES["InvestigationFacilityCycle"]) == "investigation facility cycles"


def test_a_rule_that_is_not_valid_has_no_words() -> None:
    assert in_words(StoredRule(1, None, "R", "Nothing", None, None, "Nothing is no entity")) is None
