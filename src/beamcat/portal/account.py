"""What is theirs: who they are here, their sessions, and the tokens their programs use."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from beamcat.access.caller import Scope
from beamcat.access.tokens import Purpose
from beamcat.errors import AlreadyExists, BadParameter, NoSuchObject
from beamcat.portal import reading
from beamcat.portal.page import Asking, Page
from beamcat.portal.visiting import forget_session

LIFETIMES = (7, 30, 90, 365)
"""Days a token may be made for, as far as the facility allows."""


async def account(asking: Asking) -> Response:
    """GET /account."""
    return await _page(asking)


async def make_token(asking: Asking) -> Response:
    """POST /account/tokens: a new token, shown this once."""
    person, form, words = asking.visitor.person, await asking.form(), asking.visitor.words
    if asking.visitor.caller is None or Scope.WRITE not in person.scopes:
        raise BadParameter(words("account.not_by_token"))
    name, days = form.get("name", "").strip(), form.get("days", "")
    problem = ""
    if not name:
        problem = words("account.name_missing")
    elif not days.isdecimal() or int(days) not in LIFETIMES:
        problem = words("account.days_missing")
    if problem:
        return await _page(asking, problem=problem, status=422, typed=name)
    scopes = {Scope.READ, Scope.WRITE} if form.get("write") else {Scope.READ}
    purpose = Purpose(person.name, name, frozenset(scopes), asking.now + timedelta(days=int(days)))
    try:
        token = await asking.core.own_tokens.make(purpose)
    except AlreadyExists:
        return await _page(asking, problem=words("account.name_taken", token=name), status=409, typed=name)
    return await _page(asking, made=token, made_name=name)


async def revoke_token(asking: Asking) -> Response:
    """POST /account/tokens/revoke: end one."""
    name = (await asking.form()).get("name", "")
    await asking.core.own_tokens.revoke(asking.visitor.person.name, name)
    return asking.go("/account", revoked=name)


async def sign_out_everywhere(asking: Asking) -> Response:
    """POST /account/sign-out-everywhere: end all sessions, in all browsers and programs. Tokens stay."""
    await asking.core.sessions.end_sessions_of(asking.visitor.person.name)
    response = asking.go("/signed-out")
    forget_session(response, asking.request, asking.core)
    return response


async def _page(
    asking: Asking, *, problem: str = "", status: int = 200, made: str = "", made_name: str = "", typed: str = ""
) -> Response:
    person = asking.visitor.person
    query = f"SELECT it FROM User it WHERE it.name = {reading.text(person.name)}"
    try:
        known = (await reading.things(asking, query))[:1]
    except NoSuchObject:
        known = []
    longest = asking.core.own_tokens.settings.longest_days
    return await asking.render(
        "account/account.html",
        status=status,
        person=known[0] if known else None,
        tokens=await asking.core.own_tokens.list(person.name),
        sessions=(await asking.core.sessions.sessions_of(person.name)).sessions,
        lifetimes=[days for days in LIFETIMES if not longest or days <= longest],
        problem=problem,
        made=made,
        made_name=made_name,
        typed=typed,
        revoked=asking.query.get("revoked", ""),
    )


PAGES = (
    Page("/account", account, "account"),
    Page("/account/tokens", make_token, "make-token", "POST"),
    Page("/account/tokens/revoke", revoke_token, "revoke-token", "POST"),
    Page("/account/sign-out-everywhere", sign_out_everywhere, "sign-out-everywhere", "POST"),
)
