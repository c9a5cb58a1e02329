"""The sessions of a facility, as an administrator sees and ends them.

A session id is a password, so sessions are told apart by fingerprints: the beginning of the SHA-256 of the id.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from beamcat.database.pool import Database
from beamcat.errors import BadParameter, NoSuchObject

FINGERPRINT_DIGITS = 12
"""Hexadecimal digits of a fingerprint: by chance two of a million sessions share one once in 500 facilities."""
FEWEST_DIGITS = 4
"""Digits that must be given to end a session."""

_FINGERPRINT = "encode(sha256(convert_to(id::text, 'UTF8')), 'hex')"
_LIST = f"""
SELECT left({_FINGERPRINT}, {FINGERPRINT_DIGITS}), user_name, mechanism, created, expires, count(*) OVER ()
  FROM session
 WHERE expires > %(now)s AND (%(user)s::text IS NULL OR user_name = %(user)s)
 ORDER BY created DESC, id
 LIMIT %(most)s
"""
_SUMMARY = """
SELECT mechanism, count(*), count(DISTINCT user_name)
  FROM session WHERE expires > %s GROUP BY mechanism ORDER BY mechanism
"""
_END_ONE = f"DELETE FROM session WHERE starts_with({_FINGERPRINT}, %s) RETURNING user_name"


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A live session. `shared`: it is an anonymous one, with any number of visitors in it."""

    fingerprint: str
    user_name: str
    authenticator: str
    since: datetime
    expires: datetime
    shared: bool


@dataclass(frozen=True, slots=True)
class SessionList:
    """The youngest live sessions, and how many there are."""

    sessions: tuple[ListedSession, ...]
    count: int


@dataclass(frozen=True, slots=True)
class AuthenticatorSessions:
    """The live sessions of one authenticator, and of how many users they are."""

    authenticator: str
    sessions: int
    users: int
    shared: bool


async def list_sessions(
    database: Database, now: datetime, shared: Collection[str], user_name: str | None, most: int
) -> SessionList:
    """The live sessions (None: of everybody), youngest first.

    `shared` are the mnemonics of the authenticators whose users share their session.
    """
    async with database.connection() as conn:
        cursor = await conn.execute(_LIST, {"now": now, "user": user_name, "most": most})
        rows = await cursor.fetchall()
    sessions = tuple(
        ListedSession(fingerprint, user, plugin, since, expires, plugin in shared)
        for fingerprint, user, plugin, since, expires, _ in rows
    )
    return SessionList(sessions, rows[0][5] if rows else 0)


async def count_sessions(
    database: Database, now: datetime, shared: Collection[str]
) -> tuple[AuthenticatorSessions, ...]:
    """The live sessions by authenticator."""
    async with database.connection() as conn:
        rows = await (await conn.execute(_SUMMARY, (now,))).fetchall()
    return tuple(AuthenticatorSessions(plugin, count, users, plugin in shared) for plugin, count, users in rows)


async def end_sessions_of(database: Database, user_name: str) -> int:
    """End the sessions of a user, shared ones too; how many. Workers know them for one more second."""
    async with database.connection() as conn:
        return (await conn.execute("DELETE FROM session WHERE user_name = %s", (user_name,))).rowcount


async def end_all_sessions(database: Database) -> int:
    """End every session; how many."""
    async with database.connection() as conn:
        return (await conn.execute("DELETE FROM session")).rowcount


async def end_session(database: Database, fingerprint: str) -> str:
    """End the session of that fingerprint, or of the beginning of one; whose it was.

    Raises `NoSuchObject` when there is none, and `BadParameter` when several begin so: then nothing is ended.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{FEWEST_DIGITS},64}}", fingerprint, re.ASCII):
        raise BadParameter(f"a fingerprint is {FEWEST_DIGITS} or more of the digits 0-9 a-f")
    async with database.transaction() as conn:
        rows = await (await conn.execute(_END_ONE, (fingerprint,))).fetchall()
        if len(rows) > 1:
            raise BadParameter(f"{len(rows)} sessions have a fingerprint that begins with {fingerprint}; give more")
        if not rows:
            raise NoSuchObject(f"there is no session with the fingerprint {fingerprint}")
        return str(rows[0][0])
