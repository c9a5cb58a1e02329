"""The evaluator itself, against the examples of the specification (sections D, E.9 and M), told by hand."""

from __future__ import annotations

from typing import Any

import pytest

from beamcat.model import ENTITIES

from .compare import all_of, any_of, compared, like, negation
from .engine import oracle_rule, parsed
from .functions import aggregated, arithmetic, called, trimmed
from .oracle import Expected, Permissions, expected_answer
from .rules import RuleText
from .world import World, make_thing, make_world


def _world() -> World:
    """The base data of section M, and two users: ann is on investigation A, bob is an admin."""
    world = World()

    def add(entity: str, identifier: int, **given: Any) -> None:
        world.add(make_thing(ENTITIES[entity], identifier, given))

    add("Facility", 1, name="F1")
    add("InvestigationType", 1, name="it1", facility=1)
    for identifier, name in enumerate("ABC", start=1):
        add("Investigation", identifier, name=name, visitId="one", title="Not null", facility=1, type=1)
    add("DatasetType", 1, name="GQ", facility=1)
    for identifier, name in enumerate(("Wibble", "Wobble", "dfsin", "dfsout"), start=1):
        add("Dataset", identifier, name=name, investigation=1, type=1)
    files = (("wib1", 5, 1), ("wib2", 7, 1), ("wob1", 0, 2), ("fred", 11, 3), ("bill", 17, 3), ("mog", 11, 4))
    for identifier, (name, size, dataset) in enumerate(files, start=1):
        add("Datafile", identifier, name=name, fileSize=size, dataset=dataset)
    add("User", 1, name="db/ann")
    add("User", 2, name="db/bob")
    add("InvestigationUser", 1, user=1, investigation=1, role="pi")
    add("Grouping", 1, name="admins")
    add("UserGroup", 1, user=2, grouping=1)
    add("Rule", 1, crudFlags="R", what="Facility", grouping=1)
    add("Rule", 2, crudFlags="R", what="Facility")
    return world


def _ask(text: str, user: str = "db/ann", rules: tuple[RuleText, ...] | None = None) -> list[Any]:
    """The rows, single columns unpacked; objects as `Entity:id`."""
    world = _world()
    permissions = Permissions(world, [oracle_rule(rule) for rule in rules or ()], user, root=rules is None)
    expected = expected_answer(world, parsed(text), permissions)
    rows = [tuple(map(_shown, row)) for group in expected.groups for row in group]
    rows = rows[expected.offset :][: expected.count]
    return [row[0] if len(row) == 1 else row for row in rows]


def _shown(cell: Any) -> Any:
    return f"{cell[0]}:{cell[1][0][1]}" if len(cell) == 3 else cell[1]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("COUNT(Dataset)", [4]),
        ("Dataset.id ORDER BY id", [1, 2, 3, 4]),
        (",1 Datafile.name ORDER BY name", ["bill"]),
        ("1, Datafile.name ORDER BY name", ["fred", "mog", "wib1", "wib2", "wob1"]),
        ("1,1 Datafile.name ORDER BY name", ["fred"]),
        ("100,1 Datafile.name ORDER BY name", []),
        ("SELECT df.name, df.fileSize FROM Datafile df ORDER BY df.name LIMIT 0,2", [("bill", 17), ("fred", 11)]),
        ("SELECT SUM(df.fileSize) FROM Datafile df", [51]),
        ("SELECT SUM(DISTINCT df.fileSize) FROM Datafile df", [40]),
        ("SELECT COUNT(DISTINCT df.fileSize) FROM Datafile df", [5]),
        ("SELECT COUNT(DISTINCT(df.fileSize)) FROM Datafile df", [5]),
        ("SELECT ds.id FROM Dataset ds WHERE (SELECT COUNT(df) FROM ds.datafiles df) = 2", [1, 3]),
        ("SELECT inv.name FROM Investigation inv WHERE inv.datasets IS NOT EMPTY", ["A"]),
        ("SELECT i.facility FROM Investigation i", ["Facility:1"] * 3),
        ("SELECT DISTINCT i.facility FROM Investigation i", ["Facility:1"]),
        ("SELECT i.facility.url FROM Investigation i", [None] * 3),
        ("SELECT COUNT(i.facility.url) FROM Investigation i", [0]),
        ("SELECT null, MAX(i.id) FROM Investigation i", [(None, 3)]),
        ("SELECT f.investigations FROM Facility f", ["Investigation:1", "Investigation:2", "Investigation:3"]),
        ("SELECT MAX(df.fileSize) FROM Datafile df WHERE df.id > 99", [None]),
        ("SELECT AVG(df.fileSize) FROM Datafile df WHERE df.dataset.name = 'Wibble'", [6.0]),
        (
            "SELECT df.dataset.name, SUM(df.fileSize) FROM Datafile df GROUP BY df.dataset ORDER BY df.dataset.id",
            [("Wibble", 12), ("Wobble", 0), ("dfsin", 28), ("dfsout", 11)],
        ),
        (
            "SELECT ds.name FROM Dataset ds JOIN ds.datafiles a JOIN ds.datafiles b "
            "WHERE a.name='fred' AND b.name='bill'",
            ["dfsin"],
        ),
        # D.4: a path over a relation is an inner join, LEFT JOIN with an alias is not
        ("SELECT o.id FROM Rule o ORDER BY o.grouping.name", [1]),
        ("SELECT o.id FROM Rule o LEFT JOIN o.grouping AS g ORDER BY g.name", [1, 2]),
        ("SELECT o.id FROM Rule o WHERE o.id = 2 OR o.grouping.name = 'admins'", [1]),
        ("SELECT o.id FROM Rule o WHERE o.grouping IS NULL", [2]),
        ("SELECT o.grouping.id FROM Rule o", [1, None]),
        ("SELECT o.id FROM Rule o WHERE NOT o.grouping.id = 7", [1]),
        # D.5: lenient types, LIKE without an escape character
        ("SELECT i.name FROM Investigation i WHERE i.id = '2' AND i.name <> 12", ["B"]),
        ("SELECT i.name FROM Investigation i WHERE i.createTime < '2011-01-01' AND i.id < 2", ["A"]),
        ("SELECT u.name FROM User u WHERE u.name LIKE 'db$/a%' ESCAPE '$'", ["db/ann"]),
        ("SELECT u.name FROM User u WHERE u.name LIKE 'db\\/a%'", []),
        ("SELECT u.id FROM User u WHERE u.name = :user", [1]),
        ("SELECT d.id FROM Datafile d WHERE d.fileSize >= ALL (SELECT x.fileSize FROM Datafile x)", [5]),
        ("SELECT d.id FROM Datafile d WHERE d.fileSize < ANY (SELECT x.fileSize FROM Datafile x WHERE x.id=1)", [3]),
        ("SELECT d.id FROM Dataset d, Datafile f WHERE f MEMBER OF d.datafiles AND f.name = 'mog'", [4]),
        ("SELECT d.id FROM Dataset d WHERE SIZE(d.datafiles) = 1", [2, 4]),
    ],
)
def test_an_example_of_the_specification(text: str, rows: list[Any]) -> None:
    assert _ask(text) == rows


ANN_READS_HERS = RuleText(None, "R", "Investigation <-> InvestigationUser <-> User [name = :user]")
E9 = (
    RuleText(None, "R", "DatasetType"),
    ANN_READS_HERS,
    RuleText(
        None,
        "R",
        "SELECT ds FROM Dataset ds JOIN ds.investigation i JOIN i.investigationUsers iu JOIN iu.user u "
        "WHERE u.name = :user",
    ),
    RuleText(1, "CRUD", "Dataset"),
)


@pytest.mark.parametrize(
    ("user", "text", "rows"),
    [
        ("db/ann", "SELECT COUNT(df) FROM Datafile df", [0]),
        ("db/ann", "SELECT SUM(df.fileSize) FROM Datafile df", []),
        ("db/ann", "SELECT COUNT(df.id), MIN(df.id) FROM Datafile df", [(0, None)]),
        ("db/ann", "SELECT COUNT(ds) FROM Dataset ds", [4]),
        ("db/bob", "SELECT COUNT(ds) FROM Dataset ds", [4]),
        ("db/cy", "SELECT COUNT(ds) FROM Dataset ds", [0]),
        ("db/ann", "SELECT DISTINCT ds.investigation.title FROM Dataset ds", ["Not null"]),
        ("db/bob", "SELECT DISTINCT ds.investigation.title FROM Dataset ds", []),
        ("db/ann", "SELECT ds, dt FROM Dataset ds JOIN ds.type dt WHERE ds.id = 1", [("Dataset:1", "DatasetType:1")]),
        ("db/cy", "SELECT ds, dt FROM Dataset ds JOIN ds.type dt", []),
        ("db/ann", "SELECT f.investigations FROM Facility f", ["Investigation:1"]),
    ],
)
def test_a_worked_example_of_the_rules(user: str, text: str, rows: list[Any]) -> None:
    assert _ask(text, user, E9) == rows


def test_two_rules_for_the_same_object_count_it_once() -> None:
    rules = (RuleText(None, "R", "Datafile [name = 'fred']"), RuleText(None, "R", "Datafile [fileSize = 11]"))
    assert _ask("SELECT COUNT(df) FROM Datafile df", rules=rules) == [2]


def test_unreadable_included_objects_are_left_out() -> None:
    world = _world()
    text = "SELECT ds FROM Dataset ds WHERE ds.id = 1 INCLUDE ds.type, ds.investigation, ds.datafiles"

    def included(user: str) -> list[str]:
        permissions = Permissions(world, [oracle_rule(rule) for rule in E9], user)
        expected: Expected = expected_answer(world, parsed(text), permissions)
        ((row,),) = expected.groups
        return [name for name, _ in row[0][2]]

    assert included("db/ann") == ["investigation", "type"]
    assert included("db/bob") == ["type"]
    world.add(make_thing(ENTITIES["PublicStep"], 1, {"origin": "Dataset", "field": "datafiles"}))
    assert included("db/bob") == ["datafiles", "type"]


def test_a_rule_is_restricted_by_a_condition_or_an_inner_join_but_not_by_a_left_join() -> None:
    assert not oracle_rule(RuleText(None, "R", "SELECT d FROM Dataset d LEFT JOIN d.sample s")).restricted
    assert oracle_rule(RuleText(None, "R", "SELECT d FROM Dataset d JOIN d.sample s")).restricted
    assert oracle_rule(RuleText(None, "R", "SELECT d FROM Dataset d, Sample s")).restricted
    assert oracle_rule(RuleText(None, "R", "Dataset [id > 0]")).restricted


def test_three_valued_logic() -> None:
    assert all_of((True, None)) is None
    assert all_of((False, None)) is False
    assert any_of((True, None)) is True
    assert any_of((False, None)) is None
    assert negation(None) is None
    assert compared("=", None, 1) is None


def test_a_literal_is_read_as_the_type_of_the_other_side() -> None:
    assert compared("=", 5, "5", right_written=True) is True
    assert compared("<", "10", 9, right_written=True) is True
    assert compared("<", 10, "9", right_written=True) is False


def test_like_without_escape_takes_a_backslash_for_itself() -> None:
    assert like("c\\d", "c\\d", None) is True
    assert like("c%", "c\\%", None) is False
    assert like("b_ta", "b$_ta", "$") is True
    assert like("beta", "b$_ta", "$") is False
    assert like("two\nlines", "two%", None) is True


@pytest.mark.parametrize(
    ("function", "arguments", "value"),
    [
        ("SUBSTRING", ("abcdef", 2, 3), "bcd"),
        ("SUBSTRING", ("abcdef", 0, 3), "ab"),
        ("LOCATE", ("c", "abcabc"), 3),
        ("LOCATE", ("c", "abcabc", 4), 6),
        ("LOCATE", ("x", "abc"), 0),
        ("MOD", (-7, 3), -1),
        ("LENGTH", ("é",), 1),
        ("CONCAT", ("a", None), None),
        ("SQRT", (9,), 3.0),
    ],
)
def test_a_function(function: str, arguments: tuple[Any, ...], value: Any) -> None:
    assert called(function, arguments) == value


def test_arithmetic_on_integers_stays_there() -> None:
    assert arithmetic("/", -7, 2) == -3
    assert arithmetic("/", 7, 2.0) == 3.5
    assert arithmetic("+", None, 2) is None
    assert trimmed("LEADING", "x", "xxax") == "ax"
    assert aggregated("AVG", [1, 2, None], distinct=False) == 1.5
    assert aggregated("SUM", [], distinct=False) is None


def test_worlds_are_repeatable_and_differ_by_seed() -> None:
    def told(seed: int) -> list[Any]:
        return [(thing.entity.name, thing.values, thing.links) for thing in make_world(seed)]

    assert told(1) == told(1)
    assert told(1) != told(2)
