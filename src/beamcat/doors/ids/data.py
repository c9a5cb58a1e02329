"""`getData`: bytes, whole or in parts (data service specification, A.6.6, E.6)."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from beamcat.doors.bytes_out import Recipient, answer, more_headers
from beamcat.doors.coming_back import come_back, selection_in
from beamcat.doors.core import Core
from beamcat.doors.forms import query_parameters
from beamcat.doors.ids import parameters as asked
from beamcat.doors.readings import reading
from beamcat.protection.refusals import OverRestoreBudget
from beamcat.store.downloads import Download
from beamcat.store.units.locks import Reading
from beamcat.store.units.status import NotOnline

STATUS_NOT_ONLINE = 503
"""Whatever the settings say: clients of the data service know no other."""


async def get_data(request: Request, core: Core) -> Response:
    """GET getData: bytes of a selection or of a prepared download. What only looks has nothing restored."""
    try:
        async with reading(request, core) as read:
            return read.until_sent(await _answer(request, core, read.reading))
    except (NotOnline, OverRestoreBudget) as error:
        selection = selection_in(query_parameters(request))
        raise come_back(error, request, core, selection, status=STATUS_NOT_ONLINE) from error


async def _answer(request: Request, core: Core, read: Reading) -> Response:
    parameters = query_parameters(request)
    prepared = asked.prepared_id(parameters)
    if prepared is not None:
        download = await core.data.prepared_download(prepared, read)
        recipient = Recipient(core.deliveries, prepared)
    else:
        wanted, form = asked.wanted(parameters), asked.form(parameters)
        caller = await core.caller(asked.session_id(request, parameters))
        download = await core.data.download(caller, wanted, form, read)
        recipient = Recipient(core.deliveries, None, caller.name, wanted)
    name = file_name(download, parameters.get("outname"), datetime.now(UTC))
    more = await more_headers(request, core, download)
    return answer(request, download, name, sender=core.data.sender, recipient=recipient, more=more)


def file_name(download: Download, outname: str | None, now: datetime) -> str:
    """What the client is told to call the file."""
    if not download.suffix:
        return outname or download.name
    if not outname:
        return f"{now:%Y-%m-%d_%H-%M-%S}{download.suffix}"
    return outname if outname.rpartition(".")[2] == download.suffix[1:] else outname + download.suffix
