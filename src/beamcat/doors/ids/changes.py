"""`put` and `delete`: bytes in, and out of the storage (data service specification, A.6.7, A.6.8)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from beamcat.doors.core import Core
from beamcat.doors.forms import query_parameters
from beamcat.doors.ids import parameters as asked
from beamcat.doors.ids.answers import json_response, no_content
from beamcat.doors.ids.calls import NotOffered
from beamcat.doors.ids.parameters import Parameters
from beamcat.errors import BadParameter, TimedOut
from beamcat.store.uploads import Stored, Upload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):", re.IGNORECASE)


async def put(request: Request, core: Core) -> Response:
    """PUT put: the body becomes a datafile."""
    parameters = query_parameters(request)
    _check_writable(core)
    identifier = asked.session_id(request, parameters)
    upload = _upload(parameters, request)
    caller = await core.caller(identifier)
    stored = await core.uploads.put(caller, upload, _body(request, core.settings.ids.idle_timeout_s))
    return _created(stored)


async def put_form(_request: Request, _core: Core) -> Response:
    """POST put: a form with the file in it, as browsers sent it long ago."""
    raise NotOffered("Send the file as the body of PUT put, with the other parameters in the URL")


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


def _upload(parameters: Parameters, request: Request) -> Upload:
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
        _length(request),
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


async def _body(request: Request, idle_s: float) -> AsyncIterator[bytes]:
    """The body as it comes. It may take as long as it likes, if only it moves."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle_s):
                piece = await anext(stream, None)
        except ClientDisconnect:
            raise BadParameter("The request body ended too early") from None
        except TimeoutError:
            raise TimedOut(f"No byte has arrived for {idle_s:g} seconds") from None
        if piece is None:
            return
        yield piece


def _created(stored: Stored) -> Response:
    said = {"id": stored.id, "checksum": stored.crc32, "location": stored.location, "size": stored.size}
    answer = json_response(said)
    answer.status_code = 201
    return answer
