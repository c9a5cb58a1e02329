"""What people are told that they can ask for."""

from __future__ import annotations

import pytest

from beamcat.search.documents import DOCUMENTS
from beamcat.search.guide import Holds, fields_of, guide
from beamcat.search.language.names import Called, Key, Own, target

TYPES = {entity: documents.type for entity, documents in DOCUMENTS.items()}
UNTOLD = {
    *("numbers", "strings", "moments", "samples", "content"),
    *("investigation_instruments", "sample_parameter_types", "digest"),
}


@pytest.mark.parametrize("entity", TYPES)
def test_every_field_that_is_told_can_be_asked_for_by_its_name(entity: str) -> None:
    told = set()
    for field in fields_of(TYPES[entity]):
        match target(TYPES, entity, field.name):
            case Own(fields) | Called(fields):
                told.update(fields)
            case Key(name):
                told.add(name)
            case elsewhere:
                assert elsewhere is not None, field.name
    left_out = set(TYPES[entity].fields) - told - UNTOLD
    assert left_out <= ({"investigation_name"} if entity == "Sample" else set())  # there it is the investigation's own


def test_names_occur_once() -> None:
    for fields in guide(TYPES).values():
        names = [field.name for field in fields]
        assert len(names) == len(set(names))


def test_what_can_be_done_with_a_field() -> None:
    fields = {field.name: field for field in guide(["Dataset"])["Dataset"]}
    assert fields["technique"].several
    assert fields["technique"].counted
    assert not fields["technique"].sorted
    assert fields["technique"].holds is Holds.CHOICE
    assert (fields["fileSize"].holds, fields["fileSize"].unit) == (Holds.NUMBER, "B")
    assert fields["date"].sorted
    assert not fields["type"].sorted
    assert not fields["title"].counted
    assert fields["title"].searched
