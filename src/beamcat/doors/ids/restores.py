"""How far restores are: for administrators, and for those who wait (data service specification, F.5)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from beamcat.doors.core import Core
from beamcat.doors.forms import query_parameters
from beamcat.doors.ids import parameters as asked
from beamcat.doors.ids.answers import json_response
from beamcat.errors import Forbidden


async def restore_queue(request: Request, core: Core) -> Response:
    """GET getRestoreQueue: what is queued and under way, and what was wrong with it; for root users."""
    caller = await core.caller(asked.session_id(request, query_parameters(request)))
    if not caller.root:
        raise Forbidden("Only root users may ask for the queue of the service")
    return json_response(await core.data.queue())


async def restore_status(request: Request, core: Core) -> Response:
    """GET getRestoreStatus: how far a selection or a prepared download is, and how long the rest may take."""
    parameters = query_parameters(request)
    prepared = asked.prepared_id(parameters)
    if prepared is not None:
        progress = await core.data.prepared_progress(prepared)
    else:
        wanted = asked.wanted(parameters)
        progress = await core.data.progress(await core.caller(asked.session_id(request, parameters)), wanted)
    return json_response(
        {
            "status": progress.status,
            "units": progress.units,
            "online": progress.online,
            "restoring": progress.restoring,
            "failed": progress.failed,
            "position": progress.position,
            "waitSeconds": None if progress.seconds is None else max(round(progress.seconds), 0),
        }
    )
