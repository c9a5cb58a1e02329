"""Tokens: what a script or an instrument shows instead of a password.

A token stands for a user and is taken wherever a session id is. It is shown once, when it is made; the table
`api_token` holds its SHA-256, by which it is found: 256 random bits need no slower digest, and looking up a digest
takes no time that tells of the token. Rights are those of the user at the time of a call, within the token's scopes.
A token that has expired is kept for `KEPT`, so that its owner can see what happened to it.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg

from beamcat.access.caller import Scope
from beamcat.config import TokenSettings
from beamcat.database.pool import Connection, Database
from beamcat.errors import AlreadyExists, BadParameter, BeamcatError, NoSuchObject, SessionError
from beamcat.observability.logs import logger

PREFIX = "beamcat_"
"""By which people, and scanners of source code, know a token when they see one."""
RANDOM_BYTES = 32
LONGEST_NAME = 255
"""In characters, of a token and of a user."""
KEPT = timedelta(days=30)
"""How long a token is kept after it has expired."""
USE_NOTED_EVERY = timedelta(minutes=1)
"""How exactly the latest use of a token is known."""
PATIENCE_S = 2.0
"""How long the end of a worker waits for the uses that are being noted."""

_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)

_COLUMNS = "user_name, name, scopes, created, expires, used"
_INSERT = """
INSERT INTO api_token (digest, user_name, name, scopes, created, expires)
VALUES (%(digest)s, %(user_name)s, %(name)s, %(scopes)s, %(now)s, %(expires)s)
    ON CONFLICT (user_name, name) DO NOTHING
"""
_READ = f"SELECT {_COLUMNS} FROM api_token WHERE digest = %s"
_LIST = f"""
SELECT {_COLUMNS} FROM api_token
 WHERE %(user_name)s::text IS NULL OR user_name = %(user_name)s
 ORDER BY user_name, name
"""
_REVOKE = "DELETE FROM api_token WHERE user_name = %s AND name = %s"
_NOTE_USE = "UPDATE api_token SET used = %s WHERE digest = %s AND (used IS NULL OR used <= %s)"
_PRUNE = "DELETE FROM api_token WHERE expires <= %s"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a token is for: whom it stands for, its name among the tokens of that user, its scopes, and until when.

    `expires` None: until it is revoked.
    """

    user_name: str
    name: str
    scopes: frozenset[Scope]
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is stored. `used` is its latest use, to the minute; None when it was never used."""

    user_name: str
    name: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime | None
    used: datetime | None

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= now


async def make(database: Database, settings: TokenSettings, purpose: Purpose, now: datetime) -> str:
    """A new token. It cannot be shown again.

    Raises `BadParameter` for an unusable name, no scope, or an expiry the settings do not allow, and `AlreadyExists`
    when the user has a token of that name.
    """
    _check(purpose, settings, now)
    token = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    values: Mapping[str, Any] = {
        "digest": digest_of(token),
        "user_name": purpose.user_name,
        "name": purpose.name,
        "scopes": sorted(purpose.scopes),
        "now": now,
        "expires": purpose.expires,
    }
    async with database.connection() as conn:
        cursor = await conn.execute(_INSERT, values)
    if cursor.rowcount == 0:
        raise AlreadyExists(
            f"{purpose.user_name} has a token named {purpose.name} already; revoke it, or choose another name"
        )
    return token


async def list_tokens(database: Database, user_name: str | None = None) -> tuple[Token, ...]:
    """The tokens of a user (None: of all), by user and name; those that expired a short while ago among them."""
    async with database.connection() as conn:
        cursor = await conn.execute(_LIST, {"user_name": user_name})
        return tuple(_token(row) for row in await cursor.fetchall())


async def revoke(database: Database, user_name: str, name: str) -> None:
    """End a token: within a second no worker knows it. `NoSuchObject` when the user has none of that name."""
    async with database.connection() as conn:
        cursor = await conn.execute(_REVOKE, (user_name, name))
    if cursor.rowcount == 0:
        raise NoSuchObject(f"{user_name} has no token named {name}")


async def is_known(database: Database, user_name: str) -> bool:
    """Whether there is a `User` of that name. A token may be made for any other name too."""
    async with database.connection() as conn:
        cursor = await conn.execute('SELECT EXISTS (SELECT FROM "user" WHERE name = %s)', (user_name,))
        row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def prune(conn: Connection, now: datetime) -> int:
    """Remove the tokens that expired long ago; how many."""
    return (await conn.execute(_PRUNE, (now - KEPT,))).rowcount


def is_token(text: str) -> bool:
    """Whether this holds what is meant as a token, a damaged one too: not to be repeated in any message."""
    return PREFIX in text.lower()


def digest_of(token: str) -> bytes:
    """What is stored of a token. Raises `SessionError` for what is not whole."""
    if not _TOKEN.fullmatch(token):
        raise SessionError(f"The token is not whole: it is {PREFIX} and 43 letters, digits, - and _")
    return sha256(token.encode("ascii")).digest()


class Tokens:
    """Finds tokens for a worker, and notes that they were used.

    A use is noted at most once a minute, beside the request and never in its way: when that fails, the log says so.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._noting: dict[bytes, asyncio.Task[None]] = {}

    async def read(self, digest: bytes) -> Token | None:
        """The token of the digest, None when there is none. Whoever asks is going to use it."""
        async with self._database.connection() as conn:
            row = await (await conn.execute(_READ, (digest,))).fetchone()
        if row is None:
            return None
        token, now = _token(row), self._clock()
        is_noted = token.used is not None and token.used > now - USE_NOTED_EVERY
        if not (is_noted or token.has_expired(now) or digest in self._noting):
            task = self._noting[digest] = asyncio.create_task(self._note(digest, now))
            task.add_done_callback(lambda _: self._noting.pop(digest, None))
        return token

    async def close(self) -> None:
        """Finish what is being noted, or give it up when that takes long."""
        if self._noting:
            _, late = await asyncio.wait(list(self._noting.values()), timeout=PATIENCE_S)
            for task in late:
                task.cancel()

    async def _note(self, digest: bytes, now: datetime) -> None:
        try:
            async with self._database.connection() as conn:
                await conn.execute(_NOTE_USE, (now, digest, now - USE_NOTED_EVERY))
        except (BeamcatError, psycopg.Error) as error:
            logger().warning("the use of a token is not noted", error=str(error))


def _token(row: tuple[Any, ...]) -> Token:
    user_name, name, scopes, created, expires, used = row
    return Token(user_name, name, frozenset(map(Scope, scopes)), created, expires, used)


def _check(purpose: Purpose, settings: TokenSettings, now: datetime) -> None:
    _check_name(purpose.user_name, "the name of a user")
    _check_name(purpose.name, "the name of a token")
    if not purpose.scopes:
        raise BadParameter(f"a token has at least one scope of {', '.join(Scope)}")
    if purpose.expires is not None and purpose.expires <= now:
        raise BadParameter("the expiry of a token lies in the future")
    if settings.longest_days == 0:
        return
    latest = now + timedelta(days=settings.longest_days)
    if purpose.expires is None or purpose.expires > latest:
        raise BadParameter(
            f"a token expires at most {settings.longest_days} days ahead (tokens.longest_days), by"
            f" {latest.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        )


def _check_name(name: str, what: str) -> None:
    if not name or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadParameter(f"{what} has 1 to {LONGEST_NAME} printable characters, no blanks around it")
