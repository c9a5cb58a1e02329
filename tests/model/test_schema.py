"""The declaration against the facts of the ICAT 6.2 schema, field by field.

`icat-schema.json` holds the facts. The comparison is a function that lists differences, so that the last tests
can change single facts and see that each change is noticed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beamcat.model import (
    BASE_ATTRIBUTES,
    ENTITIES,
    ENUMERATIONS,
    ICAT_ENTITIES,
    PARAMETER,
    Attribute,
    Entity,
    ToMany,
    ToOne,
)

Facts = dict[str, Any]

FACTS: Facts = json.loads((Path(__file__).parent / "icat-schema.json").read_text())
VALUES_OF_A_PARAMETER = {"dateTimeValue", "error", "numericValue", "rangeBottom", "rangeTop", "stringValue", "type"}


def declared_attribute(attribute: Attribute) -> Facts:
    return {
        "name": attribute.name,
        "type": attribute.kind.value,
        "max_length": attribute.length,
        "nullable": not attribute.required,
        "default": attribute.default,
        "enum": attribute.enumeration.name if attribute.enumeration else None,
        "enum_values": list(attribute.enumeration.values) if attribute.enumeration else None,
    }


def known_attribute(facts: Facts) -> Facts:
    return {
        "name": facts["name"],
        "type": facts["type"],
        "max_length": facts["max_length"],
        "nullable": facts["nullable"],
        "default": facts.get("default"),
        "enum": facts.get("enum"),
        "enum_values": facts.get("enum_values"),
    }


def declared_to_one(relation: ToOne) -> Facts:
    return {
        "name": relation.name,
        "target": relation.target,
        "nullable": not relation.required,
        "inverse": relation.inverse,
    }


def known_to_one(facts: Facts) -> Facts:
    return {key: facts[key] for key in ("name", "target", "nullable", "inverse")}


def declared_to_many(relation: ToMany) -> Facts:
    return {"name": relation.name, "target": relation.target, "inverse": relation.by}


def known_to_many(facts: Facts) -> Facts:
    return {key: facts[key] for key in ("name", "target", "inverse")}


def differences(facts: Facts) -> list[str]:
    """Every way in which the declaration departs from the facts, one line each."""
    found: list[str] = []

    def compare(what: str, declared: object, known: object) -> None:
        if declared != known:
            found.append(f"{what}: declared {declared!r}, ICAT has {known!r}")

    compare("entities", list(ICAT_ENTITIES), sorted(facts["entity_names"]))
    compare("described entities", list(ICAT_ENTITIES), sorted(e["name"] for e in facts["entities"]))
    compare("enumerations", {e.name: list(e.values) for e in ENUMERATIONS.values()}, facts["enums"])
    compare(
        "base attributes",
        [(a.name, a.kind.value) for a in BASE_ATTRIBUTES],
        [(f["name"], f["type"]) for f in facts["base_attributes"]],
    )
    for entity_facts in facts["entities"]:
        entity = ICAT_ENTITIES.get(entity_facts["name"])
        if entity is not None:
            compare_entity(entity, entity_facts, compare)
    [parameter] = facts["abstract_entities"]
    compare("Parameter.name", PARAMETER.name, parameter["name"])
    compare("Parameter.attributes", [declared_attribute(a) for a in PARAMETER.attributes],
            [known_attribute(f) for f in parameter["fields"]])  # fmt: skip
    compare("Parameter.to_one", [(r.name, r.target, not r.required) for r in PARAMETER.to_one],
            [(f["name"], f["target"], f["nullable"]) for f in parameter["many_to_one"]])  # fmt: skip
    compare("Parameter.members", list(PARAMETER.members), parameter["member_order"])
    compare("Parameter.unique", list(PARAMETER.unique), parameter["constraint"])
    return found


def compare_entity(entity: Entity, facts: Facts, compare: Callable[[str, object, object], None]) -> None:
    """Compare one entity, member by member."""
    name = entity.name
    for kind, declared, known in (
        (
            "attribute",
            [declared_attribute(a) for a in entity.attributes],
            [known_attribute(f) for f in facts["fields"]],
        ),
        ("to-one", [declared_to_one(r) for r in entity.to_one], [known_to_one(f) for f in facts["many_to_one"]]),
        ("to-many", [declared_to_many(r) for r in entity.to_many], [known_to_many(f) for f in facts["one_to_many"]]),
    ):
        declared_by_name = {member["name"]: member for member in declared}
        known_by_name = {member["name"]: member for member in known}
        for member in sorted(declared_by_name.keys() | known_by_name.keys()):
            compare(f"{name}.{member} ({kind})", declared_by_name.get(member), known_by_name.get(member))
    compare(f"{name}: order of members", list(entity.members), facts["member_order"])
    compare(f"{name}: constraint", list(entity.unique), facts["constraint"])
    parent = "Parameter" if entity.parameter_of is not None else "EntityBaseBean"
    compare(f"{name}: parent", parent, facts["extends"])


def test_the_declaration_is_the_icat_schema_field_by_field() -> None:
    assert differences(FACTS) == []


def test_the_facts_hold_all_that_is_compared() -> None:
    attributes = [f for e in FACTS["entities"] for f in e["fields"]]
    assert len(FACTS["entities"]) == 53
    assert sum(len(e["many_to_one"]) for e in FACTS["entities"]) == 77
    assert sum(len(e["one_to_many"]) for e in FACTS["entities"]) == 77
    assert sum(1 for e in FACTS["entities"] if e["constraint"]) == 48
    assert {f["type"] for f in attributes} == {"string", "long", "integer", "double", "boolean", "datetime", "enum"}


def test_every_relation_cascades_as_the_declaration_takes_for_granted() -> None:
    relations = [r for e in FACTS["entities"] for r in e["one_to_many"]]
    assert all(r["cascade_create"] and r["cascade_delete"] for r in relations)
    assert not any(r["cascade"] for e in FACTS["entities"] for r in e["many_to_one"])


def test_parameter_entities_share_the_members_of_the_abstract_parameter() -> None:
    parameters = [entity for entity in ICAT_ENTITIES.values() if entity.parameter_of is not None]
    assert len(parameters) == 5
    for entity in parameters:
        assert set(entity.members) == {*VALUES_OF_A_PARAMETER, entity.parameter_of}
        assert set(PARAMETER.members) == VALUES_OF_A_PARAMETER
        for attribute in PARAMETER.attributes:
            assert entity.members[attribute.name] == attribute


def test_every_relation_is_followed_back_by_its_inverse() -> None:
    for entity in ENTITIES.values():
        for relation in entity.to_one:
            back = ENTITIES[relation.target].members[relation.inverse]
            assert back == ToMany(relation.inverse, entity.name, relation.name, entity.comment)


def test_members_of_a_constraint_are_required_members() -> None:
    for entity in ENTITIES.values():
        for name in entity.unique:
            member = entity.members[name]
            assert isinstance(member, Attribute | ToOne)
            assert member.required


def test_the_entities_of_beamcat_itself_are_beside_the_icat_entities() -> None:
    own = {name for name, entity in ENTITIES.items() if not entity.icat}
    assert own
    assert own.isdisjoint(ICAT_ENTITIES)
    assert set(ICAT_ENTITIES) | own == set(ENTITIES)


def test_no_icat_entity_shows_a_relation_to_an_entity_of_beamcat_itself() -> None:
    for entity in ICAT_ENTITIES.values():
        for relation in (*entity.to_one, *entity.to_many):
            assert ENTITIES[relation.target].icat


def entity_facts(facts: Facts, name: str) -> Facts:
    return next(e for e in facts["entities"] if e["name"] == name)


def member_facts(facts: Facts, entity: str, group: str, name: str) -> Facts:
    return next(f for f in entity_facts(facts, entity)[group] if f["name"] == name)


MUTATIONS: dict[str, Callable[[Facts], object]] = {
    "a shorter string": lambda s: member_facts(s, "Publication", "fields", "fullReference").update(max_length=510),
    "another type": lambda s: member_facts(s, "Datafile", "fields", "fileSize").update(type="integer"),
    "a required attribute": lambda s: member_facts(s, "Investigation", "fields", "doi").update(nullable=False),
    "an optional attribute": lambda s: member_facts(s, "Investigation", "fields", "title").update(nullable=True),
    "no default": lambda s: member_facts(s, "Dataset", "fields", "fileCount").pop("default"),
    "another default": lambda s: member_facts(s, "Dataset", "fields", "complete").update(default=True),
    "another enumeration": lambda s: member_facts(s, "Study", "fields", "status").update(enum="ParameterValueType"),
    "an enumeration in another order": lambda s: s["enums"]["StudyStatus"].reverse(),
    "another value of an enumeration": lambda s: member_facts(s, "Study", "fields", "status")["enum_values"].pop(),
    "another target": lambda s: member_facts(s, "Shift", "many_to_one", "instrument").update(target="Facility"),
    "a required relation": lambda s: member_facts(s, "Dataset", "many_to_one", "sample").update(nullable=False),
    "another inverse": lambda s: member_facts(s, "Job", "many_to_one", "inputDataCollection").update(inverse="jobs"),
    "another to-many target": lambda s: member_facts(s, "User", "one_to_many", "studies").update(target="Job"),
    "another to-many inverse": lambda s: member_facts(s, "User", "one_to_many", "studies").update(inverse="owner"),
    "a missing attribute": lambda s: entity_facts(s, "Facility")["fields"].pop(),
    "a missing to-one": lambda s: entity_facts(s, "Facility").update(many_to_one=[{
        "name": "site", "target": "Facility", "nullable": True, "inverse": "sites"}]),
    "a missing to-many": lambda s: entity_facts(s, "Facility")["one_to_many"].pop(),
    "a constraint in another order": lambda s: entity_facts(s, "Keyword")["constraint"].reverse(),
    "no constraint": lambda s: entity_facts(s, "Technique").update(constraint=[]),
    "members in another order": lambda s: entity_facts(s, "Rule")["member_order"].reverse(),
    "another parent": lambda s: entity_facts(s, "DatasetParameter").update(extends="EntityBaseBean"),
    "one entity more": lambda s: s["entity_names"].append("Session"),
    "one entity less": lambda s: s["entity_names"].remove("Technique"),
    "another base attribute": lambda s: s["base_attributes"][0].update(type="integer"),
    "another abstract parameter": lambda s: s["abstract_entities"][0]["fields"][0].update(nullable=False),
}  # fmt: skip


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_one_changed_fact_is_noticed(mutate: Callable[[Facts], object]) -> None:
    facts = copy.deepcopy(FACTS)
    mutate(facts)
    assert facts != FACTS
    assert differences(facts) != []


def test_any_changed_fact_of_an_attribute_is_noticed() -> None:
    for entity in FACTS["entities"]:
        for position, attribute in enumerate(entity["fields"]):
            facts = copy.deepcopy(FACTS)
            changed = entity_facts(facts, entity["name"])["fields"][position]
            changed["nullable"] = not attribute["nullable"]
            assert [d for d in differences(facts) if d.startswith(f"{entity['name']}.{attribute['name']} ")]
