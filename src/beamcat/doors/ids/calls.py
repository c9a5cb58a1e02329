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
from beamcat.doors.urls import public_url
from beamcat.errors import BadParameter, BeamcatError, ErrorKind, Forbidden
from beamcat.store.archives.entries import Integers
from beamcat.store.units.transitions import Operation

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
    return text_response(public_url(request, core))


async def is_read_only(_request: Request, core: Core) -> Response:
    """GET isReadOnly."""
    return text_response("true" if core.settings.ids.read_only else "false")


async def is_two_level(_request: Request, core: Core) -> Response:
    """GET isTwoLevel."""
    return text_response("false" if core.data.levels is None else "true")


async def service_status(request: Request, core: Core) -> Response:
    """GET getServiceStatus: what is queued and locked; for root users."""
    caller = await core.caller(asked.session_id(request, query_parameters(request)))
    if not caller.root:
        raise Forbidden("Only root users may ask for the status of the service")
    return json_response(await core.data.service_status())


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
    """GET or POST getStatus: `ONLINE`, `RESTORING` or `ARCHIVED`. A session is not needed."""
    parameters = await _parameters(request, core)
    prepared = asked.prepared_id(parameters)
    if prepared is not None:
        return text_response(await core.data.prepared_status(prepared))
    wanted = asked.wanted(parameters)
    identifier = asked.optional_session_id(request, parameters)
    return text_response(await core.data.status(None if identifier is None else await core.caller(identifier), wanted))


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
    return text_response("true" if await core.data.is_prepared(prepared) else "false")


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


async def archive(request: Request, core: Core) -> Response:
    """POST archive: the selection leaves the main storage, soon."""
    return await _move(request, core, Operation.ARCHIVE)


async def restore(request: Request, core: Core) -> Response:
    """POST restore: the selection comes back to the main storage, some time."""
    return await _move(request, core, Operation.RESTORE)


async def write(request: Request, core: Core) -> Response:
    """POST write: the selection is copied to the archive, soon."""
    if not core.settings.ids.writes:
        raise NotOffered("This data service does not write to the archive on request")
    return await _move(request, core, Operation.WRITE)


async def _move(request: Request, core: Core, operation: Operation) -> Response:
    parameters = await _parameters(request, core)
    wanted = asked.wanted(parameters)
    await core.data.move(operation, await _caller(request, core, parameters), wanted)
    return no_content()


async def reset(request: Request, core: Core) -> Response:
    """POST reset: forget failed restores."""
    parameters = await _parameters(request, core)
    prepared = asked.prepared_id(parameters)
    if prepared is not None:
        await core.data.reset_prepared(prepared)
    else:
        wanted = asked.wanted(parameters)
        await core.data.reset(await _caller(request, core, parameters), wanted)
    return no_content()


async def link(_request: Request, _core: Core) -> Response:
    """POST getLink."""
    raise NotOffered("This data service gives no links to files")


async def percentage_complete(request: Request, core: Core) -> Response:
    """GET getPercentageComplete: how much of a prepared download has been restored."""
    prepared = asked.prepared_id(query_parameters(request))
    if prepared is None:
        raise BadParameter("The preparedId parameter is missing")
    return text_response(await core.data.percentage(prepared) or "UNKNOWN")


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
