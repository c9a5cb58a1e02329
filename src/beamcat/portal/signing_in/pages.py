"""The page with all ways to sign in, names and passwords, and signing out."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.doors.statuses import STATUSES
from beamcat.errors import BeamcatError, SessionError, TooManyAttempts
from beamcat.portal.page import Asking, Page
from beamcat.portal.returning import back
from beamcat.portal.signing_in.ways import KEPT_S, LAST_COOKIE, password_ways, provider_of, providers
from beamcat.portal.visiting import forget_session, keep_session


async def sign_in_page(asking: Asking) -> Response:
    """GET /sign-in: the ways there are. Whoever has signed in already goes on."""
    to = back(asking.query.get("to"))
    if asking.visitor.signed_in and "again" not in asking.query:
        return asking.go(to)
    return await show_ways(asking, to)


async def sign_in(asking: Asking) -> Response:
    """POST /sign-in: a name and a password, for the authenticator of the form."""
    form = await asking.form()
    to, plugin, words = back(form.get("to")), form.get("plugin", ""), asking.visitor.words
    name = form.get("username", "")
    if plugin not in {way.mnemonic for way in password_ways(asking)}:
        return await show_ways(asking, to, problem=words("signing_in.no_such_way"), status=400)
    address = asking.request.client.host if asking.request.client else ""
    try:
        session = await asking.core.login(plugin, {"username": name, "password": form.get("password", "")}, address)
    except SessionError as error:
        wrong = words("signing_in.wrong")
        return await show_ways(asking, to, problem=wrong, status=STATUSES[error.kind], plugin=plugin, name=name)
    except TooManyAttempts as error:
        waiting = words("signing_in.wait", time=asking.formatting.duration(error.retry_after_s))
        more = {"Retry-After": str(error.retry_after_s)}
        return await show_ways(asking, to, problem=waiting, status=429, plugin=plugin, name=name, headers=more)
    return signed_in(asking, to, plugin, session)


def signed_in(asking: Asking, to: str, plugin: str, session: str) -> Response:
    """On to where they wanted to go, with the session. A script that signs in beside a page gets no page."""
    response = Response(status_code=204) if asking.is_fragment else asking.go(to)
    keep_session(response, asking.request, asking.core, session)
    response.set_cookie(LAST_COOKIE, plugin, max_age=KEPT_S, path="/sign-in", httponly=True, samesite="lax")
    return response


async def sign_out(asking: Asking) -> Response:
    """POST /sign-out: end the session, and have the browser forget what it has kept."""
    plugin = ""
    if asking.visitor.session_id is not None:
        plugin = (await asking.core.sessions.find(asking.visitor.session_id)).plugin
        await asking.core.sessions.logout(asking.visitor.session_id)
    at_provider = provider_of(asking.core.sessions.sign_ins.get(plugin)) is not None
    response = asking.go("/signed-out", **({"at": plugin} if at_provider else {}))
    forget_session(response, asking.request, asking.core)
    return response


async def show_ways(
    asking: Asking,
    to: str,
    *,
    problem: str = "",
    status: int = 200,
    plugin: str = "",
    name: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    """The page, or for a script the forms alone, with what went wrong."""
    ways = sorted(password_ways(asking), key=lambda way: way.is_admin)
    at_providers = sorted(providers(asking), key=lambda way: not way.is_last)
    return await asking.render(
        "_sign_in.html" if asking.is_fragment else "sign_in.html",
        status=status,
        headers=headers,
        to=to,
        providers=at_providers,
        ways=ways,
        main_way="" if at_providers else next((way.mnemonic for way in ways if not way.is_admin), ""),
        problem=problem,
        chosen=plugin,
        typed=name,
        open_without=asking.visitor.caller is not None,
        beside=asking.is_fragment,
    )


async def signed_out(asking: Asking) -> Response:
    """GET /signed-out: that it is done, and where to end the session at the provider as well."""
    from beamcat.portal.signing_in.elsewhere import end_address

    plugin = asking.query.get("at", "")
    way = asking.core.sessions.sign_ins.get(plugin)
    try:
        there = await end_address(asking, plugin)
    except BeamcatError:
        there = None  # a provider that is away has nothing to offer
    label = "" if way is None else way.friendly or plugin
    return await asking.render("signed_out.html", provider=label, there=there)


PAGES = (
    Page("/sign-in", sign_in_page, "sign-in"),
    Page("/sign-in", sign_in, "sign-in", "POST"),
    Page("/sign-out", sign_out, "sign-out", "POST"),
    Page("/signed-out", signed_out, "signed-out"),
)
