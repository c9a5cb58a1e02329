"""The description of the interface, for programs and for people."""

from __future__ import annotations

import re

import pytest
import schemathesis

from beamcat.doors.api.calls import Model
from beamcat.doors.api.every import CALLS
from beamcat.doors.api.openapi import openapi
from beamcat.doors.api.page import docs_page
from beamcat.doors.api.problems import STATUSES
from beamcat.errors import ErrorKind

SERVER = "https://icat.example.org"
ELSEWHERE = re.compile(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//(?!icat\.example\.org)|@import|<script|<link")


def test_the_description_is_valid() -> None:
    document = openapi(CALLS, SERVER)
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert described == {(f"/api{call.path}", call.method) for call in CALLS}


def test_everything_is_explained() -> None:
    document = openapi(CALLS, SERVER)
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            for parameter in operation["parameters"]:
                assert parameter["description"] or parameter["name"] in {"kind", "id", "limit"}, parameter
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name


def test_names_of_calls_occur_once_and_are_fit_for_programs() -> None:
    names = [call.name for call in CALLS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z_]*", name) for name in names)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_members_are_called_as_in_icat(call: object) -> None:
    def models(model: type[Model]) -> None:
        for name, field in model.model_fields.items():
            assert "_" not in (field.alias or name)

    for model in (call.parameters, call.body, call.told):  # type: ignore[attr-defined]
        if model is not None:
            models(model)


def test_references_lead_somewhere() -> None:
    document = openapi(CALLS, SERVER)
    references = set(re.findall(r"'\$ref': '#/components/(\w+)/(\w+)'", str(document)))
    assert references
    for kind, name in references:
        assert name in document["components"][kind]


def test_every_kind_of_error_has_a_status_that_is_described() -> None:
    assert set(STATUSES) == set(ErrorKind)
    responses = openapi(CALLS, SERVER)["paths"]["/api/search"]["post"]["responses"]
    never = {404, 409}  # of a search
    assert {str(status) for status in {*STATUSES.values()} - never} <= set(responses)


def test_the_page_names_every_call_and_parameter_and_needs_nothing_else() -> None:
    document = openapi(CALLS, SERVER)
    page = docs_page(document)
    assert not ELSEWHERE.search(page)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert f'<section id="{operation["operationId"]}">' in page
            assert path in page
            for parameter in operation["parameters"]:
                assert f"<code>{parameter['name']}</code>" in page
    for target in re.findall(r'href="#([^"]+)"', page):
        assert target == "main" or f'id="{target}"' in page


def test_the_address_of_the_server_cannot_break_the_page() -> None:
    page = docs_page(openapi(CALLS, 'http://x/"><script>alert(1)</script>'))
    assert "<script>" not in page
