"""Logins that last: who a session id belongs to, and for how long (ICAT specification A.2).

Sessions live in the table `session`, so they survive a restart and hold in every worker. A worker remembers what it
read for at most one second, so a logout or an expiry is felt everywhere within that time. A session id is a password:
it is never logged, and the messages here that carry one must not be either.

A token (`tokens.py`) is taken wherever a session id is. It is not a login: refreshing it and logging out of it succeed
and change nothing, so that a script that ends as it should can come back. No message repeats a token.

Anonymous logins share sessions: whoever signs in comes into the same one as everybody before, whatever the worker, as
long as not more than a `SHARED_PART` of its life time is gone. So ten thousand anonymous visitors a minute cost one row
every few minutes. Each has an id of its own all the same (`visitors.py`). Logging out of a shared session answers as
success and changes nothing, because others are still in it. Refreshing it writes at most once in that time.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from beamcat.access import tokens
from beamcat.access.authenticators import Authenticator, SignIn, WrongCredentials, storable
from beamcat.access.caller import EVERY_SCOPE, Scope
from beamcat.access.login_protection import LoginProtection
from beamcat.access.session_list import SessionList, end_sessions_of, list_sessions
from beamcat.access.short_memory import ShortMemory
from beamcat.access.turnstile import Turnstile
from beamcat.access.visitors import around, is_visitor_of, visitor_of
from beamcat.config import CatalogueSettings
from beamcat.database.pool import Connection, Database
from beamcat.errors import SessionError
from beamcat.observability.requests import about, name_user

REMEMBERED_S = 1.0
"""How long a worker trusts what it read about a session or a token."""
REMEMBERED_AT_MOST = 20_000
"""Sessions and tokens a worker remembers."""
LOGINS_AT_ONCE = 4
"""Per worker and authenticator; more wait in line. It bounds how many guesses run ahead of their count."""
LOGINS_WAITING = 200
"""Per worker and authenticator; whoever comes when the line is full is told to come back."""
SHARED_PART = 24
"""A shared session is handed out for this part of its life time: 5 minutes of the usual 120."""
NO_LOGIN = "token"
"""What a session has in place of the mnemonic when it is the one of a token."""
NEVER = datetime.max.replace(tzinfo=UTC)
"""When a token expires that does not."""
LONGEST_MINUTES = 52_560_000.0
"""The most minutes that are told to be left, those of 100 years: for tokens that do not expire."""
LONGEST_REPEATED = 100
"""Characters of a session id that a message repeats: what is longer is something else, and may be a secret."""

_SESSION_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_SHARED_LOCK = 0x6265616D_73657373
"""Key of the advisory lock under which the workers agree on the next shared session."""

_INSERT = "INSERT INTO session (id, user_name, expires, mechanism, created) VALUES (%s, %s, %s, %s, %s)"
_FIND = "SELECT user_name, expires, mechanism FROM session WHERE id = %s"
_FIND_SHARED = """
SELECT id::text, user_name, expires, mechanism FROM session
 WHERE id BETWEEN %s AND %s AND mechanism = ANY(%s::text[])
"""
_YOUNGEST_SHARED = """
SELECT id::text FROM session
 WHERE user_name = %s AND mechanism = %s AND expires > %s
 ORDER BY expires DESC
 LIMIT 1
"""
_REFRESH = """
UPDATE session SET expires = %s
 WHERE id = %s AND NOT (mechanism = ANY(%s::text[]) AND expires > %s)
RETURNING user_name
"""
_LOGOUT = "DELETE FROM session WHERE id = %s AND NOT mechanism = ANY(%s::text[]) RETURNING user_name"


@dataclass(frozen=True, slots=True)
class Session:
    """A login: whose it is, until when, and the mnemonic of the authenticator that let them in.

    The one of a token has `NO_LOGIN` as `plugin` and the scopes of the token, that of a login has all.
    """

    user_name: str
    expires: datetime
    plugin: str
    scopes: frozenset[Scope] = EVERY_SCOPE


@dataclass(frozen=True, slots=True)
class SessionCount:
    """How many sessions an authenticator's users hold: `live` ones, and expired ones not yet removed."""

    plugin: str
    live: int
    expired: int


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class Sessions:
    """Logs users in and out, and says who a session id belongs to."""

    def __init__(
        self,
        database: Database,
        settings: CatalogueSettings,
        sign_ins: Mapping[str, SignIn],
        protection: LoginProtection,
        *,
        clock: Callable[[], datetime] = utc_now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sign_ins = sign_ins
        self._protection = protection
        self._clock = clock
        self._life_time = timedelta(minutes=settings.session_lifetime_minutes)
        self._young_has_left = self._life_time * (1 - 1 / SHARED_PART)
        self._shared_plugins = [m for m, sign_in in sign_ins.items() if sign_in.authenticator.shares_session]
        self._shared: dict[str, str] = {}
        self._sharing = asyncio.Lock()
        self._turnstiles = {mnemonic: Turnstile(LOGINS_AT_ONCE, LOGINS_WAITING) for mnemonic in sign_ins}
        self._tokens = tokens.Tokens(database, clock)
        self._memory = ShortMemory[str | bytes, Session](self._read, REMEMBERED_S, REMEMBERED_AT_MOST, ticks)

    @property
    def sign_ins(self) -> Mapping[str, SignIn]:
        """The ways to sign in, by mnemonic, in the order in which clients are told of them."""
        return self._sign_ins

    async def login(self, plugin: str | None, credentials: Mapping[str, str], address: str) -> str:
        """The id of a new session (for an anonymous login, a new id of the shared one).

        `address` is the IP address of the client. Raises `SessionError` for an unknown plugin or rejected
        credentials, and `TooManyAttempts` before they are even looked at when there were too many wrong ones.
        """
        about("login")
        user_name = await self.verify(plugin, credentials, address)
        name_user(user_name)
        assert plugin is not None
        if self._sign_ins[plugin].authenticator.shares_session:
            return visitor_of(await self._shared_session(plugin, user_name))
        return await self._new_session(plugin, user_name)

    async def open_for(self, plugin: str, user_name: str) -> str:
        """The id of a new session for a user whom that authenticator has let in by another way than `login`."""
        about("login")
        name_user(user_name)
        return await self._new_session(plugin, user_name)

    async def anonymous(self, address: str) -> str | None:
        """A session for somebody who has not signed in, for a door that has no use for telling visitors apart.

        None where there is no anonymous login, or not from this address. It is not to be told to anybody.
        """
        for plugin in self._shared_plugins:
            try:
                user_name = await self.verify(plugin, {}, address)
            except SessionError:
                continue
            return await self._shared_session(plugin, user_name)
        return None

    async def verify(self, plugin: str | None, credentials: Mapping[str, str], address: str) -> str:
        """The user of the credentials, without a session: wrong ones are counted and errors are as for `login`."""
        if plugin is None or plugin not in self._sign_ins:
            raise SessionError(f"Authenticator mnemonic {'null' if plugin is None else plugin} not recognised")
        authenticator = self._sign_ins[plugin].authenticator
        if authenticator.shares_session:
            return await authenticator.authenticate(credentials, address)
        async with self._turnstiles[plugin].turn():
            return await self._authenticate(plugin, authenticator, credentials, address)

    async def find(self, session_id: str | None) -> Session:
        """The live session of that id or token; `SessionError` when it is missing, unknown or expired."""
        if not session_id:
            raise SessionError("Session Id cannot be null or empty.")
        if tokens.is_token(session_id):
            return await self._find_token(session_id)
        session = await self._memory.get(session_id) if _SESSION_ID.fullmatch(session_id) else None
        if session is None:
            raise _unknown(session_id)
        if session.expires <= self._clock():
            raise SessionError(f"Session id:{session_id} has expired")
        return session

    async def caller_name(self, session_id: str | None) -> str:
        """The user a session belongs to, such as `db/ann`; `SessionError` as for `find`."""
        return (await self.find(session_id)).user_name

    async def remaining_minutes(self, session_id: str | None) -> float:
        """Minutes until the session expires, at most `LONGEST_MINUTES`; `SessionError` as for `find`."""
        left = (await self.find(session_id)).expires - self._clock()
        return min(left / timedelta(minutes=1), LONGEST_MINUTES)

    async def refresh(self, session_id: str | None) -> None:
        """Give the session a full life time again, even an expired one that is still there.

        A shared session gets it too, unless somebody refreshed it a moment ago; a token does not. `SessionError` for
        an id that is missing or unknown, and for a token as for `find`.
        """
        about("refresh")
        if session_id and tokens.is_token(session_id):
            name_user(await self.caller_name(session_id))
            return
        identifier = _checked(session_id)
        full = self._clock() + self._life_time
        recent = self._clock() + self._young_has_left
        async with self._database.connection() as conn:
            cursor = await conn.execute(_REFRESH, (full, identifier, self._shared_plugins, recent))
            known = await cursor.fetchone() or await (await conn.execute(_FIND, (identifier,))).fetchone()
            shared = None if known is not None else await self._visited(conn, identifier)
            if shared is not None:
                known = shared[1:]
                await conn.execute(_REFRESH, (full, shared[0], self._shared_plugins, recent))
                self._memory.forget(shared[0])
        self._memory.forget(identifier)
        if known is None:
            raise _unknown(identifier)
        name_user(known[0])

    async def logout(self, session_id: str | None) -> None:
        """End the session; a shared one stays for the others in it, and a token until it is revoked.

        `SessionError` for an id that is missing or unknown, and for a token as for `find`.
        """
        about("logout")
        if session_id and tokens.is_token(session_id):
            name_user(await self.caller_name(session_id))
            return
        identifier = _checked(session_id)
        async with self._database.connection() as conn:
            cursor = await conn.execute(_LOGOUT, (identifier, self._shared_plugins))
            known = await cursor.fetchone() or await (await conn.execute(_FIND, (identifier,))).fetchone()
            if known is None and (shared := await self._visited(conn, identifier)):
                known = shared[1:]
        self._memory.forget(identifier)
        if known is None:
            raise _unknown(identifier)
        name_user(known[0])

    async def sessions_of(self, user_name: str) -> SessionList:
        """The live sessions of a user, youngest first; the first 100."""
        return await list_sessions(self._database, self._clock(), self._shared_plugins, user_name, 100)

    async def end_sessions_of(self, user_name: str) -> int:
        """End all sessions of a user; how many."""
        about("logout")
        ended = await end_sessions_of(self._database, user_name)
        self._memory.forget_all()
        return ended

    async def is_logged_in(self, user_name: str) -> bool:
        """Whether any session of that user is stored, expired ones included, as ICAT counts."""
        if not storable(user_name):
            return False
        async with self._database.connection() as conn:
            cursor = await conn.execute("SELECT EXISTS (SELECT FROM session WHERE user_name = %s)", (user_name,))
            row = await cursor.fetchone()
        return row is not None and bool(row[0])

    async def prune(self) -> int:
        """Remove expired sessions, tokens that expired long ago and failed logins that no longer count.

        How many sessions. To be run hourly.
        """
        async with self._database.connection() as conn:
            cursor = await conn.execute("DELETE FROM session WHERE expires <= %s", (self._clock(),))
            await tokens.prune(conn, self._clock())
        await self._protection.prune()
        return cursor.rowcount

    async def counts(self) -> tuple[SessionCount, ...]:
        """The sessions stored, by authenticator. Anonymous visitors are counted by their shared sessions."""
        statement = """
        SELECT mechanism, count(*) FILTER (WHERE expires > %(now)s), count(*) FILTER (WHERE expires <= %(now)s)
          FROM session GROUP BY mechanism ORDER BY mechanism
        """
        async with self._database.connection() as conn:
            cursor = await conn.execute(statement, {"now": self._clock()})
            return tuple(SessionCount(*row) for row in await cursor.fetchall())

    async def close(self) -> None:
        """Finish what is being written beside the requests."""
        await self._tokens.close()

    async def _find_token(self, token: str) -> Session:
        session = await self._memory.get(tokens.digest_of(token))
        if session is None:
            raise SessionError("The token is unknown: it was revoked, or is one of another server")
        if session.expires <= self._clock():
            raise SessionError(f"The token has expired on {session.expires:%Y-%m-%d %H:%M} UTC")
        return session

    async def _authenticate(
        self, plugin: str, authenticator: Authenticator, credentials: Mapping[str, str], address: str
    ) -> str:
        attempt = await self._protection.check(plugin, credentials.get("username", ""), address)
        try:
            user_name = await authenticator.authenticate(credentials, address)
        except WrongCredentials:
            await self._protection.failed(attempt)
            raise
        await self._protection.succeeded(attempt)
        return user_name

    async def _new_session(self, plugin: str, user_name: str) -> str:
        session_id, now = str(uuid4()), self._clock()
        async with self._database.connection() as conn:
            await conn.execute(_INSERT, (session_id, user_name, now + self._life_time, plugin, now))
        return session_id

    async def _shared_session(self, plugin: str, user_name: str) -> str:
        """The shared session of the moment. Without a database access while the worker remembers a young one."""
        shared = self._shared.get(plugin)
        if shared is None or not await self._is_young(shared):
            async with self._sharing:
                shared = self._shared.get(plugin)
                if shared is None or not await self._is_young(shared):
                    shared = self._shared[plugin] = await self._agree_on_shared(plugin, user_name)
        return shared

    async def _is_young(self, session_id: str) -> bool:
        session = await self._memory.get(session_id)
        return session is not None and session.expires > self._clock() + self._young_has_left

    async def _agree_on_shared(self, plugin: str, user_name: str) -> str:
        """The young session that another worker made, or a new one: one worker at a time decides."""
        async with self._database.transaction() as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(%s)", (_SHARED_LOCK,))
            now = self._clock()
            found = await conn.execute(_YOUNGEST_SHARED, (user_name, plugin, now + self._young_has_left))
            row = await found.fetchone()
            if row is not None:
                return str(row[0])
            session_id = str(uuid4())
            await conn.execute(_INSERT, (session_id, user_name, now + self._life_time, plugin, now))
        return session_id

    async def _read(self, key: str | bytes) -> Session | None:
        """The session of an id, or of the token with a digest."""
        if isinstance(key, bytes):
            token = await self._tokens.read(key)
            return None if token is None else Session(token.user_name, token.expires or NEVER, NO_LOGIN, token.scopes)
        async with self._database.connection() as conn:
            row = await (await conn.execute(_FIND, (key,))).fetchone()
            if row is None and (shared := await self._visited(conn, key)):
                row = shared[1:]
        return None if row is None else Session(*row)

    async def _visited(self, conn: Connection, identifier: str) -> tuple[Any, ...] | None:
        """The shared session that an id of a visitor stands for: the stored id, and what `_FIND` tells of it."""
        rows = await (await conn.execute(_FIND_SHARED, (*around(identifier), self._shared_plugins))).fetchall()
        return next((row for row in rows if is_visitor_of(identifier, row[0])), None)


def _checked(session_id: str | None) -> str:
    if not session_id:
        raise SessionError("Session Id cannot be null or empty.")
    if not _SESSION_ID.fullmatch(session_id):
        raise _unknown(session_id)
    return session_id


def _unknown(session_id: str) -> SessionError:
    shown = session_id if len(session_id) <= LONGEST_REPEATED else f"a text of {len(session_id)} characters"
    return SessionError(f"Unable to find user by sessionid: {shown}")
