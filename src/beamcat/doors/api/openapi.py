"""The OpenAPI 3.1 document, made from the declarations that read requests and make answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema

from beamcat import __version__
from beamcat.doors.api.calls import AnyCall, Model
from beamcat.doors.api.problems import MEDIA_TYPE, Problem
from beamcat.doors.api.reading import names_of

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]

BASE = "/api"
REFERENCE = "#/components/schemas/{model}"
_ABOUT = """\
Search in the catalogue of this facility. All that is told is what the caller may read.

Sign in by `POST /icat/session`, or make a token, and send it as `Authorization: Bearer ...`. Where the facility is
open to anonymous visitors, calls without that header are theirs."""
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
ALWAYS = (400, 401, 403, 422, 429, 500, 501, 503, 504)
"""What every call may end with."""
_OF_BODIES = (413, 415)
_IN_PATH = re.compile(r"\{(\w+)\}")


def openapi(calls: Sequence[AnyCall], server: str) -> Json:
    """The document, for clients that reach this server by this URL."""
    return {**_document(tuple(calls)), "servers": [{"url": server}]}


@cache
def _document(calls: tuple[AnyCall, ...]) -> Json:
    schemas, components = _schemas(calls)
    paths: dict[str, Json] = {}
    for call in calls:
        paths.setdefault(BASE + call.path, {})[call.method.lower()] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Beamcat", "version": __version__, "description": _ABOUT, "license": _LICENSE},
        "servers": [],
        "tags": [{"name": subject} for subject in dict.fromkeys(call.subject for call in calls)],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {"Problem": _content("What went wrong", schemas[Problem, "serialization"], MEDIA_TYPE)},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A session id, or a token"}
            },
        },
        "security": [{}, {"bearer": []}],
    }


class _Schemas(GenerateJsonSchema):
    """Schemas without titles that only say the name of a member once more. Answers leave out what would be null."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().nullable_schema(schema)

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().default_schema(schema)
        return {name: value for name, value in made.items() if name != "default" or value is not None}


def _schemas(calls: Iterable[AnyCall]) -> tuple[Mapping[tuple[type[Model], Mode], Json], Json]:
    """Model and mode -> its schema, which refers to components; and these."""
    wanted: dict[tuple[type[Model], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for call in calls:
        wanted[call.parameters, "validation"] = None
        if call.body is not None:
            wanted[call.body, "validation"] = None
        if call.told is not None:
            wanted[call.told, "serialization"] = None
    found, definitions = models_json_schema(
        list(wanted), by_alias=True, ref_template=REFERENCE, schema_generator=_Schemas
    )
    schemas = {(model, mode): schema for (model, mode), schema in found.items()}
    components = definitions.get("$defs", {})
    asked = {schemas[call.parameters, "validation"]["$ref"] for call in calls}  # those are parameters, one by one
    held = {name: schema for name, schema in components.items() if REFERENCE.format(model=name) not in asked}
    return {key: _resolved(schema, components, asked) for key, schema in schemas.items()}, held  # type: ignore[misc]


def _resolved(schema: Json, components: Mapping[str, Json], asked: set[str]) -> Json:
    reference = schema.get("$ref", "")
    return components[reference.rpartition("/")[2]] if reference in asked else schema


def _operation(call: AnyCall, schemas: Mapping[tuple[type[Model], Mode], Json]) -> Json:
    operation: Json = {
        "operationId": call.name,
        "tags": [call.subject],
        "summary": call.summary,
        **({"description": call.description} if call.description else {}),
        "parameters": _parameters(call, schemas[call.parameters, "validation"]),
    }
    if call.examples:
        operation["x-examples"] = list(call.examples)
    if call.body is not None:
        content = {"schema": schemas[call.body, "validation"]}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    if call.media_type is not None:
        done = _content("The answer", {"type": "string"}, call.media_type)
    elif call.told is None:
        done = {"description": "Done"}
    else:
        done = _content("The answer", schemas[call.told, "serialization"], "application/json")
    problems = {*ALWAYS, *call.may_fail, *(() if call.body is None else _OF_BODIES)}
    operation["responses"] = {
        str(204 if call.told is None and call.media_type is None else call.status): done,
        **{str(status): {"$ref": "#/components/responses/Problem"} for status in sorted(problems)},
    }
    return operation


def _content(description: str, schema: Json, media_type: str) -> Json:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _parameters(call: AnyCall, schema: Json) -> list[Json]:
    """The members of the model, each in the path or in the query string."""
    in_path = set(_IN_PATH.findall(call.path))
    required = set(schema.get("required", ()))
    parameters = []
    for name in names_of(call.parameters):
        held = _not_null(dict(schema["properties"][name]))
        description = held.pop("description", "")
        parameters.append(
            {
                "name": name,
                "in": "path" if name in in_path else "query",
                "required": name in required or name in in_path,
                "description": description,
                "schema": held,
            }
        )
    return parameters


def _not_null(schema: Json) -> Json:
    """A parameter in a URL is there, or it is not."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if not choices:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return rest | (choices[0] if len(choices) == 1 else {"anyOf": choices})
