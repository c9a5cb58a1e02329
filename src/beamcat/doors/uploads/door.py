"""Resumable uploads as an ASGI application, to be mounted at `/uploads`: tus 1.0.0 (https://tus.io/protocols).

An upload becomes a datafile with its last byte. `GET`, which tus does not have, tells of uploads in JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from beamcat.access.caller import Caller
from beamcat.doors.bodies import let_the_client_finish, moving_body
from beamcat.doors.bytes_out import StatusError
from beamcat.doors.core import Core, as_told, bearer
from beamcat.doors.cross_origin import CrossOriginSend
from beamcat.doors.guarding import guarded
from beamcat.doors.uploads import answers, headers
from beamcat.doors.uploads.answers import EVERYWHERE, WrongVersion, error_response, json_response, progress, told
from beamcat.doors.urls import public_url
from beamcat.errors import (
    BadParameter,
    BeamcatError,
    ErrorKind,
    NotImplementedHere,
    SessionError,
    TimedOut,
    Unavailable,
)
from beamcat.observability.requests import current_id, describe
from beamcat.store.permalinks import names_in
from beamcat.store.uploads.incoming import Upload
from beamcat.store.uploads.resumable import LISTED
from beamcat.store.uploads.table import NoSuchUpload, State

DOOR = "uploads"
BASE = "/uploads"
BYTES = "application/offset+octet-stream"
OVERRIDDEN = frozenset({"PATCH", "DELETE", "HEAD"})
"""Methods that clients behind old proxies send as POST."""
LATER = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.TIMED_OUT})
"""What goes well another time."""
NONE_YET = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of somebody, and what it opens onto. `identifier` is the upload it is about, if it is about one."""

    request: Request
    core: Core
    caller: Caller
    identifier: UUID

    def url(self, identifier: UUID) -> str:
        """Where an upload is."""
        return f"{public_url(self.request, self.core)}{BASE}/{identifier}"

    def body(self) -> AsyncIterator[bytes]:
        """The bytes that the client sends."""
        return moving_body(self.request, self.core.settings.uploads.idle_timeout_s)


Handler = Callable[[Asked], Awaitable[Response]]


class UploadsDoor:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, core: Callable[[], Core | None]) -> None:
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        describe(DOOR, "unknown")
        send = CrossOriginSend(send, EVERYWHERE)
        request = Request(scope, receive)
        try:
            with guarded(scope, self._core()):
                response = await self._response(request)
        except Exception as problem:
            response = error_response(as_told(problem, DOOR), current_id())
            core = self._core()
            if core is not None and request.method in {"POST", "PATCH"}:
                await let_the_client_finish(request, core.settings.server.max_request_bytes)
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        core = self._core()
        if core is None:
            raise Unavailable("The server is starting")
        method = _method(request)
        if method == "OPTIONS":
            describe(DOOR, "options")
            return answers.capabilities(core.settings.uploads.max_bytes)
        path = request.scope["path"][len(request.scope.get("root_path", "")) :].strip("/")
        handlers = OF_ONE if path else OF_ALL
        if method not in handlers:
            raise StatusError(405, f"There is no {method} here", {"Allow": ", ".join([*handlers, "OPTIONS"])})
        operation, handler = handlers[method]
        describe(DOOR, operation)
        if method != "GET" and request.headers.get("tus-resumable") != answers.VERSION:
            raise WrongVersion
        if method in {"POST", "PATCH"} and core.settings.ids.read_only:
            raise NotImplementedHere("This data service is read only")
        seconds = core.settings.server.request_timeout_s
        try:
            async with asyncio.timeout(None if method in {"POST", "PATCH"} else seconds):
                caller = await core.caller(_session_id(request))
                return await handler(Asked(request, core, caller, _identifier(path) if path else NONE_YET))
        except TimeoutError:
            raise TimedOut(f"The request took longer than {seconds:g} seconds") from None


async def list_all(asked: Asked) -> Response:
    """GET /uploads: the caller's uploads that are not finished, a thousand from `after` on."""
    after = asked.request.query_params.get("after")
    states = await asked.core.uploads.resumable.unfinished(asked.caller, _identifier(after) if after else NONE_YET)
    uploads = [told(state, asked.url(state.id)) for state in states]
    more = {"next": f"{asked.url(NONE_YET).rpartition('/')[0]}?after={states[-1].id}"} if len(states) == LISTED else {}
    return json_response({"uploads": uploads, **more})


async def create(asked: Asked) -> Response:
    """POST /uploads: a new upload, with its first bytes if there are any."""
    request, resumable = asked.request, asked.core.uploads.resumable
    if "upload-defer-length" in request.headers:
        raise BadParameter("The length of an upload has to be known: send Upload-Length")
    size = headers.number(request, "upload-length")
    text = request.headers.get("upload-metadata", "")
    state = await resumable.create(asked.caller, await _upload(asked.core, headers.metadata(text), size), size, text)
    where = {"Location": asked.url(state.id)}
    if request.headers.get("content-type") == BYTES:
        state = await _begun(asked, state)
    elif size == 0:
        state = await resumable.append(asked.caller, state.id, 0, _nothing())
    return progress(state, 201, where)


async def _begun(asked: Asked, state: State) -> State:
    """The upload with the bytes that came with its creation. If they are not right there is no upload."""
    resumable = asked.core.uploads.resumable
    try:
        return await resumable.append(asked.caller, state.id, 0, asked.body(), checked=headers.checked(asked.request))
    except BeamcatError as error:
        if error.kind in LATER:
            return await resumable.find(asked.caller, state.id)
        if isinstance(error, NoSuchUpload):
            raise
        try:
            known = await resumable.find(asked.caller, state.id)
        except NoSuchUpload:
            raise error from None
        if known.received in {0, known.size}:
            await resumable.terminate(asked.caller, state.id)
        raise


async def show(asked: Asked) -> Response:
    """GET /uploads/ID: an upload in JSON."""
    state = await asked.core.uploads.resumable.find(asked.caller, asked.identifier)
    return json_response(told(state, asked.url(state.id)))


async def head(asked: Asked) -> Response:
    """HEAD /uploads/ID: how far an upload has come."""
    state = await asked.core.uploads.resumable.find(asked.caller, asked.identifier)
    more = {"Upload-Length": str(state.size)}
    if state.metadata:
        more["Upload-Metadata"] = state.metadata
    return progress(state, 200, more)


async def append(asked: Asked) -> Response:
    """PATCH /uploads/ID: the next bytes. `Repr-Digest` may tell the SHA-256 of the whole now."""
    request = asked.request
    if request.headers.get("content-type") != BYTES:
        raise StatusError(415, f"The content type of bytes is {BYTES}", {"Accept-Patch": BYTES})
    state = await asked.core.uploads.resumable.append(
        asked.caller,
        asked.identifier,
        headers.number(request, "upload-offset"),
        asked.body(),
        checked=headers.checked(request),
        sha256=headers.sha256_in(request.headers.get("repr-digest")),
    )
    return progress(state, 204)


async def terminate(asked: Asked) -> Response:
    """DELETE /uploads/ID: give an upload up."""
    await asked.core.uploads.resumable.terminate(asked.caller, asked.identifier)
    return Response(status_code=204)


OF_ALL: Mapping[str, tuple[str, Handler]] = {"GET": ("list", list_all), "POST": ("create", create)}
OF_ONE: Mapping[str, tuple[str, Handler]] = {
    "GET": ("show", show),
    "HEAD": ("head", head),
    "PATCH": ("append", append),
    "DELETE": ("terminate", terminate),
}
"""Method -> what it is called in logs, and what answers it."""


async def _upload(core: Core, said: Mapping[str, str], size: int) -> Upload:
    """What the metadata say of the datafile. The dataset is named by its id, or as in its permanent URL."""
    name = said.get("name") or said.get("filename")
    if not name:
        raise BadParameter("Upload-Metadata: the name of the datafile is missing")
    dataset = headers.integer(said, "datasetId")
    if dataset is None:
        if "dataset" not in said:
            raise BadParameter("Upload-Metadata: say with datasetId or dataset where the datafile belongs")
        place = await core.permalinks.find(names_in(f"/{said['dataset'].strip('/')}", {}))
        if len(place.wanted.datasets) != 1 or place.suffix:
            raise BadParameter("Upload-Metadata: dataset is FACILITY/INVESTIGATION/VISIT/DATASET, percent-encoded")
        (dataset,) = place.wanted.datasets
    upload = Upload(
        dataset,
        headers.integer(said, "datafileFormatId"),
        name,
        said.get("description"),
        said.get("doi"),
        headers.time(said, "datafileCreateTime"),
        headers.time(said, "datafileModTime"),
    )
    return replace(upload, sha256=headers.sha256_in(said.get("digest")), size=size)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def _method(request: Request) -> str:
    override = request.headers.get("x-http-method-override", "").upper()
    return override if request.method == "POST" and override in OVERRIDDEN else request.method


def _session_id(request: Request) -> str:
    identifier = bearer(request.headers.get("authorization"))
    if identifier is None:
        raise SessionError("Sign in first: send a session id or a token as Authorization: Bearer")
    return identifier


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NoSuchUpload from None
