from __future__ import annotations

import pytest

from beamcat.access.rules import Operation, compile_rule, normalised_flags, validate_public_step
from beamcat.errors import BadParameter, ValidationFailed
from beamcat.query.tree import Path


@pytest.mark.parametrize(
    ("given", "stored"), [("CRUD", "CRUD"), ("crud", "CRUD"), (" r ", "R"), ("DU", "DU"), ("RR", "RR")]
)
def test_flags_are_upper_case_and_trimmed(given: str, stored: str) -> None:
    assert normalised_flags(given) == stored


@pytest.mark.parametrize(("flags", "shown"), [("CRX", "CRX"), ("c r", "C R"), ("1", "1")])
def test_other_letters_are_refused(flags: str, shown: str) -> None:
    with pytest.raises(BadParameter, match=f"^CRUD value {shown} contains "):
        compile_rule(flags, "Dataset")


def test_missing_values_are_refused() -> None:
    with pytest.raises(ValidationFailed, match=r"^Rule: crudFlags cannot be null\.$"):
        compile_rule(None, "Dataset")
    with pytest.raises(BadParameter, match=r"^'what' must not be null$"):
        compile_rule("R", None)


def test_a_rule_says_what_is_stored_with_it() -> None:
    rule = compile_rule("ru", "SELECT ds FROM Dataset ds WHERE ds.name = 'x'")
    assert rule.hidden_values == {
        "bean": "Dataset",
        "attribute": None,
        "c": False,
        "r": True,
        "u": True,
        "d": False,
        "restricted": True,
    }
    assert rule.crud_flags == "RU"
    assert rule.what == "SELECT ds FROM Dataset ds WHERE ds.name = 'x'"
    assert rule.query.select == (Path("DS"),)
    assert rule.allows(Operation.READ)
    assert not rule.allows(Operation.CREATE)


def test_the_concise_syntax_is_understood_and_kept_as_given() -> None:
    rule = compile_rule("R", "Investigation <-> InvestigationUser <-> User [name = :user]")
    assert rule.entity.name == "Investigation"
    assert rule.restricted
    assert rule.what == "Investigation <-> InvestigationUser <-> User [name = :user]"


@pytest.mark.parametrize("attribute", ["description", "investigation", "datafiles"])
def test_an_update_rule_may_be_about_one_member(attribute: str) -> None:
    rule = compile_rule("U", f"SELECT ds.{attribute} FROM Dataset ds")
    assert rule.attribute == attribute
    assert rule.hidden_values["attribute"] == attribute
    assert not rule.restricted


@pytest.mark.parametrize("flags", ["R", "CRUD", "RU", "D"])
def test_only_an_update_rule_may_be_about_one_member(flags: str) -> None:
    with pytest.raises(BadParameter, match=r"^Attribute selection in rules is only allowed for Update$"):
        compile_rule(flags, "SELECT ds.description FROM Dataset ds")


@pytest.mark.parametrize("attribute", ["nothing", "investigation.name"])
def test_the_member_of_an_update_rule_must_exist(attribute: str) -> None:
    with pytest.raises(BadParameter) as refused:
        compile_rule("U", f"SELECT ds.{attribute} FROM Dataset ds")
    assert refused.value.message == f"class org.icatproject.core.entity.Dataset does not have attribute {attribute}"


@pytest.mark.parametrize(
    "what",
    [
        "",
        "rubbish",
        "SELECT ds FROM Datasets ds",
        "SELECT x FROM Dataset ds",
        "SELECT DISTINCT ds FROM Dataset ds",
        "SELECT COUNT(ds) FROM Dataset ds",
        "SELECT ds, i FROM Dataset ds JOIN ds.investigation i",
        "SELECT ds FROM Dataset ds ORDER BY ds.id",
        "SELECT ds FROM Dataset ds GROUP BY ds.id",
        "SELECT ds FROM Dataset ds INCLUDE ds.datafiles",
        "SELECT ds FROM Dataset ds LIMIT 0, 1",
        "SELECT ds FROM Dataset ds WHERE ds.nothing = 1",
        "SELECT ds FROM Dataset ds WHERE ds.investigation.nothing = 1",
        "SELECT ds FROM Dataset ds JOIN ds.nothing n",
        "SELECT ds FROM Dataset ds WHERE ds.name = :someone",
        "SELECT ds FROM Dataset ds WHERE x.name = 'y'",
        "Dataset <-> Nothing",
        "Dataset [nothing = 1]",
    ],
)
def test_a_text_that_is_no_rule_is_refused(what: str) -> None:
    with pytest.raises(BadParameter):
        compile_rule("R", what)


@pytest.mark.parametrize(
    ("what", "restricted"),
    [
        ("Dataset", False),
        ("SELECT ds FROM Dataset ds", False),
        ("select DS from Dataset ds", False),
        ("SELECT ds FROM Dataset ds LEFT JOIN ds.sample s", False),
        ("SELECT ds FROM Dataset ds LEFT JOIN ds.sample s LEFT JOIN ds.datafiles df", False),
        ("Dataset [name = 'x']", True),
        ("Dataset <-> Sample", True),
        ("SELECT ds FROM Dataset ds WHERE ds.name = 'x'", True),
        ("SELECT ds FROM Dataset ds JOIN ds.datafiles df", True),
        ("SELECT ds FROM Dataset ds INNER JOIN ds.sample s", True),
        ("SELECT ds FROM Dataset ds, Sample s", True),
        ("SELECT ds FROM Dataset ds, ds.sample s", True),
        ("SELECT ds FROM Dataset ds LEFT JOIN ds.datafiles df JOIN ds.sample s", True),
        ("SELECT s FROM Investigation i LEFT JOIN i.samples s", True),
    ],
)
def test_whatever_may_lose_objects_restricts(what: str, restricted: bool) -> None:
    assert compile_rule("R", what).restricted is restricted


def test_timestamps_and_the_caller_may_be_used() -> None:
    rule = compile_rule(
        "R",
        "SELECT i FROM Investigation i JOIN i.investigationUsers iu JOIN iu.user u"
        " WHERE u.name = :user OR i.releaseDate < {ts 2020-01-01 00:00:00} OR i.releaseDate < CURRENT_TIMESTAMP",
    )
    assert rule.restricted


def test_a_public_step_is_a_relation_of_an_entity() -> None:
    validate_public_step("Dataset", "investigation")
    validate_public_step("Dataset", "datafiles")


@pytest.mark.parametrize(
    ("origin", "field", "message"),
    [
        ("Applicatio", "jobs", "Applicatio is not an ICAT entity"),
        ("Application", "Jobs", "Field value Jobs does not implement a relationship from Application"),
        ("Dataset", "name", "Field value name does not implement a relationship from Dataset"),
        ("Account", "name", "Account is not an ICAT entity"),
    ],
)
def test_other_public_steps_are_refused(origin: str, field: str, message: str) -> None:
    with pytest.raises(BadParameter) as refused:
        validate_public_step(origin, field)
    assert refused.value.message == message
