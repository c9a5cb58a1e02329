"""`/icat/entityManager` and `/icat/cloner`: ask, write, delete, clone (ICAT specification B.5 to B.7)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamcat.doors.forms import form_parameters, query_parameters
from beamcat.doors.icat_rest.core import Core, json_response, no_content
from beamcat.doors.icat_rest.decode import decode_delete, decode_write
from beamcat.doors.icat_rest.errors import UnknownOperation
from beamcat.doors.icat_rest.render import ROWS_PER_CHUNK, Renderer
from beamcat.errors import BadParameter
from beamcat.model import icat_entity
from beamcat.observability.requests import describe
from beamcat.query.result import Answer

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_LARGEST = 2**63 - 1


async def ask(request: Request, core: Core) -> Response:
    """GET entityManager: the answer to a search, or one object when there is an `id`."""
    parameters = query_parameters(request)
    identifier = _identifier(parameters)
    text = parameters.get("query")
    if text is None:
        raise BadParameter("query is not set")
    if identifier is not None:
        describe("icat_rest", "get")
    caller = await core.caller_of(request, parameters.get("sessionId"))
    if identifier is not None:
        return json_response(core.renderer.record(await core.searches.get(caller, text, identifier)))
    answer = await core.searches.search(caller, text)
    if len(answer.rows) > ROWS_PER_CHUNK:
        return StreamingResponse(_streamed(core.renderer, answer), media_type="application/json")
    return json_response(core.renderer.answer(answer))


async def _streamed(renderer: Renderer, answer: Answer) -> AsyncIterator[bytes]:
    for chunk in renderer.chunks(answer):
        yield chunk
        await asyncio.sleep(0)


async def write(request: Request, core: Core) -> Response:
    """POST entityManager: the ids of the created top-level objects."""
    form = await form_parameters(request, core.settings.server.max_request_bytes)
    text = form.get("entities")
    if text is None:
        raise BadParameter("entities is not set")
    caller = await core.caller_of(request, form.get("sessionId"))
    created = await core.catalogue.write(caller, decode_write(text, core.limits))
    return json_response(orjson.dumps(created))


async def delete(request: Request, core: Core) -> Response:
    """DELETE entityManager: 204 when all are gone. The parameters are in the URL, and are looked at first."""
    parameters = query_parameters(request)
    text = parameters.get("entities")
    if text is None:
        raise BadParameter("entities is not set")
    references = decode_delete(text, core.limits)
    caller = await core.caller_of(request, parameters.get("sessionId"))
    await core.catalogue.delete(caller, references)
    return no_content()


async def clone(request: Request, core: Core) -> Response:
    """POST cloner: the id of a copy of the object and of all below it."""
    form = await form_parameters(request, core.settings.server.max_request_bytes)
    for name in ("name", "id", "keys"):
        if name not in form:
            raise BadParameter(f"{name} is not set")
    identifier = _number(form["id"])
    if identifier is None:
        raise BadParameter(f"Badly formatted id: {form['id'][:100]}")
    keys = keys_in(form["keys"])
    caller = await core.caller_of(request, form.get("sessionId"))
    copy = await core.catalogue.clone(caller, icat_entity(form["name"]), identifier, keys)
    return json_response(orjson.dumps({"id": copy}))


def keys_in(text: str) -> dict[str, str]:
    """The new values of a clone's constraint attributes: a JSON object of strings."""
    try:
        keys: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadParameter(f"{error} in json {text[:2000]}") from None
    if not isinstance(keys, dict) or not all(isinstance(value, str) for value in keys.values()):
        raise BadParameter(f"keys must be an object of strings in json {text[:2000]}")
    if any("\0" in value for value in keys.values()):
        raise BadParameter("keys must not contain the character U+0000")
    return keys


def _identifier(parameters: Mapping[str, str]) -> int | None:
    """The `id` of the URL; None without one. What is no number is answered like an unknown path (B.1)."""
    text = parameters.get("id")
    if not text:
        return None
    identifier = _number(text)
    if identifier is None:
        raise UnknownOperation
    return identifier


def _number(text: str) -> int | None:
    """A 64-bit integer in ASCII digits, or None."""
    number = int(text) if _INTEGER.fullmatch(text) else None
    return number if number is not None and -_LARGEST - 1 <= number <= _LARGEST else None
