"""Users: who they are, which groups they are in, where they are signed in."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.access.user_list import list_users
from beamcat.config import AuthenticatorSettings
from beamcat.portal.administration.entry import admin_page, administrator
from beamcat.portal.page import Asking, Page

ROWS = 200


async def people(asking: Asking) -> Response:
    """GET /admin/people: users by a part of their names."""
    administrator(asking)
    pattern = asking.query.get("q", "").strip()
    settings = asking.core.settings
    mechanisms = [
        chosen.mechanism if chosen.mechanism is not None else mnemonic
        for mnemonic, chosen in settings.authenticator.items()
        if isinstance(chosen, AuthenticatorSettings) and chosen.kind == "db"
    ]
    found = await list_users(asking.core.database, mechanisms, pattern or None, ROWS)
    return await admin_page(
        asking,
        "people.html",
        users=found.users,
        count=found.count,
        pattern=pattern,
        roots=set(settings.catalogue.root_user_names),
        said=asking.query.get("said", ""),
    )


async def end_sessions(asking: Asking) -> Response:
    """POST /admin/people/sign-out: end all sessions of a user."""
    administrator(asking)
    user = (await asking.form()).get("user", "")
    ended = await asking.core.sessions.end_sessions_of(user)
    return asking.go("/admin/people", q=user, said=str(ended))


PAGES = (
    Page("/admin/people", people, "admin-people"),
    Page("/admin/people/sign-out", end_sessions, "admin-sign-out", "POST"),
)
