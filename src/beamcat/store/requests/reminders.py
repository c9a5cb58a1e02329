"""One mail to whom a download has come to a stop for: how to go on with it (data service specification, E.4.3).

Whether it has come to a stop is known from what has been delivered. A download is reminded of once, and not at all when
its owner wants none of this.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from beamcat.database.pool import Database
from beamcat.errors import NoSuchObject
from beamcat.store.requests.downloads import announce
from beamcat.store.requests.items import Owner

NOT_LATER_THAN = timedelta(days=7)
"""What has been silent for longer is not reminded of: whoever switches reminders on wakes nobody up."""

_REMIND = """
WITH stopped AS (
       UPDATE download d SET reminded = now()
         FROM delivery v
        WHERE d.prepared_id = v.prepared_id AND d.status = 'COMPLETE' AND NOT d.is_deleted AND d.reminded IS NULL
          AND d.email IS NOT NULL AND d.transport ILIKE 'http%%'
          AND v.completed IS NULL AND NOT v.taken AND v.sent > 0
          AND coalesce(v.last_byte, v.started) BETWEEN now() - %(latest)s AND now() - %(after)s
          AND NOT EXISTS (SELECT FROM delivery o
                           WHERE o.prepared_id = v.prepared_id
                             AND (o.completed IS NOT NULL OR o.taken
                                  OR coalesce(o.last_byte, o.started) > now() - %(after)s))
          AND NOT EXISTS (SELECT FROM no_reminders n WHERE n.owner = d.owner)
       RETURNING d.id)
INSERT INTO download_mail (download_id, custom_value, due, about) SELECT id, '', now(), 'stalled' FROM stopped
ON CONFLICT DO NOTHING
RETURNING download_id
"""
_REFUSE = "INSERT INTO no_reminders (owner, since) VALUES (%s, now()) ON CONFLICT DO NOTHING"
_WANT = "DELETE FROM no_reminders WHERE owner = %s"
_REFUSES = "SELECT 1 FROM no_reminders WHERE owner = %s"
_OWNER = "SELECT owner FROM download WHERE prepared_id = %s"


class Reminders:
    """Writes reminders, and keeps who wants none. `after` is how long nothing must have moved; None: there are none."""

    def __init__(self, database: Database, after: timedelta | None) -> None:
        self._database = database
        self._after = after

    async def write(self) -> list[int]:
        """Have mails sent about downloads that have come to a stop; which those are."""
        if self._after is None:
            return []
        values = {"after": self._after, "latest": self._after + NOT_LATER_THAN}
        async with self._database.transaction() as connection:
            rows = await (await connection.execute(_REMIND, values)).fetchall()
            if rows:
                await announce(connection)
        return [identifier for (identifier,) in rows]

    async def are_wanted(self, owner: Owner) -> bool:
        """Whether the owner of downloads wants reminders: everybody who has not said no."""
        async with self._database.connection() as connection:
            return await (await connection.execute(_REFUSES, (owner.key,))).fetchone() is None

    async def want(self, owner: Owner, *, value: bool) -> None:
        """The owner wants reminders, or wants none."""
        async with self._database.connection() as connection:
            await connection.execute(_WANT if value else _REFUSE, (owner.key,))

    async def refuse(self, prepared: UUID) -> None:
        """Whoever has the id of a prepared download, which stands in the mail, wants none. Raises `NoSuchObject`."""
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_OWNER, (prepared,))).fetchone()
            if row is None:
                raise NoSuchObject("there is no download of that id, or no longer")
            await connection.execute(_REFUSE, row)
