"""Datafiles that go, with their bytes (data service specification, A.6.8).

The catalogue goes first: bytes that are left behind by a crash cost room, bytes that are missing cost an experiment.
"""

from __future__ import annotations

from collections.abc import Sequence

from beamcat.access.caller import Caller, Scope
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.drafts import Reference
from beamcat.database.pool import Database
from beamcat.model import ENTITIES
from beamcat.store.digests.table import DigestTable
from beamcat.store.selection import File, Selections, Wanted
from beamcat.store.storage.contract import MainStorage
from beamcat.store.units.levels import TwoLevels

FILES_AT_ONCE = 4096
"""Files that are removed in one transaction."""

# A location is followed by a blank and its digest where locations are signed: `a/b` is not `a/bc`.
_STILL_USED = """
SELECT w.location
  FROM unnest(%s::text[]) AS w(location)
 WHERE EXISTS (SELECT FROM datafile f WHERE f.location = w.location)
    OR EXISTS (SELECT FROM datafile f
                WHERE f.location > w.location || ' ' AND f.location < w.location || '!'
                  AND f.location ~ '^.* [0-9A-F]{64}$' AND length(f.location) = length(w.location) + 65)
"""


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
        levels: TwoLevels | None = None,
    ) -> None:
        self._database = database
        self._selections = selections
        self._catalogue = catalogue
        self._storage = storage
        self._digests = digests
        self._levels = levels

    async def remove(self, caller: Caller, wanted: Wanted) -> None:
        """Delete the datafiles of a selection as the caller, and the bytes that no other datafile has as its own.

        Datasets and investigations stay. Raises what the catalogue says; what was deleted before stays deleted.
        """
        caller.require(Scope.WRITE)
        async with self._selections.select(caller, wanted) as selected:
            files = [file async for some in selected.files() for file in some]
        if self._levels is None:
            await self._remove_all(caller, files)
            return
        holder = await self._levels.changing(sorted({file.dataset_id for file in files}), caller.name, exclusive=True)
        try:
            await self._remove_all(caller, files)
        finally:
            await self._levels.locks.release(holder)

    async def _remove_all(self, caller: Caller, files: Sequence[File]) -> None:
        for first in range(0, len(files), FILES_AT_ONCE):
            await self._remove(caller, files[first : first + FILES_AT_ONCE])

    async def _remove(self, caller: Caller, files: Sequence[File]) -> None:
        datafile = ENTITIES["Datafile"]
        if self._levels is not None:
            await self._levels.announce(sorted({file.dataset_id for file in files}), caller.name)
        await self._catalogue.delete(caller, [Reference(datafile, file.id) for file in files])
        locations = list(dict.fromkeys(file.location for file in files))
        async with self._database.connection() as connection:
            cursor = await connection.execute(_STILL_USED, [locations])
            used = {location for (location,) in await cursor.fetchall()}
        gone = [location for location in locations if location not in used]
        await self._storage.delete(gone)
        await self._digests.forget(gone)
        if self._levels is not None:
            nobodys = set(gone)
            await self._levels.deleted([file for file in files if file.location in nobodys], caller.name)
