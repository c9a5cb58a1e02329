"""The people who can sign in or are known to the catalogue, as an administrator sees them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from beamcat.database.pool import Database

_LIST = """
WITH account_user AS (
    SELECT DISTINCT CASE WHEN m.mechanism = '' THEN a.name ELSE m.mechanism || '/' || a.name END AS name
      FROM account a
     CROSS JOIN unnest(%(mechanisms)s::text[]) AS m(mechanism)
), known AS (
    SELECT name FROM "user" UNION SELECT name FROM account_user
)
SELECT k.name, u.full_name, u.id IS NOT NULL, a.name IS NOT NULL, count(*) OVER (),
       ARRAY(SELECT g.name
               FROM user_group m
               JOIN grouping g ON g.id = m.grouping_id
              WHERE m.user_id = u.id
              ORDER BY g.name),
       (SELECT max(s.created) FROM session s WHERE s.user_name = k.name)
  FROM known k
  LEFT JOIN "user" u ON u.name = k.name
  LEFT JOIN account_user a ON a.name = k.name
 WHERE %(pattern)s::text IS NULL OR k.name ILIKE %(pattern)s OR u.full_name ILIKE %(pattern)s
 ORDER BY k.name
 LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class ListedUser:
    """A user by the name of sessions.

    `in_catalogue` says whether there is a `User`, `has_account` whether there is an account of the `db` authenticator.
    `last_sign_in` is that of the sessions which are still stored, None when there is none.
    """

    name: str
    full_name: str | None
    in_catalogue: bool
    has_account: bool
    groups: tuple[str, ...]
    last_sign_in: datetime | None


@dataclass(frozen=True, slots=True)
class UserList:
    """The first users by name, and how many there are."""

    users: tuple[ListedUser, ...]
    count: int


async def list_users(database: Database, mechanisms: Collection[str], pattern: str | None, most: int) -> UserList:
    """The users whose name or full name holds `pattern`, or is it when there is a `*`, which stands for anything.

    None finds all. `mechanisms` are those of the `db` authenticators. At most `most` users are given.
    """
    values = {"mechanisms": list(mechanisms), "pattern": None if pattern is None else _like(pattern), "most": most}
    async with database.connection() as conn:
        rows = await (await conn.execute(_LIST, values)).fetchall()
    users = tuple(
        ListedUser(name, full_name, in_catalogue, has_account, tuple(groups), last)
        for name, full_name, in_catalogue, has_account, _, groups, last in rows
    )
    return UserList(users, rows[0][4] if rows else 0)


def _like(pattern: str) -> str:
    escaped = pattern.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return escaped.replace("*", "%") if "*" in escaped else f"%{escaped}%"
