"""The page of one download: what is in it, how to fetch it with programs, how much has arrived.

Its owner opens it by its number, whoever has the id of what was prepared by that: it stands in the mail, and opens the
data as well, so the page needs no session.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

from starlette.responses import Response

from beamcat.doors.urls import public_url
from beamcat.errors import NoSuchObject
from beamcat.portal.basket.downloads import owned, telling
from beamcat.portal.basket.owning import owner
from beamcat.portal.page import Asking
from beamcat.store.deliveries.status import files_complete
from beamcat.store.requests.contents import Line
from beamcat.store.requests.downloads import Download
from beamcat.store.requests.following import Outlook
from beamcat.store.requests.mails import tokens_of

LISTED = 200
"""Things of a download that are named."""
BY_ITSELF = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}
"""For pages whose address is a secret."""


async def download(asking: Asking) -> Response:
    """GET /downloads/{id}."""
    text = asking.request.path_params["id"]
    found = await (_of_holder(asking, text) if "-" in text else owned(asking))
    (outlook,) = await asking.core.requests.following.outlooks([found])
    whose = owner(asking)
    is_own = whose is not None and whose.key == found.owner
    row = telling(asking).row(outlook)
    own = asking.core.settings.downloads.transport.get(found.transport)
    tokens = tokens_of(
        found, "", own.ids_url if own is not None and own.ids_url else public_url(asking.request, asking.core)
    )
    return await asking.render(
        "downloads/one.html",
        headers=BY_ITSELF,
        row=row,
        outlook=outlook,
        download=found,
        commands=tokens if row.link else None,
        lines=await _lines(asking, found, is_own=is_own),
        more=max(len(found.items) - LISTED, 0),
        complete=await _files_complete(asking, outlook),
        is_own=is_own,
    )


async def _of_holder(asking: Asking, text: str) -> Download:
    try:
        prepared = UUID(text)
    except ValueError:
        raise NoSuchObject("There is no download at this address") from None
    found = await asking.core.requests.downloads.find_prepared(prepared)
    if found is None:
        raise NoSuchObject(
            "There is no download at this address, or no longer; ask for it again on your page of downloads"
        )
    return found


async def _lines(asking: Asking, found: Download, *, is_own: bool) -> list[Line]:
    """What was requested, for its owner: names are told to those who may read them now."""
    whose = owner(asking)
    if not is_own or whose is None:
        return []
    references = [item.reference for item in found.items[:LISTED]]
    return await asking.core.requests.contents.lines(whose.caller, references)


async def _files_complete(asking: Asking, outlook: Outlook) -> tuple[int, int] | None:
    """How many files have arrived in full, of how many."""
    if outlook.arrival is None or outlook.kept is None or outlook.download.prepared is None:
        return None
    if outlook.arrival.complete:
        return outlook.kept.files, outlook.kept.files
    prepared = await asking.core.data.prepared(outlook.download.prepared)
    if prepared.archive is None:
        return None
    entries = partial(asking.core.data.entries, prepared)
    return await files_complete(prepared.archive, entries, list(outlook.arrival.ranges)), prepared.files
