"""Permanent URLs as an ASGI application, to be mounted at `/data` (data service specification, E.8).

Names may hold slashes, which are `%2F` in a URL: so the path is read as it was sent, before anything is decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from beamcat.access.caller import Caller
from beamcat.doors.bytes_out import Recipient, StatusError, answer, disposition, more_headers
from beamcat.doors.coming_back import come_back, selection_of
from beamcat.doors.core import Core, as_told, bearer
from beamcat.doors.cross_origin import CrossOriginSend, cross_origin
from beamcat.doors.data.answers import SignInFirst, error_response
from beamcat.doors.data.negotiation import BYTES, FORMS, HTML, METALINK, OF_COLLECTIONS, TAR, ZIP, best, prefers_html
from beamcat.doors.data.pages import BASE, file_page, listing_page
from beamcat.doors.forms import query_parameters
from beamcat.doors.guarding import guarded
from beamcat.doors.readings import reading
from beamcat.doors.urls import public_url
from beamcat.errors import BadParameter, Forbidden, TimedOut, Unavailable
from beamcat.observability.requests import current_id, describe
from beamcat.protection.refusals import OverRestoreBudget
from beamcat.store.digests.values import FileVersion
from beamcat.store.downloads import FileDownload
from beamcat.store.metalink import Addresses
from beamcat.store.permalinks import NAMES_IN_QUERY, NoSuchPlace, Place, names_in
from beamcat.store.service import Form
from beamcat.store.units.locks import Reading
from beamcat.store.units.status import NotOnline

DOOR = "data"
CROSS_ORIGIN = cross_origin("GET, HEAD, OPTIONS")


class Data:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, core: Callable[[], Core | None]) -> None:
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        describe(DOOR, scope["method"].lower())
        send = CrossOriginSend(send, CROSS_ORIGIN)
        request = Request(scope, receive)
        try:
            with guarded(scope, self._core()):
                response = await self._response(request)
                await response(scope, receive, send)
        except Exception as problem:
            if send.started:
                raise
            error = as_told(problem, DOOR)
            as_page = prefers_html(request.headers.get("accept"))
            await error_response(error, current_id(), as_page=as_page)(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204)
        if request.method not in {"GET", "HEAD"}:
            raise StatusError(405, f"There is no {request.method} here", {"Allow": "GET, HEAD, OPTIONS"})
        core = self._core()
        if core is None:
            raise Unavailable("The server is starting")
        seconds = core.settings.server.request_timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await respond(request, core)
        except TimeoutError:
            raise TimedOut(f"The request took longer than {seconds:g} seconds") from None


async def respond(request: Request, core: Core) -> Response:
    """What is behind a permanent URL, in the form that is asked for."""
    parameters = query_parameters(request)
    caller, signed_in = await _caller(request, core, parameters.get("sessionId"))
    names = names_in(_path(request), parameters)
    if caller is None:
        raise SignInFirst
    place = await core.permalinks.find(names)
    media = _media(request, place, parameters.get("format"))
    try:
        if place.has_moved:
            await core.permalinks.require_readable(caller, place)
            return _moved(request, core, place)
        return await _sent(request, core, caller, place, media)
    except Forbidden:
        if signed_in:
            raise
        raise SignInFirst from None


async def _sent(request: Request, core: Core, caller: Caller, place: Place, media: str) -> Response:
    if media == METALINK:
        return await _metalink(request, core, caller, place)
    if media == HTML and place.names.datafile is None:
        listing = await core.permalinks.listing(caller, place)
        return HTMLResponse(listing_page(place.names, listing), headers=_headers(request, core, place))
    try:
        async with reading(request, core, restores=media != HTML) as read:
            return read.until_sent(await _bytes(request, core, caller, place, media, read=read.reading))
    except (NotOnline, OverRestoreBudget) as error:
        status = core.settings.ids.not_online_status
        raise come_back(error, request, core, selection_of(place.wanted), status=status) from error


async def _bytes(request: Request, core: Core, caller: Caller, place: Place, media: str, *, read: Reading) -> Response:
    """The bytes, or the page of a file."""
    form = Form(zip=media == ZIP, tar=media == TAR)
    download = await core.data.download(caller, place.wanted, form, read)
    if media == HTML and isinstance(download, FileDownload):
        (known,) = await core.digests.digests([FileVersion.of(download.location, download.stat)])
        return HTMLResponse(file_page(place.names, download, known), headers=_headers(request, core, place))
    headers = await more_headers(request, core, download) | {"Vary": "Accept"}
    if not download.suffix:
        headers |= _headers(request, core, place)
    recipient = Recipient(core.deliveries, None, caller.name, place.wanted)
    name = place.names.last + download.suffix
    return answer(request, download, name, sender=core.data.sender, recipient=recipient, more=headers)


def _moved(request: Request, core: Core, place: Place) -> Response:
    """Where it is now, for whoever may know. What was asked beside the names is asked there, too."""
    suffix = f"format={place.suffix}" if place.suffix else ""
    asked = [part for part in request.url.query.split("&") if part.partition("=")[0] not in NAMES_IN_QUERY]
    more = "&".join(part for part in [suffix, *asked] if part)
    url = public_url(request, core) + BASE + place.names.path
    headers = {"Location": f"{url}{'&' if '?' in url else '?'}{more}" if more else url}
    return Response(status_code=308, headers={**headers, "Cache-Control": "private, no-cache", "Vary": "Accept"})


async def _metalink(request: Request, core: Core, caller: Caller, place: Place) -> Response:
    data = public_url(request, core) + BASE
    origin = _with_format(data + place.names.path, "meta4")
    document = await core.metalinks.of_selection(caller, place.wanted, Addresses(data, origin))
    headers = {
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(f"{place.names.last}.meta4"),
    }
    if request.method == "HEAD":
        return Response(headers=headers, media_type=METALINK)
    return StreamingResponse(document, headers=headers, media_type=METALINK)


def _media(request: Request, place: Place, asked: str | None) -> str:
    """The media type to answer with. A datafile is its bytes, unless a page is what is wanted most."""
    accept = request.headers.get("accept")
    is_file = place.names.datafile is not None
    offered = (HTML, METALINK, BYTES, ZIP, TAR) if is_file else OF_COLLECTIONS
    if asked is not None:
        if FORMS.get(asked) not in offered:
            known = ", ".join(form for form, media in FORMS.items() if media in offered)
            raise BadParameter(f"The parameter format is one of {known}")
        return FORMS[asked]
    if place.suffix:
        return FORMS[place.suffix]
    if is_file:
        return HTML if prefers_html(accept) else BYTES
    media = best(accept, offered)
    if media is None:
        raise StatusError(406, f"There is {', '.join(offered)}", {})
    return media


async def _caller(request: Request, core: Core, session_id: str | None) -> tuple[Caller | None, bool]:
    """Who is asking, and whether they have signed in: else it is the anonymous user, where there is one, or None."""
    identifier = bearer(request.headers.get("authorization")) or session_id
    if identifier:
        return await core.caller(identifier), True
    anonymous = await core.sessions.anonymous(request.client.host if request.client else "")
    return None if anonymous is None else await core.caller(anonymous), False


def _path(request: Request) -> str:
    """What is asked for, from below `/data` on, as it was sent."""
    raw: bytes = request.scope["raw_path"].partition(b"?")[0]
    root = request.scope.get("root_path", "")
    if not raw.isascii() or not raw.startswith(root.encode()):
        raise NoSuchPlace
    return raw[len(root) :].decode("ascii")


def _headers(request: Request, core: Core, place: Place) -> dict[str, str]:
    """Where the list of files is."""
    url = _with_format(public_url(request, core) + BASE + place.names.path, "meta4")
    return {"Vary": "Accept", "Link": f'<{url}>; rel=describedby; type="{METALINK}"'}


def _with_format(url: str, form: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}format={form}"
