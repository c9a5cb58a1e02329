"""Whose requests come first (data service specification, C.5)."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.config import DownloadQueueSettings
from beamcat.database.pool import Database

_STANDING = """
SELECT ARRAY(SELECT g.name FROM user_group m JOIN "grouping" g ON g.id = m.grouping_id WHERE m.user_id = u.id),
       ARRAY(SELECT i.name FROM instrument_scientist s JOIN instrument i ON i.id = s.instrument_id
              WHERE s.user_id = u.id),
       ARRAY(SELECT DISTINCT p.role FROM investigation_user p WHERE p.user_id = u.id)
  FROM "user" u WHERE u.name = %s
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user is at the facility."""

    groups: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    """Those they are a scientist of."""
    roles: tuple[str, ...] = ()
    """Those they have in investigations."""


async def priority_of(database: Database, settings: DownloadQueueSettings, user_name: str) -> int:
    """The priority of a user: 1 comes first; less than 1 means that they may not use the queue."""
    async with database.connection() as connection:
        row = await (await connection.execute(_STANDING, (user_name,))).fetchone()
    standing = Standing() if row is None else Standing(*map(tuple, row))
    return decide(settings, user_name, standing)


def decide(settings: DownloadQueueSettings, user_name: str, standing: Standing) -> int:
    """The same, of what is known."""
    if user_name in settings.users:
        return settings.users[user_name]
    found = [settings.groupings.get(group) for group in standing.groups]
    found += [settings.instrument_scientists.get(name, settings.instrument_scientist) for name in standing.instruments]
    found += [settings.investigation_users.get(role, settings.investigation_user) for role in standing.roles]
    said = [priority for priority in found if priority is not None]
    if said:
        return min((priority for priority in said if priority >= 1), default=min(said))
    return settings.authenticators.get(user_name.partition("/")[0], settings.default_priority)
