"""Whose a basket is: a person's, or a browser's.

Whoever has not signed in gets a cookie with an id of their own when they put the first thing into their basket, and not
before. It opens that basket and the downloads requested from it, and nothing else.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256

from starlette.responses import Response

from beamcat.access.caller import Caller
from beamcat.doors.urls import public_url
from beamcat.portal.page import Asking
from beamcat.store.requests.carts import ANONYMOUS_DAYS
from beamcat.store.requests.items import Owner

COOKIE = "beamcat_basket"

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def browsers_key(asking: Asking) -> str | None:
    """Under which the things of this browser are kept; None for one that has kept nothing."""
    brought = asking.request.cookies.get(COOKIE, "")
    return f"~visitor/{sha256(brought.encode()).hexdigest()[:32]}" if _ID.fullmatch(brought) else None


def keys(asking: Asking) -> list[str]:
    """Whose things the visitor sees in their basket; none for strangers without one."""
    own = [asking.visitor.person.name] if asking.visitor.signed_in else []
    browsers = browsers_key(asking)
    return own if browsers is None else [*own, browsers]


def owner(asking: Asking) -> Owner | None:
    """The visitor as the owner of a basket; None for a stranger who has none yet."""
    if asking.visitor.signed_in:
        return Owner(asking.visitor.person, asking.visitor.person.name)
    key = browsers_key(asking)
    return None if key is None else _visitor(asking.visitor.reader, key)


def owner_or_new(asking: Asking) -> tuple[Owner, str | None]:
    """The visitor as the owner of a basket, and the id their browser is to keep, if that is new."""
    known = owner(asking)
    if known is not None:
        return known, None
    made = secrets.token_hex(16)
    return _visitor(asking.visitor.reader, f"~visitor/{sha256(made.encode()).hexdigest()[:32]}"), made


def keep(asking: Asking, response: Response, made: str | None) -> Response:
    """Have the browser keep a new id."""
    if made is not None:
        response.set_cookie(
            COOKIE,
            made,
            max_age=ANONYMOUS_DAYS * 86400,
            path="/",
            httponly=True,
            samesite="lax",
            secure=_is_https(asking),
        )
    return response


def forget(asking: Asking, response: Response) -> Response:
    """Have the browser forget its id."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=_is_https(asking))
    return response


async def take_over(asking: Asking) -> bool:
    """Put what the browser had kept into the basket of the person who has signed in; whether there was an id."""
    key = browsers_key(asking)
    if key is None or not asking.visitor.signed_in:
        return False
    person = asking.visitor.person
    requests = asking.core.requests
    await requests.carts.take_over(await requests.usual_facility(), _visitor(person, key), Owner(person, person.name))
    return True


def _visitor(caller: Caller, key: str) -> Owner:
    return Owner(caller, key, anonymous=True)


def _is_https(asking: Asking) -> bool:
    return public_url(asking.request, asking.core).startswith("https:")
