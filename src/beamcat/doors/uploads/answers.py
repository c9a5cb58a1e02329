"""Answers in the words of tus 1.0.0; what goes wrong, as a problem for programs (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from starlette.responses import Response

from beamcat.doors.bytes_out import StatusError
from beamcat.doors.core import message_for_client
from beamcat.doors.statuses import STATUSES as BY_KIND
from beamcat.doors.uploads.headers import ALGORITHMS, metadata, milliseconds
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.store.units.status import RestoreFailed
from beamcat.store.uploads.incoming import WrongDigest
from beamcat.store.uploads.resumable import WrongChecksum, WrongOffset
from beamcat.store.uploads.table import State, UploadHeld

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
CHALLENGE = 'Bearer realm="uploads"'
AWAY_RETRY_S = 5
"""When to come back after a service was away."""

STATUSES = BY_KIND | {ErrorKind.VALIDATION: 400, ErrorKind.ALREADY_EXISTS: 400}
"""The HTTP status of every kind. Clients of tus take 409 for a wrong offset, and try again."""

_METHODS = "GET, POST, HEAD, PATCH, DELETE, OPTIONS"
_SENT = (
    "Authorization, Content-Type, Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset, Upload-Checksum,"
    " Repr-Digest, X-HTTP-Method-Override, X-Requested-With"
)
_TOLD = (
    "Location, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset,"
    " Upload-Length, Upload-Metadata, Upload-Expires, Upload-Datafile-Id, Retry-After"
)
EVERYWHERE = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": _METHODS,
    "access-control-allow-headers": _SENT,
    "access-control-expose-headers": _TOLD,
    "access-control-max-age": "86400",
    "tus-resumable": VERSION,
}
"""On every answer, errors included."""


class WrongVersion(StatusError):
    """The client speaks another version of tus."""

    def __init__(self) -> None:
        super().__init__(412, f"The header Tus-Resumable has to be {VERSION}", {"Tus-Version": VERSION})


def capabilities(max_bytes: int) -> Response:
    """What this server can do."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return Response(status_code=204, headers=headers)


def progress(state: State, status: int, more: Mapping[str, str] | None = None) -> Response:
    """How far an upload has come."""
    headers = {"Upload-Offset": str(state.offset), "Cache-Control": "no-store", **(more or {})}
    if state.datafile_id is None:
        headers["Upload-Expires"] = format_datetime(state.expires.astimezone(UTC), usegmt=True)
    else:
        headers["Upload-Datafile-Id"] = str(state.datafile_id)
    return Response(status_code=status, headers=headers)


def json_response(content: Any) -> Response:
    """200 with JSON."""
    return Response(json.dumps(content), headers={"Cache-Control": "no-store"}, media_type="application/json")


def told(state: State, url: str) -> dict[str, Any]:
    """An upload in JSON. What the client has not said is null."""
    upload = state.upload
    return {
        "id": str(state.id),
        "url": url,
        "datasetId": upload.dataset_id,
        "name": upload.name,
        "size": state.size,
        "offset": state.offset,
        "datafileModTime": milliseconds(upload.modified),
        "metadata": metadata(state.metadata),
        "sha256": None if upload.sha256 is None else upload.sha256.hex(),
        "expires": _iso(state.expires),
        "datafileId": state.datafile_id,
    }


def error_response(error: BeamcatError, request_id: str) -> Response:
    """The error."""
    headers = {"Cache-Control": "no-store"}
    status = STATUSES[error.kind]
    match error:
        case StatusError():
            status = error.status
            headers |= error.headers
        case UploadHeld():
            status = 423
        case WrongOffset():
            status = 409
            headers["Upload-Offset"] = str(error.offset)
        case WrongChecksum() | WrongDigest():
            status = 460
        case RestoreFailed():
            status = 500
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    retry_after_s = getattr(error, "retry_after_s", AWAY_RETRY_S if status == 503 else None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    body = {"status": status, "title": type(error).__name__, "detail": message_for_client(error, request_id)}
    return Response(json.dumps(body), status, headers, media_type="application/problem+json")


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
