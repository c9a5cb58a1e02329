"""What clients are told an entity consists of (conformance vectors 39 and 40)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beamcat.errors import BadParameter
from beamcat.model.info import EntityField, RelType, entity_info, entity_names

FACTS = json.loads((Path(__file__).parent / "icat-schema.json").read_text())
EVERY_DESCRIPTION = [*FACTS["entities"], *FACTS["abstract_entities"]]


def field(entity: str, name: str) -> EntityField:
    return next(field for field in entity_info(entity).fields if field.name == name)


def test_there_are_53_entity_names_in_code_point_order() -> None:
    names = entity_names()
    assert len(names) == 53
    assert list(names) == sorted(FACTS["entity_names"])
    assert names.index("DataPublicationUser") < names.index("Datafile")


def test_an_investigation_has_30_fields_and_its_constraint() -> None:
    info = entity_info("Investigation")
    assert info.class_comment == "An investigation or experiment"
    assert len(info.fields) == 30
    assert info.constraints == (("facility", "name", "visitId"),)
    assert field("Investigation", "title") == EntityField("title", "String", RelType.ATTRIBUTE, True, 255, None)


@pytest.mark.parametrize("facts", EVERY_DESCRIPTION, ids=lambda facts: facts["name"])
def test_every_entity_is_described_as_icat_describes_it(facts: dict[str, Any]) -> None:
    base = {
        (f["name"], f["api_type"], RelType.ATTRIBUTE, not f["nullable"], f["max_length"])
        for f in FACTS["base_attributes"]
    }
    attributes = {
        (f["name"], f["api_type"], RelType.ATTRIBUTE, not f["nullable"], f["max_length"]) for f in facts["fields"]
    }
    to_one = {(f["name"], f["target"], RelType.ONE, not f["nullable"], None) for f in facts["many_to_one"]}
    to_many = {(f["name"], f["target"], RelType.MANY, False, None) for f in facts["one_to_many"]}

    info = entity_info(facts["name"])

    told = {(f.name, f.type, f.rel_type, f.not_nullable, f.string_length) for f in info.fields}
    assert told == base | attributes | to_one | to_many
    assert [f.name for f in info.fields] == sorted(f.name for f in info.fields)
    assert info.constraints == ((tuple(facts["constraint"]),) if facts["constraint"] else ())


def test_the_abstract_parameter_is_described_but_not_listed() -> None:
    assert "Parameter" not in entity_names()
    assert field("Parameter", "stringValue").string_length == 4000
    assert field("Parameter", "type") == EntityField("type", "ParameterType", RelType.ONE, True, None, None)


def test_what_every_entity_has_is_described_under_the_name_icat_gives_it() -> None:
    assert [f.name for f in entity_info("EntityBaseBean").fields] == [
        "createId", "createTime", "id", "modId", "modTime"
    ]  # fmt: skip


def test_a_documented_member_carries_its_comment() -> None:
    assert field("Datafile", "fileSize").comment == "bytes"
    assert field("Datafile", "doi").comment is None


@pytest.mark.parametrize("name", ["Investigator", "investigation", "", "Session"])
def test_an_unknown_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadParameter) as refused:
        entity_info(name)
    assert refused.value.message == f"{name} is not an ICAT entity"


def test_the_entities_of_beamcat_itself_are_not_told_to_icat_clients() -> None:
    with pytest.raises(BadParameter):
        entity_info("Account")
