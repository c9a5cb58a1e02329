"""The calls of the data service that answer with words: what there is, how much, and where it stands (A.6)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamcat import __version__
from beamcat.access.caller import Caller
from beamcat.doors.core import Core
from beamcat.doors.forms import form_parameters, query_parameters
from beamcat.doors.ids import parameters as asked
from beamcat.doors.ids.answers import json_response, no_content, text_response
from beamcat.doors.ids.parameters import Parameters
from beamcat.errors import BadParameter, BeamcatError, ErrorKind, Forbidden
from beamcat.store.archives.entries import Integers

VERSION = "2.1.1"
"""The version of the data service that clients are told of."""


class NotOffered(BeamcatError):
    """This facility does not offer the call."""

    kind = ErrorKind.NOT_IMPLEMENTED


async def ping(_request: Request, _core: Core) -> Response:
    """GET ping: a sign of life."""
    return text_response("IdsOK")


async def version(_request: Request, _core: Core) -> Response:
    """GET version."""
    return json_response({"version": VERSION, "implementation": f"beamcat {__version__}"})


async def api_version(_request: Request, _core: Core) -> Response:
    """GET getApiVersion, for clients older than `version`."""
    return text_response(VERSION)


async def icat_url(request: Request, core: Core) -> Response:
    """GET getIcatUrl: where the catalogue is, without a path."""
    public = core.settings.server.public_url
    return text_response(public.rstrip("/") if public else f"{request.url.scheme}://{request.url.netloc}")


async def is_read_only(_request: Request, core: Core) -> Response:
    """GET isReadOnly."""
    return text_response("true" if core.settings.ids.read_only else "false")


async def is_two_level(_request: Request, _core: Core) -> Response:
    """GET isTwoLevel."""
    return text_response("false")


async def service_status(request: Request, core: Core) -> Response:
    """GET getServiceStatus: what is queued and locked; for root users."""
    caller = await core.caller(asked.session_id(request, query_parameters(request)))
    if not caller.root:
        raise Forbidden("Only root users may ask for the status of the service")
    return json_response({"opsQueue": [], "lockCount": 0, "locks": [], "failures": [], "lockedIds": []})


async def size(request: Request, core: Core) -> Response:
    """GET or POST getSize: bytes of a selection, by the catalogue."""
    parameters = await _parameters(request, core)
    prepared = asked.prepared_id(parameters)
    if prepared is not None:
        return text_response(str(await core.data.prepared_size(prepared)))
    wanted = asked.wanted(parameters)
    total = await core.data.total(await _caller(request, core, parameters), wanted)
    return text_response(str(total.size))


async def status(request: Request, core: Core) -> Response:
    """GET or POST getStatus: `ONLINE`, where it is known what is asked for. A session is not needed."""
    parameters = await _parameters(request, core)
    prepared = asked.prepared_id(parameters)
    if prepared is not None:
        await core.data.prepared(prepared)
        return text_response("ONLINE")
    wanted = asked.wanted(parameters)
    identifier = asked.optional_session_id(request, parameters)
    await core.data.total(None if identifier is None else await core.caller(identifier), wanted)
    return text_response("ONLINE")


async def prepare_data(request: Request, core: Core) -> Response:
    """POST prepareData: the id by which a selection can be fetched later."""
    parameters = await _parameters(request, core)
    wanted, form = asked.wanted(parameters), asked.form(parameters)
    caller = await _caller(request, core, parameters)
    return text_response(str(await core.data.prepare(caller, wanted, form)))


async def is_prepared(request: Request, core: Core) -> Response:
    """GET isPrepared: whether a prepared download can be fetched now."""
    prepared = asked.prepared_id(query_parameters(request))
    if prepared is None:
        raise BadParameter("The preparedId parameter is missing")
    await core.data.prepared(prepared)
    return text_response("true")


async def datafile_ids(request: Request, core: Core) -> Response:
    """GET or POST getDatafileIds: the datafiles of a selection or of a prepared download."""
    parameters = await _parameters(request, core)
    identifier = asked.prepared_id(parameters)
    if identifier is not None:
        prepared = await core.data.prepared(identifier)
        start = {"zip": prepared.zip, "compress": prepared.compress}
        return _ids_response(start, core.data.prepared_ids(prepared))
    wanted = asked.wanted(parameters)
    caller = await _caller(request, core, parameters)
    return _ids_response({}, _each(await core.data.ids(caller, wanted)))


async def needs_two_levels(request: Request, core: Core) -> Response:
    """POST archive, restore and write: nothing can be moved where there is one level of storage."""
    parameters = await _parameters(request, core)
    asked.wanted(parameters)
    await _caller(request, core, parameters)
    raise NotOffered("This data service has no archive storage")


async def reset(request: Request, core: Core) -> Response:
    """POST reset: forget failed restores; there are none with one level of storage."""
    parameters = await _parameters(request, core)
    prepared = asked.prepared_id(parameters)
    if prepared is not None:
        await core.data.prepared(prepared)
    else:
        wanted = asked.wanted(parameters)
        await core.data.total(await _caller(request, core, parameters), wanted)
    return no_content()


async def link(_request: Request, _core: Core) -> Response:
    """POST getLink."""
    raise NotOffered("This data service gives no links to files")


async def percentage_complete(request: Request, core: Core) -> Response:
    """GET getPercentageComplete: how much of a prepared download has been restored."""
    prepared = asked.prepared_id(query_parameters(request))
    if prepared is None:
        raise BadParameter("The preparedId parameter is missing")
    await core.data.prepared(prepared)
    return text_response("UNKNOWN")


async def _parameters(request: Request, core: Core) -> Parameters:
    """Of the URL, or of the form that was posted, which clients with long lists of ids prefer."""
    if request.method == "POST":
        return await form_parameters(request, core.settings.server.max_request_bytes)
    return query_parameters(request)


async def _caller(request: Request, core: Core, parameters: Parameters) -> Caller:
    return await core.caller(asked.session_id(request, parameters))


async def _each(runs: list[Integers]) -> AsyncIterator[list[int]]:
    for run in runs:
        yield run.tolist()


def _ids_response(start: dict[str, bool], ids: AsyncIterator[list[int]]) -> Response:
    async def text() -> AsyncIterator[str]:
        yield "".join(["{", *(f"{json.dumps(name)}:{json.dumps(value)}," for name, value in start.items()), '"ids":['])
        first = True
        async for some in ids:
            yield ("" if first or not some else ",") + ",".join(map(str, some))
            first = first and not some
        yield "]}"

    return StreamingResponse(text(), media_type="application/json")
