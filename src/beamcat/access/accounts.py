"""The accounts of the `db` authenticator: made, listed and removed by an administrator.

Names are those typed at login, without the mechanism: the account `visitor` signs in as `db/visitor`. What hangs on
an account (sessions, tokens) is kept by user names, `db/visitor`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from beamcat.access.passwords import Passwords
from beamcat.database.pool import Database
from beamcat.errors import AlreadyExists, BadParameter, NoSuchObject

LONGEST_NAME = 255
"""In characters."""

COMMAND_LINE = "beamcat"
"""Who is written down as the one who made or changed an account."""

_END_SESSIONS = "DELETE FROM session WHERE user_name = ANY(%s::text[])"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as an administrator sees it."""

    name: str
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """What was taken from a user: the account, and how many sessions and tokens."""

    account: bool
    sessions: int
    tokens: int

    @property
    def anything(self) -> bool:
        """Whether there was anything to take."""
        return self.account or self.sessions > 0 or self.tokens > 0


async def add_account(database: Database, name: str, password: str) -> None:
    """Make an account.

    Raises `BadParameter` for an unusable name or password, `AlreadyExists` when there is one of that name.
    """
    await insert_account(database, name, await new_password(name, password))


async def new_password(name: str, password: str) -> str:
    """What is to be stored for a new account of that name. `BadParameter` for an unusable name or password."""
    if not name or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadParameter(f"the name of an account has 1 to {LONGEST_NAME} printable characters, no blanks around it")
    return await Passwords().make(password)


async def insert_account(database: Database, name: str, stored: str) -> None:
    """Make an account with what `new_password` gave; `AlreadyExists` when there is one of that name."""
    async with database.connection() as conn:
        cursor = await conn.execute(
            "INSERT INTO account (create_id, create_time, mod_id, mod_time, name, password_hash)"
            " VALUES (%(by)s, now(), %(by)s, now(), %(name)s, %(stored)s) ON CONFLICT (name) DO NOTHING",
            {"by": COMMAND_LINE, "name": name, "stored": stored},
        )
    if cursor.rowcount == 0:
        raise AlreadyExists(f"there is an account {name} already")


async def has_account(database: Database, name: str) -> bool:
    """Whether there is an account of that name."""
    async with database.connection() as conn:
        return await (await conn.execute("SELECT FROM account WHERE name = %s", (name,))).fetchone() is not None


async def set_password(database: Database, name: str, password: str, user_names: Collection[str] = ()) -> int:
    """Give an account another password, and end the sessions of the `user_names`; how many. Tokens stay.

    Raises `BadParameter` for an unusable password, `NoSuchObject` when there is no account of that name.
    """
    stored = await Passwords().make(password)
    async with database.transaction() as conn:
        cursor = await conn.execute(
            "UPDATE account SET password_hash = %(stored)s, mod_id = %(by)s, mod_time = now() WHERE name = %(name)s",
            {"by": COMMAND_LINE, "name": name, "stored": stored},
        )
        if cursor.rowcount == 0:
            raise NoSuchObject(f"there is no account {name}")
        return (await conn.execute(_END_SESSIONS, (list(user_names),))).rowcount


async def remove_account(database: Database, name: str | None, user_names: Collection[str] = ()) -> Ended:
    """Remove an account (None: there is none), and sessions, tokens and saved searches of the `user_names`, at once.

    The `User`s of these names and what they did stay.
    """
    names = list(user_names)
    async with database.transaction() as conn:
        account = (await conn.execute("DELETE FROM account WHERE name = %s", (name,))).rowcount
        sessions = (await conn.execute(_END_SESSIONS, (names,))).rowcount
        tokens = (await conn.execute("DELETE FROM api_token WHERE user_name = ANY(%s::text[])", (names,))).rowcount
        await conn.execute("DELETE FROM saved_search WHERE owner = ANY(%s::text[])", (names,))
    return Ended(account > 0, sessions, tokens)


async def count_tokens(database: Database, user_names: Collection[str]) -> int:
    """How many tokens the `user_names` have, those included that have expired."""
    async with database.connection() as conn:
        cursor = await conn.execute(
            "SELECT count(*) FROM api_token WHERE user_name = ANY(%s::text[])", (list(user_names),)
        )
        row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def list_accounts(database: Database) -> tuple[Account, ...]:
    """All accounts by name."""
    async with database.connection() as conn, conn.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute("SELECT name, create_time AS created, mod_time AS changed FROM account ORDER BY name")
        return tuple(await cursor.fetchall())
