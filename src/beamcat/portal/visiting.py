"""Who looks at a page.

A person who has signed in has a cookie with the id of their session, which scripts of pages cannot read. Whoever has
none is the anonymous user, where there is one, without a session of their own: a crowd costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from beamcat.access.caller import Caller
from beamcat.doors.core import Core
from beamcat.doors.urls import public_url
from beamcat.errors import SessionError
from beamcat.portal.look import COOKIE as LOOK_COOKIE
from beamcat.portal.look import Look
from beamcat.portal.words import Words

SESSION_COOKIE = "beamcat_session"
REFRESHED_PART = 0.75
"""A session that has less than this part of its life time left is prolonged by looking at a page."""


class SignInFirst(SessionError):
    """The page is for people who have signed in."""

    def __init__(self) -> None:
        super().__init__("Sign in first")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks. `caller` is none where strangers may see nothing at all.

    `session_id` is that of a person who has signed in, with `minutes_left` to live. `ended`: their browser brought the
    id of a session that lives no more.
    """

    caller: Caller | None
    look: Look
    words: Words
    session_id: str | None = None
    minutes_left: float | None = None
    ended: bool = False

    @property
    def signed_in(self) -> bool:
        """Whether they have a session of their own."""
        return self.session_id is not None

    @property
    def reader(self) -> Caller:
        """With whose rights the page is read. Raises `SignInFirst` where strangers may see nothing."""
        if self.caller is None:
            raise SignInFirst
        return self.caller

    @property
    def person(self) -> Caller:
        """The one who has signed in. Raises `SignInFirst`."""
        if not self.signed_in:
            raise SignInFirst
        return self.reader


async def visitor_of(request: Request, core: Core, words: dict[str, Words]) -> Visitor:
    """Who looks at this page."""
    look = Look.read(request.cookies.get(LOOK_COOKIE))
    chosen = words[language_of(look, request.headers.get("accept-language"), tuple(words))]
    brought = request.cookies.get(SESSION_COOKIE)
    if brought is not None:
        try:
            caller = await core.caller(brought)
            minutes = await core.sessions.remaining_minutes(brought)
            if minutes < core.settings.catalogue.session_lifetime_minutes * REFRESHED_PART and not _is_poll(request):
                await core.sessions.refresh(brought)
                minutes = float(core.settings.catalogue.session_lifetime_minutes)
            return Visitor(caller, look, chosen, brought, minutes)
        except SessionError:
            pass
    address = request.client.host if request.client else ""
    identifier = await core.sessions.anonymous(address)
    anonymous = None if identifier is None else await core.caller(identifier)
    return Visitor(anonymous, look, chosen, ended=brought is not None)


def _is_poll(request: Request) -> bool:
    """Whether nobody clicked: a page that keeps itself fresh does not keep a session alive."""
    return request.headers.get("x-beamcat-poll") is not None


def language_of(look: Look, accepted: str | None, languages: tuple[str, ...]) -> str:
    """The language chosen, or else the first the browser asks for (RFC 9110 section 12.5.4), or else the usual one."""
    if look.language in languages:
        return look.language
    wishes: list[tuple[float, str]] = []
    for part in (accepted or "").split(",")[:20]:
        tag, _, weight = part.partition(";q=")
        try:
            wishes.append((-float(weight or 1), tag.strip().lower()))
        except ValueError:
            continue
    for _, tag in sorted(wishes, key=lambda wish: wish[0]):
        for language in languages:
            if (
                tag in {language.lower(), language.lower().partition("-")[0]}
                or tag.partition("-")[0] == language.lower()
            ):
                return language
    return languages[0]


def keep_session(response: Response, request: Request, core: Core, session_id: str) -> None:
    """Have the browser bring this session from now on, until it is closed or the session ends."""
    response.set_cookie(
        SESSION_COOKIE, session_id, path="/", httponly=True, samesite="lax", secure=_is_https(request, core)
    )


def forget_session(response: Response, request: Request, core: Core) -> None:
    """Have the browser forget the session, and every page it has kept."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=_is_https(request, core))
    response.headers["Clear-Site-Data"] = '"cache"'


def _is_https(request: Request, core: Core) -> bool:
    return public_url(request, core).startswith("https:")
