"""The page of requested downloads, which keeps itself fresh."""

from __future__ import annotations

from hashlib import sha256

from markupsafe import Markup
from starlette.responses import Response

from beamcat.errors import NoSuchObject
from beamcat.portal.basket.changing import Said, Undo
from beamcat.portal.basket.owning import owner
from beamcat.portal.basket.rows import Row, Telling
from beamcat.portal.page import Asking
from beamcat.portal.returning import back
from beamcat.store.requests.downloads import Download, DownloadStatus
from beamcat.store.requests.items import Owner
from beamcat.store.requests.submitting import Request

PAGE = 25
SOON_S, LATER_S = 5, 20
"""How often a page looks for news while data are being prepared, and while they can be fetched."""


def telling(asking: Asking) -> Telling:
    """Tells the visitor of downloads."""
    transports = asking.core.settings.downloads.transport
    own = {name: each.ids_url for name, each in transports.items() if each.ids_url}
    return Telling(asking.visitor.words, asking.formatting, own)


async def downloads(asking: Asking) -> Response:
    """GET /downloads: the newest first; `before` is where a page goes on, `show=deleted` shows what was removed."""
    whose = owner(asking)
    if whose is None:
        asking.visitor.reader  # noqa: B018 - where strangers may see nothing they sign in first
        return await asking.render(
            "downloads/page.html", shown=[], poller=None, next=None, deleted=False, new=None, reminders=None
        )
    found, rows = await _rows(asking, whose)
    shown = [(row, *_drawn(asking, row)) for row in rows]
    return await asking.render(
        "downloads/page.html",
        shown=[(row, html) for row, html, _ in shown],
        poller=_poller(rows, {row.id: version for row, _, version in shown}),
        next=found[-1].id if len(found) == PAGE else None,
        deleted=asking.query.get("show") == "deleted",
        new=_number(asking.query.get("new")),
        reminders=await asking.core.requests.reminders.are_wanted(whose) if _mails(asking) else None,
    )


async def changes(asking: Asking) -> Response:
    """GET /downloads/changes?v=12:ab..,13:cd..: the rows that look otherwise now, out of band; 204 for none."""
    whose = owner(asking)
    if whose is None:
        return Response(status_code=204)
    seen = dict(part.partition(":")[::2] for part in asking.query.get("v", "").split(",")[:PAGE])
    known = [int(text) for text in seen if text.isascii() and text.isdecimal() and len(text) < 19]
    before = max(known, default=0) + 1
    _, rows = await _rows(asking, whose, before)
    shown = [row for row in rows if str(row.id) in seen]
    versions = {row.id: _drawn(asking, row)[1] for row in shown}
    changed = [row for row in shown if versions[row.id] != seen[str(row.id)]]
    if not changed:
        return Response(status_code=204)
    poller = _poller(shown, versions)
    return await asking.render("downloads/_changes.html", changed=changed, poller=poller)


async def ask_again(asking: Asking) -> Response:
    """POST /downloads/{id}/again: what has failed or expired is prepared anew."""
    download = await owned(asking)
    requests = asking.core.requests
    if download.brought is None:
        await requests.downloads.set_status(download.id, DownloadStatus.PREPARING)
        identifier = download.id
    else:  # what was brought somewhere is another request
        whose = owner(asking)
        assert whose is not None
        request = Request(
            facility=download.facility,
            owner=whose,
            transport=download.transport,
            file_name=download.file_name,
            email=download.email,
            form=download.form,
            destination=download.brought.destination,
        )
        identifier = await requests.submissions.submit(request, [item.reference for item in download.items])
        await requests.downloads.set_deleted(download.id, value=True)
    return asking.go("/downloads", new=str(identifier))


async def delete(asking: Asking) -> Response:
    """POST /downloads/{id}/delete: take a download off the list; with `undo`, put it back."""
    download = await owned(asking)
    form = await asking.form()
    undo = bool(form.get("undo"))
    await asking.core.requests.downloads.set_deleted(download.id, value=not undo)
    if not asking.is_fragment or undo:
        response = asking.go(back(form.get("to"), "/downloads"))
        if asking.is_fragment:
            response = Response(headers={"HX-Refresh": "true"})
        return response
    said = Said(asking.visitor.words("downloads.deleted", name=download.file_name), undo=Undo("undo", "1"))
    return await asking.render("downloads/_deleted.html", said=said, undo_at=f"/downloads/{download.id}/delete")


async def owned(asking: Asking) -> Download:
    """The download of the path. Raises `NoSuchObject` for somebody else's, as for one that is not there."""
    whose = owner(asking)
    if whose is None:
        raise NoSuchObject("There is no download at this address, or it is not yours")
    download = await asking.core.requests.downloads.find(asking.id_of())
    if download.owner != whose.key:
        raise NoSuchObject("There is no download at this address, or it is not yours")
    return download


async def _rows(asking: Asking, whose: Owner, before: int | None = None) -> tuple[list[Download], list[Row]]:
    requests = asking.core.requests
    found = await requests.downloads.latest(
        await requests.usual_facility(),
        whose,
        before=before if before is not None else _number(asking.query.get("before")),
        most=PAGE,
        deleted=asking.query.get("show") == "deleted",
    )
    return found, telling(asking).rows(await requests.following.outlooks(found))


def _drawn(asking: Asking, row: Row) -> tuple[Markup, str]:
    """A row as it is shown, and what tells it from how it is shown later."""
    html = asking.rendering.render(asking, "downloads/_row.html", {"row": row})
    return Markup(html), sha256(html.encode()).hexdigest()[:10]  # noqa: S704 - a template of ours


def _poller(rows: list[Row], versions: dict[int, str]) -> dict[str, object] | None:
    """What looks for news: where, and how often; None where nothing will happen."""
    if any(row.moves for row in rows):
        seconds = SOON_S
    elif any(row.is_fetched_now for row in rows):
        seconds = LATER_S
    else:
        return None
    return {"seconds": seconds, "versions": ",".join(f"{key}:{version}" for key, version in versions.items())}


def _mails(asking: Asking) -> bool:
    return asking.core.requests.posting is not None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
