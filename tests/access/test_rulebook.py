"""The rules of E.3, E.5 and E.7 on a rulebook made of texts; no database."""

from __future__ import annotations

import pytest

from beamcat.access.caller import Caller
from beamcat.access.rulebook import Rulebook, RuleRow
from beamcat.access.rules import Operation, compile_rule
from beamcat.model import ICAT_ENTITIES, ToMany, ToOne
from beamcat.query.rights import Extent, Readable, Rights, RuleQuery

DATASET = ICAT_ENTITIES["Dataset"]
DATAFILE = ICAT_ENTITIES["Datafile"]
INVESTIGATION = ICAT_ENTITIES["Investigation"]
DATASET_TYPE = ICAT_ENTITIES["DatasetType"]

ADMINS, CURATORS, STRANGERS = 1, 2, 3

ANN = Caller("db/ann")
ADMIN = Caller("db/admin", user_id=7, groups=frozenset({ADMINS}))
CURATOR = Caller("db/curator", user_id=8, groups=frozenset({CURATORS}))
ROOT = Caller("simple/root", root=True)

MINE = (
    "SELECT ds FROM Dataset ds JOIN ds.investigation i JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name = :user"
)

WORKED_EXAMPLE = [
    (None, "R", "DatasetType"),
    (None, "R", "Investigation <-> InvestigationUser <-> User [name = :user]"),
    (None, "R", MINE),
    (ADMINS, "CRUD", "Dataset"),
    (CURATORS, "U", "SELECT ds.description FROM Dataset ds"),
]
"""The rules of E.9."""


def rulebook(rules: list[tuple[int | None, str, str]], steps: list[tuple[str, str]] | None = None) -> Rulebook:
    rows = [RuleRow(n, group, compile_rule(flags, what)) for n, (group, flags, what) in enumerate(rules, 1)]
    return Rulebook(rows, steps or [])


def texts(readable: Readable) -> list[str] | Extent:
    """The conditions of the rules, for comparison."""
    if isinstance(readable, Extent):
        return readable
    return [str(rule.query.where) for rule in readable]


def test_a_user_without_groups_has_the_rules_for_everybody() -> None:
    book = rulebook(WORKED_EXAMPLE)
    rights: Rights = book.rights(ANN)
    assert rights.readable(DATASET_TYPE) is Extent.EVERYTHING
    assert rights.readable(DATAFILE) is Extent.NOTHING
    assert rights.readable(DATASET) == (RuleQuery(DATASET, compile_rule("R", MINE).query),)
    investigations = rights.readable(INVESTIGATION)
    assert isinstance(investigations, tuple)
    assert len(investigations) == 1


def test_an_unrestricted_rule_of_a_group_lifts_the_condition_for_its_members_alone() -> None:
    book = rulebook(WORKED_EXAMPLE)
    assert book.rights(ADMIN).readable(DATASET) is Extent.EVERYTHING
    assert book.rights(CURATOR).readable(DATASET) is not Extent.EVERYTHING
    assert book.rights(ADMIN).readable(DATAFILE) is Extent.NOTHING


def test_root_may_do_everything() -> None:
    book = rulebook([])
    assert book.rights(ROOT).readable(DATAFILE) is Extent.EVERYTHING
    assert book.rights(ROOT).step_is_public(DATASET, DATASET.members["datafiles"])  # type: ignore[arg-type]
    for operation in Operation:
        assert book.applicable(ROOT, DATAFILE, operation) is Extent.EVERYTHING
        assert book.applicable(ANN, DATAFILE, operation) is Extent.NOTHING
    assert book.attribute_rules(ROOT, DATAFILE, "name") is Extent.EVERYTHING
    assert book.attribute_rules(ANN, DATAFILE, "name") is Extent.NOTHING


def test_each_operation_needs_its_own_letter() -> None:
    book = rulebook([(None, "CU", "Dataset"), (None, "D", "Dataset [name = 'x']")])
    assert book.applicable(ANN, DATASET, Operation.CREATE) is Extent.EVERYTHING
    assert book.applicable(ANN, DATASET, Operation.UPDATE) is Extent.EVERYTHING
    assert book.applicable(ANN, DATASET, Operation.READ) is Extent.NOTHING
    deletable = book.applicable(ANN, DATASET, Operation.DELETE)
    assert isinstance(deletable, tuple)
    assert deletable[0].entity is DATASET


def test_a_rule_for_one_attribute_is_none_for_the_whole_object() -> None:
    book = rulebook(WORKED_EXAMPLE)
    assert book.attribute_rules(CURATOR, DATASET, "description") is Extent.EVERYTHING
    assert book.attribute_rules(CURATOR, DATASET, "name") is Extent.NOTHING
    assert book.attribute_rules(ANN, DATASET, "description") is Extent.NOTHING
    assert book.applicable(CURATOR, DATASET, Operation.UPDATE) is Extent.NOTHING
    assert book.attribute_rules(ADMIN, DATASET, "description") is Extent.NOTHING
    assert book.applicable(ADMIN, DATASET, Operation.UPDATE) is Extent.EVERYTHING


def test_a_restricted_attribute_rule_stays_restricted() -> None:
    book = rulebook([(None, "U", "SELECT ds.description FROM Dataset ds WHERE ds.name = 'x'")])
    rules = book.attribute_rules(ANN, DATASET, "description")
    assert isinstance(rules, tuple)
    assert len(rules) == 1


def test_a_public_table_needs_an_unrestricted_read_rule_for_everybody() -> None:
    assert rulebook([(None, "R", "Dataset")]).public_tables == {"Dataset"}
    assert rulebook([(None, "CUD", "Dataset")]).public_tables == set()
    assert rulebook([(ADMINS, "R", "Dataset")]).public_tables == set()
    assert rulebook([(None, "R", "Dataset [name = 'x']")]).public_tables == set()
    assert rulebook([(None, "U", "SELECT ds.name FROM Dataset ds")]).public_tables == set()
    assert rulebook([(None, "R", "SELECT ds FROM Dataset ds JOIN ds.datafiles df")]).public_tables == set()
    assert rulebook([(None, "R", "SELECT ds FROM Dataset ds LEFT JOIN ds.datafiles df")]).public_tables == {"Dataset"}


def test_a_step_is_public_by_its_target_or_by_name() -> None:
    book = rulebook([(None, "R", "DatasetType")], [("Dataset", "investigation")])
    rights = book.rights(ANN)
    public = [
        name
        for name, member in DATASET.members.items()
        if isinstance(member, ToOne | ToMany) and rights.step_is_public(DATASET, member)
    ]
    assert public == ["investigation", "type"]
    assert book.public_steps == {("Dataset", "investigation")}
    assert not rights.step_is_public(DATAFILE, DATAFILE.members["dataset"])  # type: ignore[arg-type]


def test_rules_with_the_same_text_are_asked_once_and_shorter_ones_first() -> None:
    longer, shorter = "Dataset [name = 'longer']", "Dataset [name = 's']"
    book = rulebook([(ADMINS, "R", longer), (CURATORS, "R", longer), (None, "RU", longer), (None, "R", shorter)])
    both = Caller("db/both", groups=frozenset({ADMINS, CURATORS}))
    expected = texts(rulebook([(None, "R", shorter), (None, "R", longer)]).rights(ANN).readable(DATASET))
    assert texts(book.rights(both).readable(DATASET)) == expected
    assert isinstance(expected, list)
    assert "'s'" in expected[0]


def test_callers_with_the_same_rules_share_their_rights() -> None:
    book = rulebook([(None, "R", "DatasetType"), (ADMINS, "R", MINE), (CURATORS, "R", MINE), (STRANGERS, "R", "User")])
    admin, curator, stranger, nobody = (
        book.rights(Caller("x", groups=groups))
        for groups in (frozenset({ADMINS}), frozenset({CURATORS}), frozenset({STRANGERS, 99}), frozenset({99}))
    )
    assert admin == curator
    assert len({admin.key, curator.key}) == 1
    assert hash(admin) == hash(curator)
    assert len({admin, stranger, nobody}) == 3
    assert nobody is book.rights(Caller("y"))
    assert book.rights(ROOT).key.root


def test_what_an_unrestricted_rule_covers_does_not_tell_callers_apart() -> None:
    book = rulebook([(ADMINS, "R", "Dataset"), (CURATORS, "R", "SELECT d FROM Dataset d"), (CURATORS, "R", MINE)])
    assert book.rights(ADMIN).key == book.rights(CURATOR).key


def test_the_edition_names_the_content() -> None:
    assert rulebook(WORKED_EXAMPLE).edition == rulebook(WORKED_EXAMPLE).edition
    editions = {
        rulebook([(None, "R", "Dataset")]).edition,
        rulebook([(None, "R", "Datafile")]).edition,
        rulebook([(None, "RU", "Dataset")]).edition,
        rulebook([(ADMINS, "R", "Dataset")]).edition,
        rulebook([(None, "R", "Dataset")], [("Dataset", "type")]).edition,
    }
    assert len(editions) == 5
    one, other = rulebook([(None, "R", "Dataset [id = 1]")]), rulebook([(None, "R", "Dataset [id = 2]")])
    assert one.rights(ANN) != other.rights(ANN)


def test_a_rule_that_does_not_compile_allows_nothing() -> None:
    book = Rulebook([RuleRow(1, None, None), RuleRow(2, None, compile_rule("R", "DatasetType"))], [])
    assert book.rights(ANN).readable(DATASET) is Extent.NOTHING
    assert book.rights(ANN).readable(DATASET_TYPE) is Extent.EVERYTHING


def test_rights_kept_ready_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamcat.access.rulebook.RIGHTS_REMEMBERED", 3)
    book = rulebook([(group, "R", f"Dataset [id = {group}]") for group in range(1, 6)])
    callers = [Caller("x", groups=frozenset({group})) for group in range(1, 6)]
    rights = [book.rights(caller) for caller in callers]
    assert [book.rights(caller) is kept for caller, kept in zip(callers[2:], rights[2:], strict=True)] == [True] * 3
    again = book.rights(callers[0])
    assert again is not rights[0]
    assert again == rights[0]


def test_a_thousand_groups_make_no_difference_to_a_caller_in_few() -> None:
    book = rulebook([(group, "R", f"Dataset [id = {group}]") for group in range(1, 1001)])
    readable = book.rights(Caller("x", groups=frozenset({3, 5, 4000}))).readable(DATASET)
    assert isinstance(readable, tuple)
    assert len(readable) == 2
