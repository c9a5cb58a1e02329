"""Memberships that another directory decides: a user is put into groups, and out of them, at login."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import structlog

from beamcat.database.outbox import ChangeKind, Origin, Step, record
from beamcat.database.pool import Connection, Database
from beamcat.observability.requests import current_id

BY = "beamcat"
"""Who is written down as the one who made a user or a membership."""

_CURRENT = """
SELECT p.name, m.user_id IS NOT NULL
  FROM grouping p
  LEFT JOIN (user_group m JOIN "user" u ON u.id = m.user_id AND u.name = %(user)s) ON m.grouping_id = p.id
 WHERE p.name = ANY(%(managed)s::text[])
"""
_ADD_USER = """
INSERT INTO "user" (create_id, create_time, mod_id, mod_time, name)
VALUES (%(by)s, now(), %(by)s, now(), %(user)s) ON CONFLICT (name) DO NOTHING
RETURNING id
"""
_JOIN = """
INSERT INTO user_group (create_id, create_time, mod_id, mod_time, user_id, grouping_id)
SELECT %(by)s, now(), %(by)s, now(), u.id, p.id
  FROM "user" u, grouping p
 WHERE u.name = %(user)s AND p.name = ANY(%(joined)s::text[])
ON CONFLICT (user_id, grouping_id) DO NOTHING
RETURNING id
"""
_LEAVE = """
DELETE FROM user_group m USING "user" u, grouping p
 WHERE u.id = m.user_id AND p.id = m.grouping_id AND u.name = %(user)s AND p.name = ANY(%(left)s::text[])
RETURNING m.id
"""

log = structlog.get_logger(__name__)


async def keep_memberships(database: Database, user: str, wanted: Iterable[str], managed: Iterable[str]) -> None:
    """Put the user into the `wanted` ones of the `managed` groupings, and out of the others; the rest stays as it is.

    A user who joins a grouping is made when there is no `User` of that name. A grouping that does not exist is logged
    and left out. Nothing is written when nothing changes.
    """
    managed_names, wanted_names = sorted(set(managed)), set(wanted)
    async with database.transaction() as conn:
        rows = await (await conn.execute(_CURRENT, {"user": user, "managed": managed_names})).fetchall()
        member_of = {name: bool(member) for name, member in rows}
        for missing in wanted_names - member_of.keys():
            log.warning("there is no grouping to put a user into", grouping=missing, user=user)
        joined = [name for name, member in member_of.items() if not member and name in wanted_names]
        left = [name for name, member in member_of.items() if member and name not in wanted_names]
        steps = []
        if joined:
            made = await _ids(conn, _ADD_USER, {"by": BY, "user": user})
            steps.append(Step("User", ChangeKind.CREATED, Origin.SIGN_IN, made))
            made = await _ids(conn, _JOIN, {"by": BY, "user": user, "joined": joined})
            steps.append(Step("UserGroup", ChangeKind.CREATED, Origin.SIGN_IN, made))
        if left:
            removed = await _ids(conn, _LEAVE, {"user": user, "left": left})
            steps.append(Step("UserGroup", ChangeKind.DELETED, Origin.SIGN_IN, removed))
        await record(conn, BY, datetime.now(UTC), current_id(), steps)


async def _ids(conn: Connection, statement: str, params: dict[str, Any]) -> list[int]:
    return [row[0] for row in await (await conn.execute(statement.encode(), params)).fetchall()]
