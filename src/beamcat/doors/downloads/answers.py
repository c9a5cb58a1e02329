"""Answers of the download interface (data service specification, C.1, C.2). Members without a value are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from beamcat.doors.core import message_for_client
from beamcat.errors import BeamcatError, ErrorKind, TooManyAttempts, TooManyRequests
from beamcat.store.requests.carts import Cart, CartItem
from beamcat.store.requests.downloads import Download
from beamcat.store.requests.items import Kind
from beamcat.store.requests.transports import Transport
from beamcat.store.requests.variables import Variable
from beamcat.store.targets.view import Brought

DOWNLOAD_ERRORS: Mapping[ErrorKind, tuple[int, str]] = {
    ErrorKind.BAD_PARAMETER: (400, "BadRequestException"),
    ErrorKind.VALIDATION: (400, "BadRequestException"),
    ErrorKind.ALREADY_EXISTS: (400, "BadRequestException"),
    ErrorKind.NOT_FOUND: (404, "NotFoundException"),
    ErrorKind.FORBIDDEN: (403, "ForbiddenException"),
    ErrorKind.NO_SESSION: (401, "AuthenticationException"),
    ErrorKind.TOO_LARGE: (413, "BadRequestException"),
    ErrorKind.TOO_MANY_ATTEMPTS: (429, "AuthenticationException"),
    ErrorKind.TOO_MANY_REQUESTS: (429, "BadRequestException"),
    ErrorKind.NOT_IMPLEMENTED: (501, "InternalException"),
    ErrorKind.UNAVAILABLE: (503, "InternalException"),
    ErrorKind.TIMED_OUT: (504, "InternalException"),
    ErrorKind.INTERNAL: (500, "InternalException"),
}
"""HTTP status and code of every kind of error."""

UNAVAILABLE_RETRY_S = 5
"""When to come back after a service was away."""


class FrameworkError(BeamcatError):
    """What HTTP alone decides: an unknown path, or a method that it has not."""

    kind = ErrorKind.NOT_FOUND

    def __init__(self, status: HTTPStatus, allowed: str = "") -> None:
        super().__init__(f"HTTP {status.value} {status.phrase}")
        self.status = status
        self.allowed = allowed


def error_response(error: BeamcatError, request_id: str) -> Response:
    """The error as clients expect it."""
    status, code = DOWNLOAD_ERRORS[error.kind]
    headers = {"Cache-Control": "no-store"}
    match error:
        case FrameworkError():
            status, code = error.status.value, error.message
            if error.allowed:
                headers["Allow"] = error.allowed
        case TooManyAttempts() | TooManyRequests():
            headers["Retry-After"] = str(error.retry_after_s)
    if error.kind is ErrorKind.UNAVAILABLE:
        headers["Retry-After"] = str(UNAVAILABLE_RETRY_S)
    return json_response(
        {"status": status, "code": code, "message": message_for_client(error, request_id)}, status, headers
    )


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON."""
    return Response(orjson.dumps(value), status, headers, media_type="application/json")


def empty() -> Response:
    """200 without a body."""
    return Response(media_type="application/json")


def cart_json(cart: Cart | None, facility: str, user_name: str) -> dict[str, Any]:
    """A cart; without one, the empty form."""
    if cart is None:
        return {"facilityName": facility, "userName": user_name, "cartItems": []}
    return {
        "id": cart.id,
        "facilityName": facility,
        "userName": user_name,
        "createdAt": moment(cart.created),
        "updatedAt": moment(cart.updated),
        "cartItems": [_cart_item(each) for each in cart.items],
    }


def download_json(download: Download, *, for_admin: bool = False) -> dict[str, Any]:
    """A download. The session of its owner is nobody's business: it is always empty."""
    ids: dict[Kind, list[int]] = {kind: [] for kind in Kind}
    for item in download.items:
        ids[item.reference.kind].append(item.reference.id)
    members = {
        "id": download.id,
        "facilityName": download.facility,
        "userName": download.user_name,
        "fullName": download.full_name,
        "transport": download.transport,
        "fileName": download.file_name,
        "preparedId": None if download.prepared is None else str(download.prepared),
        "sessionId": "",
        "email": download.email,
        "isEmailSent": download.email_sent,
        "status": download.status.value,
        "priority": download.priority,
        "size": download.size,
        "isTwoLevel": download.two_level,
        "downloadItems": [
            {"id": item.id, "entityType": item.reference.kind.value, "entityId": item.reference.id}
            for item in download.items
        ],
        "investigationIds": ids[Kind.INVESTIGATION],
        "datasetIds": ids[Kind.DATASET],
        "datafileIds": ids[Kind.DATAFILE],
        "createdAt": moment(download.created),
        "isDeleted": download.is_deleted,
        "deletedAt": None if download.deleted is None else moment(download.deleted),
        "completedAt": None if download.completed is None else moment(download.completed),
        "delivered": download.delivered.bytes,
        "deliveredComplete": download.delivered.complete,
        "lastByteAt": None if download.delivered.last_byte is None else moment(download.delivered.last_byte),
        "problem": download.problem if for_admin or download.brought is not None else None,
        **({} if download.brought is None else brought_json(download.brought, for_admin=for_admin)),
    }
    return {name: value for name, value in members.items() if value is not None}


def brought_json(brought: Brought, *, for_admin: bool = False) -> dict[str, Any]:
    """How far data are on their way to a target, and for their owner alone, how they get at them."""
    progress = {
        "state": brought.detail or brought.state,
        "files": brought.files,
        "bytes": brought.size,
        "filesDone": brought.files_done,
        "bytesDone": brought.bytes_done,
        "etaSeconds": None if brought.eta is None else max(0, round((brought.eta - datetime.now(UTC)).total_seconds())),
    }
    access = {name: value for name, value in (brought.access or {}).items() if value is not None and not for_admin}
    return {
        "target": brought.target,
        "progress": {name: value for name, value in progress.items() if value is not None},
        "failedCount": brought.failed or None,
        "failedFiles": list(brought.failed_names) or None,
        "access": access or None,
        "customValue": None if for_admin else brought.shown,
        "expiresAt": None if brought.expires is None else moment(brought.expires),
    }


def downloads_json(downloads: Sequence[Download], *, for_admin: bool = False) -> list[dict[str, Any]]:
    """Several downloads."""
    return [download_json(download, for_admin=for_admin) for download in downloads]


def transport_json(transport: Transport, ids_url: str) -> dict[str, Any]:
    """A transport as it is at the moment."""
    return {
        "idsUrl": transport.settings.ids_url or ids_url,
        "displayName": transport.settings.display_name or transport.name,
        "description": transport.settings.description,
        "disabled": transport.disabled,
        "message": transport.message,
    }


def variable_json(variable: Variable | None) -> dict[str, Any] | str:
    """A text that portals keep here; without it, an empty one."""
    return "" if variable is None else {"id": variable.id, "name": variable.name, "value": variable.value}


def moment(moment: datetime) -> str:
    """A moment in whole seconds, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _cart_item(each: CartItem) -> dict[str, Any]:
    item = each.item
    above = [(Kind.DATASET, item.dataset), (Kind.INVESTIGATION, item.investigation)]
    return {
        "id": each.id,
        "entityType": item.kind.value,
        "entityId": item.id,
        "name": item.name,
        "parentEntities": [
            {"id": 2 * each.id + number, "entityType": kind.value, "entityId": identifier}
            for number, (kind, identifier) in enumerate(above)
            if identifier is not None
        ],
    }
