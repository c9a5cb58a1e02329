"""The headers of a dump, derived from the model, against the facts of the ICAT 6.2 schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beamcat.catalogue.dump.headers import ByKey, ByLabel, parse_header
from beamcat.catalogue.dump.layout import TABLES, Attributes, KeyReference, Label, columns_of, header
from beamcat.model import ICAT_ENTITIES, ToOne

FACTS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "model" / "icat-schema.json").read_text())
ENTITIES = {facts["name"]: facts for facts in FACTS["entities"]}


def test_the_tables_come_in_icats_order() -> None:
    assert [entity.name for entity in TABLES] == FACTS["export_order"]
    assert {entity.name for entity in TABLES} == set(ICAT_ENTITIES)


def test_every_table_comes_after_those_it_refers_to() -> None:
    place = {entity.name: number for number, entity in enumerate(TABLES)}
    for entity in TABLES:
        assert all(place[relation.target] < place[entity.name] for relation in entity.to_one), entity


@pytest.mark.parametrize("name", sorted(ICAT_ENTITIES))
def test_headers_are_icats(name: str) -> None:
    assert header(ICAT_ENTITIES[name], Attributes.USER) == ENTITIES[name]["export_header_user"]
    assert header(ICAT_ENTITIES[name], Attributes.ALL) == ENTITIES[name]["export_header_all"]


@pytest.mark.parametrize("name", sorted(ICAT_ENTITIES))
def test_references_are_as_wide_as_icats_and_null_is_written_alike(name: str) -> None:
    for entity in TABLES:
        for column in columns_of(entity, Attributes.USER):
            if isinstance(column, KeyReference) and column.relation.target == name:
                assert column.width == ENTITIES[name]["key_columns"]
                # what ICAT writes for an object without a key, nothing at all, it cannot read
                assert column.null == (ENTITIES[name]["export_null"] or "NULL")


@pytest.mark.parametrize("attributes", list(Attributes))
@pytest.mark.parametrize("name", sorted(ICAT_ENTITIES))
def test_every_header_that_is_written_can_be_read(name: str, attributes: Attributes) -> None:
    entity = ICAT_ENTITIES[name]
    read = parse_header(header(entity, attributes))
    assert read.entity is entity
    assert [value for value, _, _ in read.values] == [attribute.name for attribute in entity.attributes]
    assert [reference.relation for reference in read.references] == list(entity.to_one)
    assert (read.label is not None) == (not entity.unique)
    assert len(read.stamps) == (4 if attributes is Attributes.ALL else 0)
    for reference in read.references:
        assert isinstance(reference.relation, ToOne)
        assert isinstance(reference, ByLabel) == (not ICAT_ENTITIES[reference.relation.target].unique)
        assert isinstance(reference, ByKey | ByLabel)
    assert isinstance(columns_of(entity, attributes)[0], Label) == (not entity.unique)
