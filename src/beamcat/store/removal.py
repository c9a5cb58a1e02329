"""Datafiles that go, with their bytes (data service specification, A.6.8).

The catalogue goes first: bytes that are left behind by a crash cost room, bytes that are missing cost an experiment.
What is about to be deleted is written down before, so that any worker can finish what another one has begun.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence

from beamcat.access.caller import Caller, Scope
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.drafts import Reference
from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError
from beamcat.model import ENTITIES
from beamcat.observability.logs import logger
from beamcat.store.digests.table import DigestTable
from beamcat.store.selection import Selections, Wanted
from beamcat.store.storage.contract import MainStorage
from beamcat.store.units.levels import TwoLevels
from beamcat.store.units.locks import Busy, Locks
from beamcat.store.units.values import Gone

FILES_AT_ONCE = 4096
"""Files that are removed in one transaction."""
DATASETS_AT_ONCE = 100
"""Datasets that are looked at together for deletions that were cut off."""
ROUND_S = 60.0
"""Pause between two looks for such, at most."""

# It need not wait for the disk: what is deleted is committed after it, and so is safe on disk after it.
_SOON = "(SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL"
_BEGIN = f"""
INSERT INTO removal (datafile_id, dataset_id, location, user_name, since)
SELECT w.id, w.dataset_id, w.location, %s, now()
  FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS w (id, dataset_id, location)
 WHERE {_SOON} ORDER BY w.id
ON CONFLICT (datafile_id) DO UPDATE SET since = now(), user_name = excluded.user_name
"""  # noqa: S608
_END = f"DELETE FROM removal WHERE datafile_id = ANY(%s::bigint[]) AND {_SOON}"  # noqa: S608
_CUT_OFF = "SELECT DISTINCT dataset_id FROM removal ORDER BY dataset_id LIMIT %s"
# A server that has lost its client goes on for a while: it may still delete what is there now.
_NOT_DELETED = """
DELETE FROM removal r
 WHERE r.dataset_id = %s AND r.since < now() - interval '1 hour'
   AND EXISTS (SELECT FROM datafile f WHERE f.id = r.datafile_id)
"""
_DELETED = """
SELECT r.datafile_id, r.dataset_id, r.location, r.user_name FROM removal r
 WHERE r.dataset_id = %s AND NOT EXISTS (SELECT FROM datafile f WHERE f.id = r.datafile_id)
 ORDER BY r.datafile_id LIMIT %s
"""

# A location is followed by a blank and its digest where locations are signed: `a/b` is not `a/bc`.
_OF_DATAFILES = """
SELECT w.location
  FROM unnest(%s::text[]) AS w(location)
 WHERE EXISTS (SELECT FROM datafile f WHERE f.location = w.location)
    OR EXISTS (SELECT FROM datafile f
                WHERE f.location > w.location || ' ' AND f.location < w.location || '!'
                  AND f.location ~ '^.* [0-9A-F]{64}$' AND length(f.location) = length(w.location) + 65)
"""
_STILL_USED = f"{_OF_DATAFILES} OR EXISTS (SELECT FROM upload_journal j WHERE j.location = w.location)"


async def still_used(connection: Connection, locations: Sequence[str]) -> set[str]:
    """Those of the locations that are the ones of datafiles, or of uploads that become some."""
    cursor = await connection.execute(_STILL_USED, [list(locations)])
    return {location for (location,) in await cursor.fetchall()}


async def of_datafiles(connection: Connection, locations: Sequence[str]) -> set[str]:
    """Those of the locations that are the ones of datafiles."""
    cursor = await connection.execute(_OF_DATAFILES, [list(locations)])
    return {location for (location,) in await cursor.fetchall()}


class Removal:
    """Removes datafiles."""

    def __init__(
        self,
        database: Database,
        selections: Selections,
        catalogue: Catalogue,
        storage: MainStorage,
        digests: DigestTable,
        *,
        locks: Locks,
        levels: TwoLevels | None = None,
    ) -> None:
        self._database = database
        self._selections = selections
        self._catalogue = catalogue
        self._storage = storage
        self._digests = digests
        self._locks = locks
        self._levels = levels

    async def remove(self, caller: Caller, wanted: Wanted) -> None:
        """Delete the datafiles of a selection as the caller, and the bytes that no other datafile has as its own.

        Datasets and investigations stay. Raises `Busy` while somebody reads the datasets, and what the catalogue says;
        what was deleted before stays deleted.
        """
        caller.require(Scope.WRITE)
        async with self._selections.select(caller, wanted) as selected:
            found = [file async for some in selected.files() for file in some]
        files = [Gone(file.id, file.dataset_id, file.location) for file in found]
        datasets = _datasets(files)
        if self._levels is None:
            holder = await self._locks.acquire(datasets, exclusive=True)
        else:
            holder = await self._levels.changing(datasets, caller.name, exclusive=True)
        try:
            for first in range(0, len(files), FILES_AT_ONCE):
                await self._remove(caller, files[first : first + FILES_AT_ONCE])
        finally:
            await self._locks.release(holder)

    async def keep_finishing(self) -> None:
        """Finish deletions that were cut off, until cancelled."""
        pause = min(ROUND_S, self._locks.lease_s)
        while True:
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - spreads, hides nothing
            try:
                await self.finish_cut_off()
            except BeamcatError as error:
                logger().warning("deletions that were cut off are not finished for now", error=error.message)
            except Exception:
                logger().exception("deletions that were cut off are not finished for now")

    async def finish_cut_off(self) -> int:
        """Remove the bytes of datafiles that were deleted by workers that did not live to do it; how many files."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_CUT_OFF, (DATASETS_AT_ONCE,))).fetchall()
        finished = 0
        for (dataset,) in rows:
            try:
                holder = await self._locks.acquire([dataset], exclusive=True)
            except Busy:
                continue  # they are being deleted now, or somebody reads others of the dataset
            try:
                finished += await self._finish_in(dataset)
            finally:
                await self._locks.release(holder)
        return finished

    async def _finish_in(self, dataset: int) -> int:
        async with self._database.connection() as connection:
            await connection.execute(_NOT_DELETED, (dataset,))
            rows = await (await connection.execute(_DELETED, (dataset, FILES_AT_ONCE))).fetchall()
        files = [Gone(*row[:3]) for row in rows]
        if files:
            await self._finish(files, rows[0][3])
        return len(files)

    async def _remove(self, caller: Caller, files: Sequence[Gone]) -> None:
        datafile = ENTITIES["Datafile"]
        if self._levels is not None:
            await self._levels.announce(_datasets(files), caller.name)
        ids = [file.id for file in files]
        datasets, locations = [file.dataset_id for file in files], [file.location for file in files]
        async with self._database.connection() as connection:
            await connection.execute(_BEGIN, (caller.name, ids, datasets, locations))
        await self._catalogue.delete(caller, [Reference(datafile, file.id) for file in files])
        await self._finish(files, caller.name)

    async def _finish(self, files: Sequence[Gone], user_name: str) -> None:
        """The catalogue has them no longer: neither have the storages, from now on."""
        locations = list(dict.fromkeys(file.location for file in files))
        async with self._database.connection() as connection:
            used = await still_used(connection, locations)
        gone = [location for location in locations if location not in used]
        await self._storage.delete(gone)
        await self._digests.forget(gone)
        if self._levels is not None:
            nobodys = set(gone)
            await self._levels.deleted([file for file in files if file.location in nobodys], user_name)
        async with self._database.connection() as connection:
            await connection.execute(_END, ([file.id for file in files],))


def _datasets(files: Iterable[Gone]) -> list[int]:
    return sorted({file.dataset_id for file in files})
