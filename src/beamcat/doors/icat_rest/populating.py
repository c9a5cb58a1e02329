"""`/icat/lucene/db`: documents of the search index made again, for administrators (ICAT specification B.9)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response

from beamcat.doors.forms import form_parameters, query_parameters
from beamcat.doors.icat_rest.core import Core, json_response, no_content
from beamcat.doors.icat_rest.errors import UnknownOperation
from beamcat.errors import BadParameter, Forbidden, NotImplementedHere
from beamcat.search.rebuilding.population import Population

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_LARGEST = 2**63 - 1


async def under_way(request: Request, core: Core) -> Response:
    """GET lucene/db: the entities whose documents are being made, or are to be."""
    await _require_root(request, core, query_parameters(request).get("sessionId"))
    population = core.population
    return json_response(orjson.dumps([] if population is None else await population.under_way()))


async def commit(request: Request, core: Core) -> Response:
    """POST lucene/db: 204 when all that is in the catalogue by now is found."""
    form = await form_parameters(request, core.settings.server.max_request_bytes)
    await _require_root(request, core, form.get("sessionId"))
    if core.population is not None:
        await core.population.commit()
    return no_content()


async def stop(request: Request, core: Core) -> Response:
    """DELETE lucene/db: make no more; documents that have been made stay."""
    await _require_root(request, core, query_parameters(request).get("sessionId"))
    if core.population is not None:
        await core.population.stop()
    return no_content()


async def populate(request: Request, core: Core) -> Response:
    """POST lucene/db/{entity}: have documents made of objects with `minId` < id <= `maxId`."""
    form = await form_parameters(request, core.settings.server.max_request_bytes)
    first, last = _id(form.get("minId")), _id(form.get("maxId"))
    await _require_root(request, core, form.get("sessionId"))
    delete = form.get("delete", "").lower() == "true"
    await _population(core).request(request.path_params["entity"], first or 0, last, delete=delete)
    return no_content()


async def populate_from(request: Request, core: Core) -> Response:
    """POST lucene/db/{entity}/{minid}: the same from an id on, without the documents there are."""
    form: Mapping[str, str] = await form_parameters(request, core.settings.server.max_request_bytes)
    first = _id(request.path_params["min_id"])
    await _require_root(request, core, form.get("sessionId"))
    await _population(core).request(request.path_params["entity"], first or 0, None, delete=True)
    return no_content()


async def _require_root(request: Request, core: Core, session_id: str | None) -> None:
    if not (await core.caller_of(request, session_id)).root:
        raise Forbidden("user must be in rootUserNames")


def _population(core: Core) -> Population:
    if core.population is None:
        raise NotImplementedHere("Search is not available on this server; its log says why")
    return core.population


def _id(text: str | None) -> int | None:
    """An id, none without one. What is no number is answered like an unknown path (B.1)."""
    if not text:
        return None
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is None or abs(number) > _LARGEST:
        raise UnknownOperation
    if number < 0:
        raise BadParameter("an id is not negative")
    return number
