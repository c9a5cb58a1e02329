"""What people have looked at lately: kept for those who signed in, after their page is on its way."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.background import BackgroundTask
from starlette.responses import Response

from beamcat.access.preferences import Preferences
from beamcat.errors import BeamcatError
from beamcat.observability.logs import logger
from beamcat.portal.page import Asking

KEY = "recent"
"""Of the preferences: by address, what is there, its title, and when it was looked at."""
KEPT = 20
AGAIN_AFTER = timedelta(minutes=1)
"""Who looks again within this time is not noted again."""
LONGEST_TITLE = 200


def note_visit(asking: Asking, response: Response, kind: str, title: str) -> Response:
    """Have the visit noted once the page is sent; strangers are nobody to note it for."""
    visitor = asking.visitor
    if visitor.signed_in and visitor.caller is not None and not asking.is_fragment and response.status_code == 200:
        response.background = BackgroundTask(
            note,
            asking.core.preferences,
            visitor.caller.name,
            asking.request.url.path,
            {"kind": kind, "title": title[:LONGEST_TITLE], "at": asking.now.isoformat(timespec="seconds")},
        )
    return response


async def note(preferences: Preferences, user: str, path: str, seen: dict[str, str]) -> None:
    """Keep that a person has seen a page, and forget the one they saw longest ago."""
    try:
        known = (await preferences.read(user)).get(KEY) or {}
        if path in known and datetime.fromisoformat(seen["at"]) - _at(known[path]) < AGAIN_AFTER:
            return
        others = sorted((key for key in known if key != path), key=lambda key: _at(known[key]))
        forgotten = dict.fromkeys(others[: max(0, len(others) - KEPT + 1)])
        await preferences.change(user, {KEY: {path: seen, **forgotten}})
    except BeamcatError as error:
        logger().warning("a visit could not be noted", error=error.message)


def _at(seen: dict[str, str]) -> datetime:
    return datetime.fromisoformat(seen["at"])
