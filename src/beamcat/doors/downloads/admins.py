"""What administrators, and programs that look after transports, ask (data service specification, C.2)."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.doors.downloads import parameters as given
from beamcat.doors.downloads.answers import downloads_json, empty, json_response
from beamcat.doors.downloads.asking import Asked
from beamcat.store.requests.downloads import DownloadStatus
from beamcat.store.requests.listing import parse_listing


async def is_valid_session(asked: Asked) -> Response:
    """GET admin/isValidSession: whether the session is one of an administrator."""
    return json_response(await asked.is_admin())


async def downloads(asked: Asked) -> Response:
    """GET admin/downloads: everybody's downloads."""
    await asked.require_admin()
    facility = await asked.facility()
    listing = parse_listing(asked.parameters.get("queryOffset"))
    found = await asked.requests.downloads.list_all(facility, listing)
    return json_response(downloads_json(found, for_admin=True))


async def set_status(asked: Asked) -> Response:
    """PUT admin/download/{id}/status: change the status; `customValue` goes into the mail."""
    await asked.require_admin()
    custom_value = asked.parameters.get("customValue") or ""
    await asked.requests.downloads.set_status(asked.path_id(), asked.parameters.status("value"), custom_value)
    return empty()


async def prepare(asked: Asked) -> Response:
    """PUT admin/download/{id}/prepare: prepare it again."""
    await asked.require_admin()
    await asked.requests.downloads.set_status(asked.path_id(), DownloadStatus.PREPARING)
    return empty()


async def set_deleted(asked: Asked) -> Response:
    """PUT admin/download/{id}/isDeleted: hide a download, or show it again."""
    await asked.require_admin()
    download = await asked.requests.downloads.find(asked.path_id())
    await asked.requests.downloads.set_deleted(download.id, value=asked.parameters.truth("value"))
    return empty()


async def set_transport(asked: Asked) -> Response:
    """PUT admin/downloadType/{type}/status: switch a transport on or off."""
    await asked.require_admin()
    facility = await asked.facility()
    disabled, message = asked.parameters.truth("disabled"), asked.parameters.get("message") or ""
    await asked.requests.transports.set(facility, asked.http.path_params["type"], disabled=disabled, message=message)
    return empty()


async def clear_size(asked: Asked) -> Response:
    """DELETE admin/clearSize/{entityType}/{id}: sizes are always counted anew, so there is nothing to forget."""
    await asked.require_admin()
    given.kind(asked.http.path_params["type"])
    asked.path_id()
    return empty()


async def set_variable(asked: Asked) -> Response:
    """PUT admin/confVars/{name}: write a text of the portal."""
    await asked.require_admin()
    await asked.requests.set_variable(asked.http.path_params["name"], asked.parameters.get("value") or "")
    return empty()
