"""`put` and `delete`: bytes in, and out of the storage (data service specification, A.6.7, A.6.8)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from beamcat.doors.bodies import let_the_client_finish, moving_body
from beamcat.doors.core import Core
from beamcat.doors.forms import query_parameters
from beamcat.doors.ids import parameters as asked
from beamcat.doors.ids.answers import json_response, no_content
from beamcat.doors.ids.calls import NotOffered
from beamcat.doors.ids.parameters import Parameters
from beamcat.doors.multipart import Event, PartBegin, PartEnd, parts
from beamcat.errors import BadParameter, BeamcatError, TooLarge
from beamcat.store.uploads.incoming import Stored, Upload

FIELDS = frozenset(
    {
        "sessionId",
        "name",
        "datasetId",
        "datafileFormatId",
        "description",
        "doi",
        "datafileCreateTime",
        "datafileModTime",
        "wrap",
        "padding",
    }
)
"""What a form may hold besides the file. The answer is never wrapped or padded, as old browsers wanted it."""
LONGEST_FIELD = 64 * 1024

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):", re.IGNORECASE)


async def put(request: Request, core: Core) -> Response:
    """PUT put: the body becomes a datafile."""
    parameters = query_parameters(request)
    _check_writable(core)
    identifier = asked.session_id(request, parameters)
    upload = _upload(parameters, request, _length(request))
    caller = await core.caller(identifier)
    stored = await core.uploads.put(caller, upload, moving_body(request, core.settings.ids.idle_timeout_s))
    return _created(stored)


async def put_form(request: Request, core: Core) -> Response:
    """POST put: a form whose last part is the file, and whose other parts are the parameters."""
    _check_writable(core)
    patience_s = core.settings.ids.idle_timeout_s
    form = parts(request, patience_s)
    try:
        parameters = await _fields(form)
        identifier = asked.session_id(request, parameters)
        upload = _upload(parameters, request, None)
        caller = await core.caller(identifier)
        return _created(await core.uploads.put(caller, upload, _file(form)))
    except BeamcatError:
        await let_the_client_finish(request, core.settings.server.max_request_bytes)
        raise


async def delete(request: Request, core: Core) -> Response:
    """DELETE delete: datafiles and their bytes."""
    parameters = query_parameters(request)
    _check_writable(core)
    wanted = asked.wanted(parameters)
    await core.removal.remove(await core.caller(asked.session_id(request, parameters)), wanted)
    return no_content()


def _check_writable(core: Core) -> None:
    if core.settings.ids.read_only:
        raise NotOffered("This data service is read only")


async def _fields(form: AsyncIterator[Event]) -> Parameters:
    """The parts before the file. What the file is called is its name, unless one is given."""
    fields: dict[str, str] = {}
    async for event in form:
        assert isinstance(event, PartBegin)
        if event.file_name is not None:
            return {"name": event.file_name, **fields}
        if event.name not in FIELDS:
            raise BadParameter(f"Form field '{event.name[:100]}' is not recognised")
        fields[event.name] = await _text(event.name, form)
    raise BadParameter("No file was sent")


async def _text(name: str, form: AsyncIterator[Event]) -> str:
    content = b""
    async for event in form:
        if isinstance(event, PartEnd):
            break
        assert isinstance(event, bytes)
        content += event
        if len(content) > LONGEST_FIELD:
            raise TooLarge(f"Form field '{name}' may have at most {LONGEST_FIELD} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise BadParameter(f"Form field '{name}' must be UTF-8") from None


async def _file(form: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    """The file. Raises `BadParameter` when something comes after it."""
    async for event in form:
        if isinstance(event, bytes):
            yield event
        elif isinstance(event, PartBegin):
            raise BadParameter("The file has to be the last part of the form")


def _upload(parameters: Parameters, request: Request, size: int | None) -> Upload:
    dataset, format_ = asked.integer(parameters, "datasetId"), asked.integer(parameters, "datafileFormatId")
    name = parameters.get("name")
    for said, value in (("name", name), ("datasetId", dataset), ("datafileFormatId", format_)):
        if value is None or value == "":
            raise BadParameter(f"The {said} parameter is missing")
    assert name is not None and dataset is not None and format_ is not None
    return Upload(
        dataset,
        format_,
        name,
        parameters.get("description"),
        parameters.get("doi"),
        _time(parameters, "datafileCreateTime"),
        _time(parameters, "datafileModTime"),
        _digest(request),
        size,
    )


def _time(parameters: Parameters, name: str) -> datetime | None:
    milliseconds = asked.integer(parameters, name)
    if milliseconds is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise BadParameter(f"The {name} parameter is no time that a calendar holds") from None


def _digest(request: Request) -> bytes | None:
    """The SHA-256 that the client announces (RFC 9530); other digests are left alone."""
    header = request.headers.get("content-digest") or request.headers.get("repr-digest")
    found = _SHA256.search(header) if header else None
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True)
    except binascii.Error:
        raise BadParameter("The SHA-256 that is announced is not base64") from None


def _length(request: Request) -> int | None:
    text = request.headers.get("content-length", "")
    return int(text) if text.isdecimal() else None


def _created(stored: Stored) -> Response:
    said = {"id": stored.id, "checksum": stored.crc32, "location": stored.location, "size": stored.size}
    answer = json_response(said)
    answer.status_code = 201
    return answer
