"""Tidying: what was read longest ago goes to the archive when there is too much in the main storage (A.10).

Copies in the archive that have been replaced, and what processes that were killed have left there, are removed.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from beamcat.database.pool import Connection
from beamcat.errors import BeamcatError
from beamcat.events.leading import leadership
from beamcat.observability.logs import logger
from beamcat.store.storage.contract import ArchiveStorage, LeavesUnfinished
from beamcat.store.units.levels import TwoLevels
from beamcat.store.units.transitions import ARCHIVE
from beamcat.store.units.values import Units

ROUND_S = 60.0
"""How often the levels are looked at."""
BLOCK = 500
"""Units that are looked at, or sent to the archive, together."""
UNFINISHED_S = 86_400.0
"""How long the archive keeps what a process was writing that is not heard of any more."""
UNFINISHED_EVERY_S = 3600.0
"""How often it looks for such."""

_UNSEEN = {
    "dataset": """
SELECT d.id, d.id FROM dataset d
 WHERE d.id > %s AND NOT EXISTS (SELECT FROM unit u WHERE u.kind = 'dataset' AND u.id = d.id AND u.online IS NOT NULL)
 ORDER BY d.id LIMIT %s
""",
    "datafile": """
SELECT d.id, d.dataset_id FROM datafile d
 WHERE d.id > %s AND d.location IS NOT NULL
   AND NOT EXISTS (SELECT FROM unit u WHERE u.kind = 'datafile' AND u.id = d.id AND u.online IS NOT NULL)
 ORDER BY d.id LIMIT %s
""",
}
# What is about to leave does not count any more, and what is coming back does already.
_USED = """
SELECT ((SELECT coalesce(sum(size), 0) FROM unit
          WHERE kind = %(kind)s AND online
            AND coalesce(wanted, 'WRITE') NOT IN ('ARCHIVE', 'WRITE_THEN_ARCHIVE')
            AND coalesce(running, 'WRITE') <> 'ARCHIVE')
      + (SELECT coalesce(sum(size), 0) FROM unit
          WHERE kind = %(kind)s AND running = 'RESTORE' AND online IS NOT TRUE))::bigint
"""
# A unit that was never read counts as read when it was looked at first.
_OLDEST = """
SELECT u.id, u.dataset_id, coalesce(u.size, 0) FROM unit u
 WHERE u.kind = %s AND u.online AND u.wanted IS NULL AND u.running IS NULL AND u.failure IS NULL
   AND NOT EXISTS (SELECT FROM prepared p
                    WHERE p.datasets @> ARRAY[u.dataset_id] AND p.created > now() - %s::interval)
 ORDER BY u.accessed NULLS FIRST, u.id LIMIT %s
"""
_REPLACED = """
SELECT id, attempt FROM unit
 WHERE kind = %s AND attempt IS NOT NULL AND attempt IS DISTINCT FROM copy AND running IS NULL ORDER BY id LIMIT %s
"""
_ARE_GONE = """
UPDATE unit u SET attempt = NULL FROM unnest(%s::bigint[], %s::text[]) AS w (id, name)
 WHERE u.kind = %s AND u.id = w.id AND u.attempt = w.name AND u.running IS NULL
"""


@dataclass(frozen=True, slots=True)
class Room:
    """From how many bytes in the main storage on units are archived, and down to how many.

    Datasets of prepared downloads stay for the time of `pinned`.
    """

    start: int
    stop: int
    pinned: timedelta


class Tidier:
    """Sends units to the archive, and removes what it need not keep; one worker of all at a time.

    Without `room` units stay where they are.
    """

    def __init__(
        self, levels: TwoLevels, archive: ArchiveStorage, room: Room | None, *, round_s: float = ROUND_S
    ) -> None:
        self._levels = levels
        self._archive = archive
        self._room = room
        self._round_s = round_s
        self._seen = 0
        self._looked_for_unfinished = -UNFINISHED_EVERY_S

    async def keep_tidy(self) -> None:
        """Tidy, until cancelled."""
        while True:
            try:
                async with leadership(self._levels.queue.database, "tidying of the main storage") as connection:
                    while True:
                        if self._room is not None:
                            await self.look_further(connection)
                            await self.make_room(connection, self._room)
                        await self.clean(connection)
                        await asyncio.sleep(self._round_s)
            except BeamcatError as error:
                logger().warning("the main storage is not tidied for now", error=error.message)
            except Exception:
                logger().exception("the main storage is not tidied for now")
            await asyncio.sleep(self._round_s)

    async def look_further(self, connection: Connection) -> int:
        """Look at the next units that nobody has looked at, so that they count; how many there were."""
        rows = await (await connection.execute(_UNSEEN[self._levels.kind], (self._seen, BLOCK))).fetchall()
        if rows:
            await self._levels.examine(Units([row[0] for row in rows], [row[1] for row in rows]))
        self._seen = rows[-1][0] if len(rows) == BLOCK else 0
        return len(rows)

    async def make_room(self, connection: Connection, room: Room) -> int:
        """Have units archived until there is room, those first that were read longest ago; how many."""
        kind = self._levels.kind
        row = await (await connection.execute(_USED, {"kind": kind})).fetchone()
        used = 0 if row is None else int(row[0])
        if used < room.start:
            return 0
        archived = 0
        while used > room.stop:
            rows = await (await connection.execute(_OLDEST, (kind, room.pinned, BLOCK))).fetchall()
            going = []
            for identifier, dataset, size in rows:
                if used <= room.stop:
                    break
                going.append((identifier, dataset))
                used -= size
            if not going:
                logger().warning("the main storage is too full, and all of it is in use", used=used, stop=room.stop)
                break
            await self._levels.queue.request(ARCHIVE, Units(*map(list, zip(*going, strict=True))), "beamcat")
            archived += len(going)
        return archived

    async def clean(self, connection: Connection) -> int:
        """Remove copies from the archive that have been replaced, or that nobody has finished; how many of the former.

        Their names are known until they are gone.
        """
        kind, removed = self._levels.kind, 0
        while True:
            rows = await (await connection.execute(_REPLACED, (kind, BLOCK))).fetchall()
            if rows:
                ids, names = map(list, zip(*rows, strict=True))
                await self._archive.delete(names)
                await connection.execute(_ARE_GONE, (ids, names, kind))
                removed += len(rows)
            if len(rows) < BLOCK:
                break
        due = time.monotonic() - self._looked_for_unfinished >= UNFINISHED_EVERY_S
        if due and isinstance(self._archive, LeavesUnfinished):
            self._looked_for_unfinished = time.monotonic()
            await self._archive.forget_unfinished(time.time() - UNFINISHED_S)
        return removed
