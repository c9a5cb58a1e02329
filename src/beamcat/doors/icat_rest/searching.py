"""`/icat/lucene/data`, `/icat/search/documents` and `/icat/facet/documents`: search as ICAT has it (specification B.8).

Where search is switched off, or there is no index yet, nothing is found: that is never an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from beamcat.doors.forms import query_parameters
from beamcat.doors.icat_rest.core import Core, json_response
from beamcat.doors.icat_rest.errors import UnknownOperation
from beamcat.errors import BadParameter
from beamcat.search.icat_query import read_icat_query
from beamcat.search.wanted import IcatFound, IcatHit

LEAST, MOST = 10, 100
"""Hits of an answer, where the client does not say: at least, if there are so many, and at most."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_LARGEST = 2**31 - 1


async def data(request: Request, core: Core) -> Response:
    """GET lucene/data: ids and scores alone, as topcat asks for them."""
    parameters = query_parameters(request)
    query = read_icat_query(parameters.get("query"), old=True)
    most = _count(parameters, "maxCount", MOST)
    caller = await core.caller_of(request, parameters.get("sessionId"))
    if core.search is None:
        return json_response(b"[]")
    found = await core.search.icat(caller, query, min_count=most, max_count=most, source=False)
    return json_response(orjson.dumps([_told(hit) for hit in found.results]))


async def documents(request: Request, core: Core) -> Response:
    """GET search/documents: hits with what they hold, facets, and where the next page begins."""
    parameters = query_parameters(request)
    query = read_icat_query(parameters.get("query"))
    sort = _sort(parameters.get("sort"))
    after = _after(parameters.get("search_after"))
    most = _count(parameters, "maxCount", MOST)
    least = min(_count(parameters, "minCount", LEAST), most)
    restrict = parameters.get("restrict", "").lower() == "true"
    caller = await core.caller_of(request, parameters.get("sessionId"))
    if core.search is None:
        return json_response(orjson.dumps(_page(IcatFound())))
    found = await core.search.icat(
        caller, query, sort=sort, after=after, min_count=least, max_count=most, restrict=restrict
    )
    return json_response(orjson.dumps(_page(found)))


async def facets(request: Request, core: Core) -> Response:
    """GET facet/documents: facets alone. Unlike ICAT's, this call wants a session: what is counted depends on it."""
    parameters = query_parameters(request)
    query = read_icat_query(parameters.get("query"))
    caller = await core.caller_of(request, parameters.get("sessionId"))
    dimensions = {} if core.search is None else await core.search.icat_facets(caller, query)
    return json_response(orjson.dumps({"dimensions": dimensions} if dimensions else {}))


def _page(found: IcatFound) -> dict[str, Any]:
    page: dict[str, Any] = {}
    if found.search_after is not None:
        page["search_after"] = found.search_after
    if found.dimensions:
        page["dimensions"] = found.dimensions
    return page | {"results": [_told(hit) | {"source": hit.source} for hit in found.results]}


def _told(hit: IcatHit) -> dict[str, Any]:
    return {"id": hit.id} if hit.score is None else {"id": hit.id, "score": hit.score}


def _sort(text: str | None) -> tuple[tuple[str, bool], ...]:
    """The fields to sort by, each with whether it is descending."""
    if not text:
        return ()
    wanted = _json("sort", text)
    if not isinstance(wanted, dict):
        raise BadParameter("sort is not a JSON object")
    return tuple((name, _is_descending(order)) for name, order in wanted.items())


def _is_descending(order: object) -> bool:
    if order not in ("asc", "desc"):
        raise BadParameter("Sort order must be 'asc' or 'desc'")
    return order == "desc"


def _after(text: str | None) -> Any:
    if not text:
        return None
    after = _json("search_after", text)
    if not isinstance(after, dict | list):
        raise BadParameter("search_after is neither a JSON object nor an array")
    return after


def _json(name: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadParameter(f"{name} is no JSON: {error}") from error


def _count(parameters: Mapping[str, str], name: str, usual: int) -> int:
    """A number of hits; 0 is what is usual. What is no number is answered like an unknown path (B.1)."""
    text = parameters.get(name)
    if not text:
        return usual
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is None or abs(number) > _LARGEST:
        raise UnknownOperation
    if number < 0:
        raise BadParameter(f"{name} must not be negative")
    return number or usual
