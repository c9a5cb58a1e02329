"""What a link shows: to whoever has it, with the rights its owner has at that moment, and nothing beside the selection.

The same pages are there under two addresses: by the key, and for people who have opened the link before, or own it, by
its number.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.responses import PlainTextResponse, Response

from beamcat.access.shares import Ended, Share
from beamcat.doors.bytes_out import Recipient, StatusError, answer, more_headers
from beamcat.doors.coming_back import come_back, selection_of
from beamcat.doors.readings import reading
from beamcat.errors import BadParameter, NoSuchObject
from beamcat.portal.page import Asking
from beamcat.portal.shares.remembered import proofs, remember
from beamcat.protection.refusals import OverRestoreBudget
from beamcat.protection.visits import current_visit
from beamcat.store.requests.items import Kind, Reference, parse_references, wanted_of
from beamcat.store.service import Form
from beamcat.store.units.status import NotOnline

HEADERS: Mapping[str, str] = {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "private, no-store",
}
"""For pages whose address is a secret."""
KINDS = {"investigations": Kind.INVESTIGATION, "datasets": Kind.DATASET}
"""What can be looked into."""
FORMS = {"zip": Form(zip=True), "tar": Form(tar=True), "file": Form()}


@dataclass(frozen=True, slots=True)
class Opened:
    """A share that is open, and the path below which its pages are."""

    share: Share
    here: str


Show = Callable[[Asking, Opened], Awaitable[Response]]


async def shared(asking: Asking) -> Response:
    """GET /shared/{key}: what is shared. People who have signed in find it again."""
    return await _by_key(asking, _first_page)


async def shared_known(asking: Asking) -> Response:
    """GET /shares/{id}: the same, for its owner and for those who have opened it before."""
    return await _by_number(asking, _page)


async def inside(asking: Asking) -> Response:
    """GET /shared/{key}/datasets/{thing}, or investigations: what is in one thing of it."""
    return await _by_key(asking, _inside)


async def inside_known(asking: Asking) -> Response:
    """GET /shares/{id}/datasets/{thing}: the same."""
    return await _by_number(asking, _inside)


async def bytes_of(asking: Asking) -> Response:
    """GET /shared/{key}/data: all of it, or what `of` names, as a ZIP file, a tar file (`form=tar`) or one file."""
    return await _by_key(asking, _bytes)


async def bytes_of_known(asking: Asking) -> Response:
    """GET /shares/{id}/data: the same."""
    return await _by_number(asking, _bytes)


async def _by_key(asking: Asking, show: Show) -> Response:
    key = asking.request.path_params["key"]
    try:
        share = await asking.core.sharing.shares.open(key, asking.now)
    except Ended:
        return await _ended(asking)
    except NoSuchObject:
        visit = current_visit()
        if visit is not None:
            visit.stranger()
        raise
    return await show(asking, Opened(share, f"/shared/{key}"))


async def _by_number(asking: Asking, show: Show) -> Response:
    identifier, person = asking.id_of(), asking.visitor.person.name
    proof = (await proofs(asking)).get(str(identifier), "")
    try:
        share = await asking.core.sharing.shares.reopen(identifier, person, proof, asking.now)
    except Ended:
        return await _ended(asking)
    return await show(asking, Opened(share, f"/shares/{identifier}"))


async def _ended(asking: Asking) -> Response:
    return await asking.render("shares/ended.html", status=410, headers=HEADERS)


async def _first_page(asking: Asking, opened: Opened) -> Response:
    if asking.request.method != "HEAD":
        await asking.core.sharing.shares.note_use(opened.share, asking.now)
        if asking.visitor.signed_in:
            await remember(asking, opened.share)
    return await _page(asking, opened)


async def _page(asking: Asking, opened: Opened) -> Response:
    sharing = asking.core.sharing
    lines = await sharing.lines(opened.share)
    return await asking.render(
        "shares/shared.html",
        headers=HEADERS,
        share=opened.share,
        here=opened.here,
        lines=lines,
        missing=len(opened.share.selection) - len(lines),
        files=sum(line.files for line in lines),
        size=sum(line.size for line in lines),
        people=[] if opened.share.blinded else await sharing.people(opened.share),
        by="" if opened.share.blinded else await sharing.shared_by(opened.share),
        is_own=asking.visitor.signed_in and asking.visitor.person.name == opened.share.owner,
    )


async def _inside(asking: Asking, opened: Opened) -> Response:
    kind = KINDS.get(asking.request.path_params["kind"])
    if kind is None:
        raise NoSuchObject("There is nothing at this address")
    reference = Reference(kind, asking.id_of("thing"))
    after = asking.query.get("after", "0")
    first = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
    line = await asking.core.sharing.find(opened.share, reference)
    found = await asking.core.sharing.inside(opened.share, reference, first)
    return await asking.render(
        "shares/inside.html", headers=HEADERS, share=opened.share, here=opened.here, line=line, inside=found
    )


async def _bytes(asking: Asking, opened: Opened) -> Response:
    core, query = asking.core, asking.query
    form = FORMS.get(query.get("form", "zip"))
    if form is None:
        raise BadParameter(f"the form is one of {', '.join(FORMS)}")
    named = parse_references(query["of"]) if query.get("of") else []
    chosen = await core.sharing.chosen(opened.share, named)
    wanted = wanted_of(chosen)
    try:
        async with reading(asking.request, core) as read:
            download = await core.sharing.download(opened.share, chosen, form, read.reading)
            recipient = Recipient(core.deliveries, None, f"share/{opened.share.id}", wanted)
            more = await more_headers(asking.request, core, download)
            name = download.name or f"{_file_name(opened.share.name)}{download.suffix}"
            response = answer(asking.request, download, name, sender=core.data.sender, recipient=recipient, more=more)
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Robots-Tag"] = "noindex, nofollow"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return read.until_sent(response)
    except StatusError as error:
        return PlainTextResponse(f"{error.message}\n", error.status, headers={**HEADERS, **error.headers})
    except (NotOnline, OverRestoreBudget) as error:
        coming = come_back(error, asking.request, core, selection_of(wanted), status=503)
        headers = {**HEADERS, "Retry-After": str(coming.retry_after_s)}
        return await asking.render(
            "shares/coming.html", status=503, headers=headers, here=opened.here, seconds=coming.retry_after_s
        )


def _file_name(name: str) -> str:
    return "".join("_" if character in '/\\:*?"<>|' else character for character in name)[:150] or "data"
