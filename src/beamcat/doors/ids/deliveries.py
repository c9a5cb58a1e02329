"""What has reached whom: `getDeliveryStatus`, `getDeliveries`, `confirmDelivery` (data service specification, E.4)."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast, get_args
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamcat.doors.core import Core
from beamcat.doors.forms import form_parameters, query_parameters
from beamcat.doors.ids import parameters as asked
from beamcat.doors.ids.answers import json_response, no_content
from beamcat.doors.ids.parameters import Parameters
from beamcat.errors import BadParameter, Forbidden
from beamcat.store.deliveries.status import files_complete, sha256_of
from beamcat.store.deliveries.table import EARLIEST, LATEST, Asked, Delivered, DeliveryTable, Found, State
from beamcat.store.digests.values import FileVersion
from beamcat.store.downloads import Download, FileDownload
from beamcat.store.intervals import Intervals
from beamcat.store.prepared import Prepared

_SHA256 = re.compile(r"sha-256=([0-9A-Fa-f]{64})", re.ASCII)


async def delivery_status(request: Request, core: Core) -> Response:
    """GET getDeliveryStatus: which bytes of a prepared download have arrived."""
    prepared = await core.data.prepared(_prepared_id(query_parameters(request)))
    await core.deliveries.flush()
    found = await core.deliveries.table.find(prepared.id)
    return json_response(await _status(core, prepared, found))


async def deliveries(request: Request, core: Core) -> Response:
    """GET getDeliveries: what has reached whom, for root users; `state`, `since` and `until` narrow it."""
    parameters = query_parameters(request)
    caller = await core.caller(asked.session_id(request, parameters))
    if not caller.root:
        raise Forbidden("Only root users may ask what others have received")
    state = parameters.get("state", "all")
    if state not in get_args(State):
        raise BadParameter(f"The state parameter is one of {', '.join(get_args(State))}")
    since, until = _time(parameters, "since", EARLIEST), _time(parameters, "until", LATEST)
    await core.deliveries.flush()
    wanted = Asked(cast(State, state), since, until, parameters.get("userName"))
    return StreamingResponse(_lines(core.deliveries.table, wanted), media_type="application/json")


async def confirm_delivery(request: Request, core: Core) -> Response:
    """POST confirmDelivery: the client says what the SHA-256 of its bytes is."""
    parameters = await form_parameters(request, core.settings.server.max_request_bytes)
    identifier = _prepared_id(parameters)
    told = _SHA256.fullmatch(parameters.get("digest", ""))
    if told is None:
        raise BadParameter("The digest parameter is not of the form sha-256=HEX, with 64 digits")
    download = await core.data.prepared_download(identifier)
    await core.deliveries.flush()
    found = await core.deliveries.table.find(identifier)
    if found is None or found.delivered.etag != download.etag:
        raise BadParameter("Nothing of these data has been delivered yet")
    digest = await _sha256(core, download, found)
    if not hmac.compare_digest(digest, bytes.fromhex(told[1])):
        raise BadParameter("The digest is not that of the data: what has arrived is damaged or not complete")
    await core.deliveries.table.confirm(found.delivered.id)
    return no_content()


async def _status(core: Core, prepared: Prepared, found: Found | None) -> dict[str, Any]:
    known = found.delivered if found else None
    archive = prepared.archive
    size = known.size if known else archive.size if archive else None
    arrived = Intervals(found.arrived if found else ())
    complete = known is not None and known.completed is not None
    return {
        "preparedId": str(prepared.id),
        "etag": known.etag if known else None,
        "size": size,
        "delivered": arrived.total,
        "complete": complete,
        "ranges": [list(each) for each in arrived],
        "missing": [list(each) for each in arrived.missing(size or 0)],
        "filesComplete": await _files_complete(core, prepared, arrived, complete=complete),
        "filesTotal": prepared.files,
        "requests": known.requests if known else 0,
        "firstByteAt": _told(known.first_byte if known else None),
        "lastByteAt": _told(known.last_byte if known else None),
        "sizeMismatch": list(prepared.mismatched),
        "confirmed": known is not None and known.confirmed is not None,
    }


async def _files_complete(core: Core, prepared: Prepared, arrived: Intervals, *, complete: bool) -> int:
    if complete:
        return prepared.files
    if prepared.archive is None or prepared.form == "file":
        return 0
    return await files_complete(prepared.archive, partial(core.data.entries, prepared), list(arrived))


async def _sha256(core: Core, download: Download, found: Found) -> bytes:
    """The SHA-256 of a download: known, or else computed once."""
    if found.sha256 is not None:
        return found.sha256
    if isinstance(download, FileDownload):
        (known,) = await core.digests.digests([FileVersion.of(download.location, download.stat)])
        if known is not None and known.sha256 is not None:
            return known.sha256
    limit = core.settings.ids.confirm_bytes
    if download.size > limit:
        raise BadParameter(
            f"The digest cannot be checked: it is not known, and more than {limit} bytes are not read for that"
        )
    digest = await sha256_of(download.pieces(core.data.sender, 0, download.size))
    await core.deliveries.table.keep_sha256(found.delivered.id, digest)
    return digest


async def _lines(table: DeliveryTable, wanted: Asked) -> AsyncIterator[str]:
    """A JSON array, a delivery on each line."""
    between = "["
    async for page in table.listed(wanted):
        lines = ",\n".join(json.dumps(_listed(delivered)) for delivered in page)
        yield f"{between}\n{lines}"
        between = ","
    yield "[]" if between == "[" else "\n]"


def _listed(delivered: Delivered) -> dict[str, Any]:
    members = asdict(delivered)
    return {
        "preparedId": str(delivered.prepared_id) if delivered.prepared_id else None,
        "userName": delivered.user,
        "etag": delivered.etag,
        "size": delivered.size,
        "delivered": delivered.delivered,
        "complete": delivered.completed is not None,
        "state": delivered.state(datetime.now(UTC)),
        **{name: members[name] for name in ("exact", "requests", "broken", "restarts", "sent", "clients")},
        "investigationIds": delivered.investigations,
        "startedAt": _told(delivered.started),
        "firstByteAt": _told(delivered.first_byte),
        "lastByteAt": _told(delivered.last_byte),
        "completedAt": _told(delivered.completed),
        "confirmed": delivered.confirmed is not None,
    }


def _prepared_id(parameters: Parameters) -> UUID:
    prepared = asked.prepared_id(parameters)
    if prepared is None:
        raise BadParameter("The preparedId parameter is missing")
    return prepared


def _time(parameters: Parameters, name: str, otherwise: datetime) -> datetime:
    if name not in parameters:
        return otherwise
    try:
        read = datetime.fromisoformat(parameters[name])
    except ValueError:
        raise BadParameter(f"The {name} parameter is not a date or a time such as 2026-01-31T08:30:00Z") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
