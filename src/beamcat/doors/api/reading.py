"""From a request to the models of a call: the path and the query string, and a body of JSON."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request

from beamcat.doors.api.calls import AnyCall, Model, WithCommas
from beamcat.doors.api.problems import malformed
from beamcat.doors.bodies import read_body
from beamcat.doors.bytes_out import StatusError
from beamcat.errors import BadParameter

MOST_PARAMETERS = 1_000


def read_parameters(call: AnyCall, request: Request) -> Model:
    """The parameters of the path and of the query string. Raises `BadParameter`."""
    several, apart = several_of(call.parameters), _with_commas(call.parameters)
    given: dict[str, Any] = dict(request.path_params)
    for name, value in _pairs(request):
        if name in several:
            given.setdefault(name, []).extend(value.split(",") if name in apart else [value])
        elif name in given:
            raise BadParameter(f"{name[:100]} is given twice")
        else:
            given[name] = value
    return _read(call.parameters, given)


async def read_body_of(call: AnyCall, request: Request, max_bytes: int) -> Model | None:
    """The body, for calls that have one. Raises `BadParameter`, and `TooLarge`."""
    if call.body is None:
        return None
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise StatusError(415, "The body is JSON: send Content-Type: application/json", {"Accept": "application/json"})
    content = await read_body(request, min(call.max_body_bytes, max_bytes))
    try:
        body: Model = call.body.model_validate_json(content, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        raise malformed(error, names_of(call.body)) from None
    return body


def names_of(model: type[Model]) -> list[str]:
    """What its members are called outside."""
    return [field.alias or name for name, field in model.model_fields.items()]


def several_of(model: type[Model]) -> frozenset[str]:
    """The members that may be given several times."""
    return frozenset(field.alias or name for name, field in model.model_fields.items() if _is_several(field.annotation))


def _with_commas(model: type[Model]) -> frozenset[str]:
    return frozenset(
        field.alias or name
        for name, field in model.model_fields.items()
        if any(isinstance(mark, WithCommas) for mark in field.metadata)
    )


def _is_several(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return any(_is_several(part) for part in get_args(annotation))
    return get_origin(annotation) in (tuple, list)


def _pairs(request: Request) -> list[tuple[str, str]]:
    text: bytes = request.scope["query_string"]
    try:
        return parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=False,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except UnicodeError:
        raise BadParameter("parameters are UTF-8, percent-encoded") from None
    except ValueError:
        raise BadParameter(f"there are more than {MOST_PARAMETERS} parameters") from None


def _read(model: type[Model], given: dict[str, Any]) -> Model:
    try:
        return model.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        raise malformed(error, names_of(model)) from None
