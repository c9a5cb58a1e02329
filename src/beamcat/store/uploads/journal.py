"""What is being stored: written down before there are bytes, and settled in the transaction that makes the datafile.

Whoever stores bytes renews its rows. Those of a process that was killed are dead after their lease, and so are the
bytes that they name: the datafile was never made. A row that is dead never comes to life again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, Unavailable
from beamcat.observability.logs import logger

# The rows that are lost with a server that is killed at once are those of bytes nobody has seen yet.
_SOON = "SELECT set_config('synchronous_commit', 'off', true)"
_BEGIN = f"""
WITH soon AS ({_SOON})
INSERT INTO upload_journal (id, waits, location, until)
SELECT %(id)s, %(waits)s, %(location)s, now() + %(lease)s FROM soon
"""  # noqa: S608
_PLACE = """
UPDATE upload_journal SET location = %(location)s, etag = %(etag)s, until = now() + %(lease)s
 WHERE id = %(id)s AND NOT dead
"""
_SETTLE = "UPDATE upload_journal SET location = NULL, etag = NULL WHERE id = %s AND NOT dead"
_GIVE_UP = f"""
WITH soon AS ({_SOON})
UPDATE upload_journal SET dead = true FROM soon WHERE id = %s RETURNING id, waits, location, etag
"""  # noqa: S608
_RENEW = "UPDATE upload_journal SET until = now() + %s WHERE id = ANY(%s) AND NOT dead"
_DEAD = """
UPDATE upload_journal j SET dead = true, until = now() + %(lease)s
  FROM (SELECT id FROM upload_journal WHERE until < now() ORDER BY until LIMIT %(most)s FOR UPDATE SKIP LOCKED) old
 WHERE j.id = old.id
RETURNING j.id, j.waits, j.location, j.etag
"""
_FORGET = f"""
WITH soon AS ({_SOON})
DELETE FROM upload_journal WHERE id = ANY(%s) AND (SELECT count(*) FROM soon) = 1
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Entry:
    """Bytes that are being stored.

    `waits` says that they wait as the upload of this id. At `location` they become a file, which has the `etag` where
    that is known beforehand: then a file with another one is somebody else's. Without a location there is none, or it
    is a datafile's.
    """

    id: UUID
    waits: bool
    location: str | None
    etag: str | None


class TakenForDead(Unavailable):
    """Nobody has renewed an upload for too long: what there was of it is gone."""

    def __init__(self) -> None:
        super().__init__("the upload has taken a break for too long, and is given up; send the file again")


class Journal:
    """What this worker stores."""

    def __init__(self, database: Database, lease: timedelta) -> None:
        self._database = database
        self._lease = lease
        self._held: dict[UUID, Entry] = {}

    async def begin(self, *, waits: bool, location: str | None = None) -> UUID:
        """Bytes are going to be stored: as an upload that waits, at a location, or at one that `place` names."""
        identifier = uuid4()
        asked = {"id": identifier, "waits": waits, "location": location, "lease": self._lease}
        async with self._database.connection() as connection:
            await connection.execute(_BEGIN, asked)
        self._held[identifier] = Entry(identifier, waits, location, None)
        return identifier

    async def place(self, identifier: UUID, location: str, etag: str | None) -> None:
        """They are going to be at this location. Raises `TakenForDead`."""
        asked = {"id": identifier, "location": location, "etag": etag, "lease": self._lease}
        async with self._database.connection() as connection:
            cursor = await connection.execute(_PLACE, asked)
        _require(cursor.rowcount)
        self._held[identifier] = replace(self._held[identifier], location=location, etag=etag)

    async def settle(self, connection: Connection, identifier: UUID) -> None:
        """There is a datafile for them, in this transaction. Raises `TakenForDead`."""
        _require((await connection.execute(_SETTLE, (identifier,))).rowcount)

    async def give_up(self, identifier: UUID) -> Entry:
        """There will be no datafile for them, unless there is one. What has to be removed, if it is nobody's.

        Whoever asks waits for a transaction that still settles them: then the entry has no location. Of bytes that
        were taken for dead it is all that they may have become since.
        """
        async with self._database.connection() as connection:
            row = await (await connection.execute(_GIVE_UP, (identifier,))).fetchone()
        return self._held[identifier] if row is None else Entry(*row)

    async def dead(self, most: int) -> list[Entry]:
        """Those that nobody has renewed; from now on they are dead."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(_DEAD, {"lease": self._lease, "most": most})
            return [Entry(*row) for row in await cursor.fetchall()]

    async def forget(self, identifiers: Sequence[UUID]) -> None:
        """Nothing is left to be removed."""
        for identifier in identifiers:
            self.let_go(identifier)
        async with self._database.connection() as connection:
            await connection.execute(_FORGET, (list(identifiers),))

    def let_go(self, identifier: UUID) -> None:
        """Leave it to whoever looks for the dead."""
        self._held.pop(identifier, None)

    async def keep(self) -> None:
        """Renew what this worker stores, until cancelled."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 4)
            if not self._held:
                continue
            try:
                async with self._database.connection() as connection:
                    await connection.execute(_RENEW, (self._lease, list(self._held)))
            except BeamcatError as error:
                logger().warning("uploads could not be renewed", error=error.message)
            except Exception:
                logger().exception("uploads could not be renewed")


def _require(rows: int) -> None:
    if rows != 1:
        raise TakenForDead
