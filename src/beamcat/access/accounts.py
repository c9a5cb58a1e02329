"""The accounts of the `db` authenticator: made, listed and removed by an administrator.

Names are those typed at login, without the mechanism: the account `visitor` signs in as `db/visitor`.
"""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Account:
    """An account as an administrator sees it."""

    name: str
    created: datetime
    changed: datetime


async def add_account(database: Database, name: str, password: str) -> None:
    """Make an account.

    Raises `BadParameter` for an unusable name or password, `AlreadyExists` when there is one of that name.
    """
    if not name or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadParameter(f"the name of an account has 1 to {LONGEST_NAME} printable characters, no blanks around it")
    stored = await Passwords().make(password)
    async with database.connection() as conn:
        cursor = await conn.execute(
            "INSERT INTO account (create_id, create_time, mod_id, mod_time, name, password_hash)"
            " VALUES (%(by)s, now(), %(by)s, now(), %(name)s, %(stored)s) ON CONFLICT (name) DO NOTHING",
            {"by": COMMAND_LINE, "name": name, "stored": stored},
        )
    if cursor.rowcount == 0:
        raise AlreadyExists(f"there is an account {name} already")


async def set_password(database: Database, name: str, password: str) -> None:
    """Give an account another password; sessions that exist go on.

    Raises `BadParameter` for an unusable password, `NoSuchObject` when there is no account of that name.
    """
    stored = await Passwords().make(password)
    async with database.connection() as conn:
        cursor = await conn.execute(
            "UPDATE account SET password_hash = %(stored)s, mod_id = %(by)s, mod_time = now() WHERE name = %(name)s",
            {"by": COMMAND_LINE, "name": name, "stored": stored},
        )
    if cursor.rowcount == 0:
        raise NoSuchObject(f"there is no account {name}")


async def remove_account(database: Database, name: str) -> None:
    """Remove an account; the `User` of that name and what it did stay. `NoSuchObject` when there is none."""
    async with database.connection() as conn:
        cursor = await conn.execute("DELETE FROM account WHERE name = %s", (name,))
    if cursor.rowcount == 0:
        raise NoSuchObject(f"there is no account {name}")


async def list_accounts(database: Database) -> tuple[Account, ...]:
    """All accounts by name."""
    async with database.connection() as conn, conn.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute("SELECT name, create_time AS created, mod_time AS changed FROM account ORDER BY name")
        return tuple(await cursor.fetchall())
