"""The bytes of a file for the browser: shown where that is safe, else to be kept.

What others have put into a file must not act with the rights of whoever looks at it: nothing is sent as a page or as
SVG, only as a few types that hold no scripts, in a sandbox, and no browser may take it for anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from beamcat.doors.bytes_out import Recipient, StatusError, answer, disposition, more_headers
from beamcat.doors.readings import reading as reading_bytes
from beamcat.errors import BadParameter
from beamcat.portal import reading
from beamcat.portal.files.kinds import INLINE, Shape, ending_of, shape_of
from beamcat.portal.page import Asking
from beamcat.protection.visits import sending
from beamcat.store.selection import Wanted
from beamcat.store.service import Form
from beamcat.store.viewing.viewer import FileOf, Shown

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Cookie",
}
SAFE_PDF = {**SAFE, "Content-Security-Policy": "frame-ancestors 'none'"}
"""Browsers show PDF in a viewer of their own, which a sandbox would keep from starting."""
LARGEST_SIDE = 2400
"""Pixels of a picture that is converted for the browser."""
SHORTEST_SIDE = 64


async def content(asking: Asking) -> Response:
    """GET /datafiles/{id}/content: the bytes as the browser may show them; with `download` as an attachment."""
    file = await reading.find(asking, "Datafile", asking.id_of())
    core, request = asking.core, asking.request
    caller = asking.visitor.reader
    wanted = Wanted(datafiles=(file.id,))
    media_type = None if asking.query.get("download") else _media_type(file.name)
    async with reading_bytes(request, core, restores=bool(asking.query.get("download"))) as read:
        download = await core.data.download(caller, wanted, Form(), read.reading)
        said = disposition(file.name)
        more = {
            **await more_headers(request, core, download),
            **(SAFE_PDF if media_type == INLINE["pdf"] else SAFE),
            "Content-Disposition": said.replace("attachment", "inline", 1) if media_type else said,
        }
        recipient = Recipient(core.deliveries, None, caller.name, wanted)
        try:
            response = answer(request, download, file.name, sender=core.data.sender, recipient=recipient, more=more)
        except StatusError as error:
            return Response(error.message, error.status, dict(error.headers))
        if media_type and not response.headers.get("content-type", "").startswith("multipart/"):
            response.headers["Content-Type"] = media_type
        return read.until_sent(response)


async def picture(asking: Asking) -> Response:
    """GET /datafiles/{id}/picture: a picture that browsers do not know, such as TIFF, as PNG."""
    file = await reading.find(asking, "Datafile", asking.id_of(), "dataset")
    if file.fileSize is not None and file.fileSize > asking.core.settings.viewing.picture_bytes:
        raise BadParameter("The picture is too large to be shown; download it")
    side = asking.query.get("side", "")
    pixels = min(max(int(side), SHORTEST_SIDE), LARGEST_SIDE) if side.isdecimal() and len(side) < 6 else LARGEST_SIDE
    looked = FileOf(file.id, file.name, file.dataset.id if file.dataset else 0)
    shown = await unless_left(asking, asking.core.viewer.picture(asking.visitor.reader, looked, pixels))
    return Counted(shown)


def _media_type(name: str) -> str | None:
    """As what a file is shown; None for those that are not."""
    known = INLINE.get(ending_of(name))
    if known is not None:
        return known
    return "text/plain; charset=utf-8" if shape_of(name) in {Shape.TEXT, Shape.TABLE} else None


class Counted(Response):
    """An answer out of a file, which counts as data that are sent."""

    def __init__(self, shown: Shown, headers: dict[str, str] | None = None) -> None:
        kept = {"Cache-Control": "private, max-age=300", **SAFE, **(headers or {})}
        if shown.disposition:
            kept["Content-Disposition"] = shown.disposition
        super().__init__(shown.content, headers=kept, media_type=shown.media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with sending(len(self.body)) as handed:
            await super().__call__(scope, receive, send)
            handed(len(self.body))


async def unless_left(asking: Asking, work: Awaitable[Shown]) -> Shown:
    """What the work gives; it is stopped when the browser hangs up before that."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(asking))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Left
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


class Left(BadParameter):
    """The browser has gone."""

    def __init__(self) -> None:
        super().__init__("The browser has gone")


async def _left(asking: Asking) -> None:
    """Return when the browser has hung up."""
    while (await asking.request.receive())["type"] != "http.disconnect":
        pass
