"""Signing in and out."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.access.authenticators import SignIn
from beamcat.errors import SessionError, TooManyAttempts
from beamcat.portal.page import Asking, Page
from beamcat.portal.problems import STATUSES
from beamcat.portal.returning import back
from beamcat.portal.visiting import forget_session, keep_session


def password_ways(asking: Asking) -> list[tuple[str, SignIn]]:
    """The ways to sign in that take a name and a password, by mnemonic."""
    ways = []
    for mnemonic, way in asking.core.sessions.sign_ins.items():
        keys = {key.name for key in way.authenticator.description()}
        if {"username", "password"} <= keys:
            ways.append((mnemonic, way))
    return ways


async def sign_in_page(asking: Asking) -> Response:
    """GET /sign-in: the ways there are. Whoever has signed in already goes on."""
    to = back(asking.query.get("to"))
    if asking.visitor.signed_in and "again" not in asking.query:
        return asking.go(to)
    return await _page(asking, to)


async def sign_in(asking: Asking) -> Response:
    """POST /sign-in: a name and a password, for the authenticator of the form."""
    form = await asking.form()
    to, plugin = back(form.get("to")), form.get("plugin", "")
    credentials = {"username": form.get("username", ""), "password": form.get("password", "")}
    address = asking.request.client.host if asking.request.client else ""
    if plugin not in dict(password_ways(asking)):
        return await _page(asking, to, problem=asking.visitor.words("signing_in.no_such_way"), status=400)
    try:
        session = await asking.core.login(plugin, credentials, address)
    except TooManyAttempts as error:
        waiting = asking.visitor.words("signing_in.wait", time=asking.formatting.duration(error.retry_after_s))
        return await _page(asking, to, problem=waiting, status=429, plugin=plugin, name=credentials["username"])
    except SessionError as error:
        problem = asking.visitor.words("signing_in.wrong")
        return await _page(
            asking, to, problem=problem, status=STATUSES[error.kind], plugin=plugin, name=credentials["username"]
        )
    response = asking.go(to)
    keep_session(response, asking.request, asking.core, session)
    return response


async def sign_out(asking: Asking) -> Response:
    """POST /sign-out: end the session everywhere, and have the browser forget what it has kept."""
    if asking.visitor.session_id is not None:
        await asking.core.sessions.logout(asking.visitor.session_id)
    response = asking.go("/", signed="out")
    forget_session(response, asking.request, asking.core)
    return response


async def _page(
    asking: Asking, to: str, *, problem: str = "", status: int = 200, plugin: str = "", name: str = ""
) -> Response:
    ways = password_ways(asking)
    return await asking.render(
        "sign_in.html",
        status=status,
        to=to,
        ways=[(mnemonic, way.friendly or mnemonic, way.admin) for mnemonic, way in ways],
        problem=problem,
        chosen=plugin,
        typed=name,
        open_without=asking.visitor.caller is not None,
    )


PAGES = (
    Page("/sign-in", sign_in_page, "sign-in"),
    Page("/sign-in", sign_in, "sign-in", "POST"),
    Page("/sign-out", sign_out, "sign-out", "POST"),
)
