"""Data on their way: restores from tape, and the downloads people have asked for."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.errors import BadParameter, NoSuchObject
from beamcat.portal.administration.entry import admin_page, administrator
from beamcat.portal.page import Asking, Page
from beamcat.store.requests.downloads import DownloadStatus
from beamcat.store.requests.listing import Listing
from beamcat.store.units.queue import Queue

ROWS = 100
CANCELLED = "an administrator has stopped it"


SHOWN = {"": "", "running": "running", "failing": "problem"}
"""Parts of the queue, and what says that a unit is in them."""


async def moves(asking: Asking) -> Response:
    """GET /admin/moves: what is queued between main storage and archive, in the order in which its turn comes."""
    administrator(asking)
    queue = await asking.core.data.queue()
    wanted = asking.query.get("show", "")
    if wanted not in SHOWN:
        raise BadParameter("There is no such part of the queue")
    return await admin_page(
        asking,
        "moves.html",
        queue=[each for each in queue if not wanted or each[SHOWN[wanted]]],
        total=len(queue),
        show=wanted,
        has_levels=asking.core.data.levels is not None,
        said=asking.query.get("said", ""),
    )


async def change_move(asking: Asking) -> Response:
    """POST /admin/moves: `cancel` one, or `now`: try it at once."""
    administrator(asking)
    form = await asking.form()
    queue, identifier = _queue(asking), form.get("id", "")
    if not identifier.isdecimal():
        raise BadParameter("Which one?")
    if form.get("do") == "cancel":
        done = await queue.cancel([int(identifier)], CANCELLED)
        return asking.go("/admin/moves", said="cancelled" if done else "gone")
    if form.get("do") == "now":
        await queue.hasten([int(identifier)])
        return asking.go("/admin/moves", said="hastened")
    raise BadParameter("A unit can be cancelled, or tried now")


async def downloads(asking: Asking) -> Response:
    """GET /admin/downloads: everybody's, newest first, by status and user."""
    administrator(asking)
    status, user, before = (asking.query.get(name, "") for name in ("status", "user", "before"))
    if status and status not in set(DownloadStatus):
        raise BadParameter(f"There is no status {status}")
    parts = [
        ("status = %s", status),
        ("user_name = %s", user),
        ("id < %s", int(before) if before.isdecimal() else ""),
    ]
    given = [(text, value) for text, value in parts if value != ""]
    listing = Listing(
        " AND ".join([*(text for text, _ in given), "NOT is_deleted"]),
        tuple(value for _, value in given),
        "id DESC",
        limit=ROWS + 1,
    )
    facility = await asking.core.requests.facility(None)
    found = await asking.core.requests.downloads.list_all(facility, listing)
    return await admin_page(
        asking,
        "downloads.html",
        downloads=found[:ROWS],
        more=found[ROWS - 1].id if len(found) > ROWS else None,
        statuses=list(DownloadStatus),
        chosen=status,
        user=user,
        said=asking.query.get("said", ""),
    )


CHANGES = {
    "pause": DownloadStatus.PAUSED,
    "resume": DownloadStatus.QUEUED,
    "again": DownloadStatus.PREPARING,
    "expire": DownloadStatus.EXPIRED,
}
"""What can be done to a download, by the name of its button."""


async def change_download(asking: Asking) -> Response:
    """POST /admin/downloads/{id}: pause, resume, prepare again, expire or delete one."""
    administrator(asking)
    deed = (await asking.form()).get("do", "")
    download = await asking.core.requests.downloads.find(asking.id_of())
    if deed == "delete":
        await asking.core.requests.downloads.set_deleted(download.id, value=True)
    elif deed in CHANGES:
        await asking.core.requests.downloads.set_status(download.id, CHANGES[deed])
    else:
        raise BadParameter("A download can be paused, resumed, prepared again, expired or deleted")
    return asking.go("/admin/downloads", said=deed)


def _queue(asking: Asking) -> Queue:
    levels = asking.core.data.levels
    if levels is None:
        raise NoSuchObject("There is no archive here, so nothing moves")
    return levels.queue


PAGES = (
    Page("/admin/moves", moves, "admin-moves"),
    Page("/admin/moves", change_move, "admin-move", "POST"),
    Page("/admin/downloads", downloads, "admin-downloads"),
    Page("/admin/downloads/{id}", change_download, "admin-download", "POST"),
)
