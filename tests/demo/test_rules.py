"""The rules of the example facility are valid, and of the kinds that are cheap to check."""

from __future__ import annotations

import pytest

from beamcat.access.rules import compile_rule, validate_public_step
from beamcat.demo.objects import Record
from beamcat.demo.rules import PUBLIC_TABLES, TO_INVESTIGATION, rule_records, step_records
from beamcat.model import ICAT_ENTITIES, ToOne
from beamcat.query.rights import RuleQuery
from beamcat.query.rule_shapes import rooted, shorten, usual_path


@pytest.mark.parametrize("record", rule_records(), ids=lambda record: f"{record['crudFlags']} {record['what']}"[:120])
def test_a_rule_is_valid(record: Record) -> None:
    compiled = compile_rule(record["crudFlags"], record["what"])
    assert compiled.crud_flags == record["crudFlags"]


@pytest.mark.parametrize("record", step_records(), ids=lambda record: f"{record['origin']}.{record['field']}")
def test_a_public_step_is_valid(record: Record) -> None:
    validate_public_step(record["origin"], record["field"])


def test_both_languages_are_used() -> None:
    whats = [record["what"] for record in rule_records() if "User" in record["what"]]
    assert any(what.startswith("SELECT ") for what in whats)
    assert any(" <-> " in what for what in whats)


def test_nothing_but_the_public_tables_is_readable_by_all() -> None:
    unrestricted = {
        compiled.entity.name
        for record in rule_records()
        if "grouping" not in record and not (compiled := compile_rule(record["crudFlags"], record["what"])).restricted
    }
    assert unrestricted == set(PUBLIC_TABLES)


def test_public_steps_never_lead_out_of_a_public_table_to_what_is_not_public() -> None:
    """Such a step would show to everybody what belongs to closed data; names of instrument scientists are meant to."""
    leading_out = {
        (record["origin"], record["field"]) for record in step_records() if record["origin"] in PUBLIC_TABLES
    }
    assert leading_out == {("InstrumentScientist", "user")}


def test_team_rules_are_answered_by_the_maintained_table() -> None:
    """What a rule says of a datafile is said of its investigation in the end, in one of three usual ways."""
    to_one = {
        entity
        for entity, path in TO_INVESTIGATION.items()
        if not path or isinstance(ICAT_ENTITIES[entity].members[path[0]], ToOne)
    } - {"Job", "DataCollectionParameter"}
    paths: dict[str, set[str]] = {}
    for record in rule_records():
        compiled = compile_rule(record["crudFlags"], record["what"])
        if compiled.entity.name in to_one and "R" in compiled.crud_flags:
            path = _usual_path(RuleQuery(compiled.entity, compiled.query))
            if path is not None:
                paths.setdefault(compiled.entity.name, set()).add(path)
    assert paths == {entity: {"user", "instrument", "group"} for entity in to_one}


def _usual_path(rule: RuleQuery) -> str | None:
    rule = rooted(rule)
    while rule.entity.name != "Investigation":
        shortened = shorten(rule)
        if shortened is None:
            return None
        rule = shortened.rule
    return usual_path(rule)
