"""Where a link in a mail leads: no more reminders. Whoever has the id in the link may say so, without a session.

Programs that look through mails open links, so that only the button says it, and mail programs that post by themselves
(RFC 8058).
"""

from __future__ import annotations

from uuid import UUID

from starlette.responses import HTMLResponse, Response

from beamcat.doors.downloads.asking import Asked
from beamcat.errors import BadParameter

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


async def page(asked: Asked) -> Response:
    """GET reminders/stop: a page with a button."""
    identifier = _prepared_id(asked)
    button = f'<form method="post" action="?preparedId={identifier}"><button>No more reminders</button></form>'
    return _page(f"<p>A mail is sent when a download comes to a stop.</p>{button}")


async def stop(asked: Asked) -> Response:
    """POST reminders/stop: no more reminders for the owner of this download."""
    await asked.requests.reminders.refuse(_prepared_id(asked))
    return _page("<p>You will get no more reminders of downloads that come to a stop.</p>")


def _prepared_id(asked: Asked) -> UUID:
    try:
        return UUID(asked.parameters.required("preparedId"))
    except ValueError:
        raise BadParameter("preparedId is not the id of a download") from None


def _page(content: str) -> Response:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Reminders</title>'
    page = f'<!doctype html><html lang="en"><head>{head}</head><body><h1>Reminders</h1>{content}</body></html>'
    return HTMLResponse(page, headers=HEADERS)
