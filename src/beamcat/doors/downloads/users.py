"""What users ask: their cart, their downloads, the queue (data service specification, C.2)."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.doors.downloads import parameters as given
from beamcat.doors.downloads.answers import (
    cart_json,
    downloads_json,
    empty,
    json_response,
    transport_json,
    variable_json,
)
from beamcat.doors.downloads.asking import Asked
from beamcat.errors import BadParameter, Forbidden
from beamcat.store.requests.carts import Cart
from beamcat.store.requests.downloads import DownloadStatus
from beamcat.store.requests.items import Owner, Reference, wanted_of
from beamcat.store.requests.listing import parse_listing
from beamcat.store.requests.submitting import Request
from beamcat.store.selection import Wanted

VERSION = "3.2.0"
"""The version of the interface that clients are told of."""


async def ping(_asked: Asked) -> Response:
    """GET ping: a sign of life."""
    return json_response("ok")


async def version(_asked: Asked) -> Response:
    """GET version."""
    return json_response(VERSION)


async def variable(asked: Asked) -> Response:
    """GET confVars/{name}: a text of the portal, for everybody."""
    return json_response(variable_json(await asked.requests.variable(asked.http.path_params["name"])))


async def sign_in(asked: Asked) -> Response:
    """POST user/session: the id of a new session."""
    await asked.facility()
    plugin = asked.parameters.get("plugin") or asked.requests.settings.default_plugin
    plugin = plugin or next(iter(asked.core.sessions.sign_ins), None)
    credentials = {name: asked.parameters.get(name) or "" for name in ("username", "password")}
    address = asked.http.client.host if asked.http.client else ""
    return json_response({"sessionId": await asked.core.login(plugin, credentials, address)})


async def cart(asked: Asked) -> Response:
    """GET user/cart/{facility}: the cart."""
    owner, facility = await asked.owner(), await asked.facility()
    return _cart(asked, await asked.requests.carts.find(facility, owner), facility, owner)


async def add_to_cart(asked: Asked) -> Response:
    """POST user/cart/{facility}/cartItems: put something in, or with `remove=true` take it out."""
    owner, facility = await asked.owner(), await asked.facility()
    items = asked.parameters.required("items")
    if (asked.parameters.get("remove") or "false").lower() == "true":
        found = await asked.requests.carts.remove(facility, owner, given.removal(items))
    else:
        found = await asked.requests.carts.add(facility, owner, given.references(items))
    return _cart(asked, found, facility, owner)


async def remove_from_cart(asked: Asked) -> Response:
    """DELETE user/cart/{facility}/cartItems: take something out."""
    owner, facility = await asked.owner(), await asked.facility()
    removal = given.removal(asked.parameters.required("items"))
    return _cart(asked, await asked.requests.carts.remove(facility, owner, removal), facility, owner)


async def submit(asked: Asked) -> Response:
    """POST user/cart/{facility}/submit: request what is in the cart."""
    request = await _request(asked)
    done = await asked.requests.submissions.submit_cart(request)
    answer = cart_json(done.left, request.facility, _shown(asked, request.owner))
    if done.download_id is not None:
        answer["downloadId"] = done.download_id
    return json_response(answer)


async def downloads(asked: Asked) -> Response:
    """GET user/downloads: the caller's downloads."""
    owner, facility = await asked.owner(), await asked.facility()
    listing = parse_listing(asked.parameters.get("queryOffset"))
    return json_response(downloads_json(await asked.requests.downloads.list_owned(facility, owner, listing)))


async def statuses(asked: Asked) -> Response:
    """GET user/downloads/status: how far some of the caller's downloads are."""
    owner, facility = await asked.owner(), await asked.facility()
    texts = [part for text in asked.parameters.every("downloadIds") for part in text.split(",") if part.strip()]
    if not texts:
        raise BadParameter("at least one of downloadIds is required")
    ids = [given.number(text.strip(), "downloadIds") for text in texts]
    return json_response([str(status) for status in await asked.requests.downloads.statuses(facility, owner, ids)])


async def set_deleted(asked: Asked) -> Response:
    """PUT user/download/{id}/isDeleted: hide a download of one's own, or show it again."""
    owner = await asked.owner()
    download = await asked.requests.downloads.owned(asked.path_id(), owner)
    await asked.requests.downloads.set_deleted(download.id, value=asked.parameters.truth("value"))
    return empty()


async def set_status(asked: Asked) -> Response:
    """PUT user/download/{id}/status: change the status of a download of one's own, unless it is in the queue."""
    owner = await asked.owner()
    download = await asked.requests.downloads.owned(asked.path_id(), owner)
    status = asked.parameters.status("value")
    if download.status is DownloadStatus.QUEUED:
        raise Forbidden("this download is in the queue; its status cannot be changed")
    if status is DownloadStatus.COMPLETE and download.prepared is None:
        raise Forbidden("this download is not prepared yet")
    await asked.requests.downloads.set_status(download.id, status)
    return empty()


async def size(asked: Asked) -> Response:
    """GET user/getSize: bytes of an investigation, a dataset or a datafile."""
    owner = await asked.owner()
    reference = Reference(
        given.kind(asked.parameters.required("entityType")),
        given.number(asked.parameters.required("entityId"), "entityId"),
    )
    total = await asked.core.data.total(owner.caller, wanted_of([reference]))
    return Response(str(total.size), media_type="text/plain")


async def size_of_visit(asked: Asked) -> Response:
    """POST user/getSize/visit: files and bytes of a visit."""
    owner = await asked.owner()
    visit_id = asked.parameters.required("visitId")
    ids = await asked.requests.catalogued.investigations(owner.caller, visit_id)
    total = await asked.core.data.total(owner.caller, Wanted(investigations=ids))
    return json_response({"totalCount": total.files, "totalSize": total.size})


async def size_of_files(asked: Asked) -> Response:
    """POST user/getSize/files: files and bytes at some locations."""
    owner = await asked.owner()
    found = await asked.requests.submissions.files(owner.caller, asked.parameters.every("files"))
    totals = {"totalCount": found.total.files, "totalSize": found.total.size}
    return json_response({**totals, "notFound": found.not_found})


async def may_queue(asked: Asked) -> Response:
    """GET user/queue/allowed: whether the caller may use the queue."""
    owner = await asked.owner()
    return json_response(await asked.requests.submissions.priority(owner.caller) > 0)


async def queue_visit(asked: Asked) -> Response:
    """POST user/queue/visit: request all of a visit."""
    visit_id = asked.parameters.required("visitId")
    return json_response(await asked.requests.submissions.queue_visit(await _request(asked), visit_id))


async def queue_collection(asked: Asked) -> Response:
    """POST user/queue/dataCollection: request all of a data collection."""
    identifier = given.number(asked.parameters.required("dataCollectionId"), "dataCollectionId")
    return json_response(await asked.requests.submissions.queue_collection(await _request(asked), identifier))


async def queue_files(asked: Asked) -> Response:
    """POST user/queue/files: request the files at some locations."""
    done = await asked.requests.submissions.queue_files(await _request(asked), asked.parameters.every("files"))
    return json_response({"downloadId": done.download_id, "notFound": done.not_found})


async def search_files(asked: Asked) -> Response:
    """POST user/search/files: not offered."""
    await asked.owner()
    raise BadParameter("searching for files is not enabled")


async def reminders(asked: Asked) -> Response:
    """GET user/reminders: whether the caller gets a mail when a download comes to a stop."""
    return json_response(await asked.requests.reminders.are_wanted(await asked.owner()))


async def set_reminders(asked: Asked) -> Response:
    """PUT user/reminders: want such mails, or none."""
    owner = await asked.owner()
    await asked.requests.reminders.want(owner, value=asked.parameters.truth("value"))
    return empty()


async def transports(asked: Asked) -> Response:
    """GET user/downloadType/status: the transports that the caller may use."""
    owner, facility = await asked.owner(), await asked.facility()
    usable = await asked.requests.transports.usable(facility, owner.caller)
    return json_response({each.name: transport_json(each, asked.ids_url()) for each in usable})


async def transport(asked: Asked) -> Response:
    """GET user/downloadType/{type}/status: one of them."""
    owner, facility = await asked.owner(), await asked.facility()
    found = await asked.requests.transports.find(facility, owner.caller, asked.http.path_params["type"])
    return json_response(transport_json(found, asked.ids_url()))


async def _request(asked: Asked) -> Request:
    owner, facility = await asked.owner(), await asked.facility()
    return Request(
        facility=facility,
        owner=owner,
        transport=asked.parameters.required("transport"),
        file_name=(asked.parameters.get("fileName") or "").strip(),
        email=asked.parameters.get("email"),
        compress=asked.parameters.get("zipType") == "ZIP_AND_COMPRESS",
        destination=asked.parameters.get("destination") or None,
    )


def _cart(asked: Asked, found: Cart | None, facility: str, owner: Owner) -> Response:
    return json_response(cart_json(found, facility, _shown(asked, owner)))


def _shown(asked: Asked, owner: Owner) -> str:
    """The name in the cart: of an anonymous user with the session, which has come with the request."""
    return f"{owner.caller.name}/{asked.session_id}" if owner.anonymous else owner.caller.name
