"""Signing in at a provider: the browser goes there, and comes back.

What is to be known then is in a cookie of this browser, for ten minutes: whoever brings the answer of the provider in
another browser is not signed in.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from starlette.responses import RedirectResponse, Response

from beamcat.access.oidc_sign_in import Flow, NotSignedIn, OidcSignIn
from beamcat.doors.statuses import STATUSES
from beamcat.doors.urls import public_url
from beamcat.errors import NoSuchObject, SessionError
from beamcat.portal.page import Asking, Page
from beamcat.portal.returning import back
from beamcat.portal.signing_in.pages import show_ways, signed_in
from beamcat.portal.signing_in.ways import provider_of

COOKIE = "beamcat_sign_in"
KEPT_S = 600


async def begin(asking: Asking) -> Response:
    """GET /sign-in/{plugin}: on to the provider."""
    plugin = asking.request.path_params["plugin"]
    url, flow = await _provider(asking, plugin).begin(_return_address(asking, plugin))
    response = RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})
    kept = {"state": flow.state, "nonce": flow.nonce, "verifier": flow.verifier, "to": back(asking.query.get("to"))}
    secure = public_url(asking.request, asking.core).startswith("https:")
    response.set_cookie(
        COOKIE, urlencode(kept), max_age=KEPT_S, path=f"/sign-in/{plugin}", httponly=True, samesite="lax", secure=secure
    )
    return response


async def finish(asking: Asking) -> Response:
    """GET /sign-in/{plugin}/back: from the provider, with a code or with the reason why not."""
    plugin = asking.request.path_params["plugin"]
    provider = _provider(asking, plugin)
    kept = dict(parse_qsl(asking.request.cookies.get(COOKIE, "")))
    to = back(kept.get("to"))
    address = asking.request.client.host if asking.request.client else ""
    try:
        if not kept.get("state"):
            raise NotSignedIn(asking.visitor.words("signing_in.begun_elsewhere"))
        flow = Flow(kept["state"], kept.get("nonce", ""), kept.get("verifier", ""))
        user_name = await provider.finish(flow, asking.query, _return_address(asking, plugin), address)
    except SessionError as error:
        response = await show_ways(asking, to, problem=error.message, status=STATUSES[error.kind])
    else:
        session = await asking.core.sessions.open_for(plugin, user_name)
        response = signed_in(asking, to, plugin, session)
    response.delete_cookie(COOKIE, path=f"/sign-in/{plugin}", httponly=True, samesite="lax")
    return response


async def end_address(asking: Asking, plugin: str) -> str | None:
    """Where the session at the provider of that way is ended; None where there is nothing to end."""
    found = provider_of(asking.core.sessions.sign_ins.get(plugin))
    return None if found is None else await OidcSignIn(found).end_address(public_url(asking.request, asking.core) + "/")


def _provider(asking: Asking, plugin: str) -> OidcSignIn:
    found = provider_of(asking.core.sessions.sign_ins.get(plugin))
    if found is None:
        raise NoSuchObject("There is no such way to sign in")
    return OidcSignIn(found)


def _return_address(asking: Asking, plugin: str) -> str:
    return f"{public_url(asking.request, asking.core)}/sign-in/{plugin}/back"


PAGES = (
    Page("/sign-in/{plugin}", begin, "sign-in-elsewhere"),
    Page("/sign-in/{plugin}/back", finish, "sign-in-back"),
)
