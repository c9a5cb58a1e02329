"""`getMetalink`, an addition of Beamcat's: the files of a selection, for programs that download them one by one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamcat.doors.core import Core
from beamcat.doors.forms import form_parameters, query_parameters
from beamcat.doors.ids import parameters as asked
from beamcat.doors.urls import public_url
from beamcat.store.metalink import MEDIA_TYPE, SUFFIX, Addresses

DATA = "/data"
"""Where permanent URLs are."""


async def get_metalink(request: Request, core: Core) -> Response:
    """GET or POST getMetalink: sizes, digests and permanent URLs of the files of a selection or a prepared download."""
    if request.method == "POST":
        parameters = await form_parameters(request, core.settings.server.max_request_bytes)
    else:
        parameters = query_parameters(request)
    addresses = Addresses(public_url(request, core) + DATA)
    prepared = asked.prepared_id(parameters)
    if prepared is not None:
        ids = core.data.prepared_ids(await core.data.prepared(prepared))
        document = core.metalinks.of_files(ids, addresses)
    else:
        caller = await core.caller(asked.session_id(request, parameters))
        document = await core.metalinks.of_selection(caller, asked.wanted(parameters), addresses)
    headers = {"Cache-Control": "private, no-cache", "Content-Disposition": f'attachment; filename="files{SUFFIX}"'}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=MEDIA_TYPE)
    return StreamingResponse(document, headers=headers, media_type=MEDIA_TYPE)
