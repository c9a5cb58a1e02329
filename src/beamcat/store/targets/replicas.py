"""Where else the bytes of datafiles are: before they are recalled from tape they are looked for at targets.

A replica is taken only when it is known to be of the very version that the archive has a copy of: the fingerprint of
the files, with the versions that replicas were made of, has to be that of the copy. What is read back is compared with
the digests there are, and put into the main storage like anything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zlib_ng.zlib_ng import crc32

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, Unavailable
from beamcat.observability.logs import logger
from beamcat.store.archives.entries import integers
from beamcat.store.frozen import Run
from beamcat.store.storage.contract import MainStorage
from beamcat.store.targets.contract import HoldsReplicas, Target
from beamcat.store.targets.sources import part_of
from beamcat.store.units.fingerprints import file_fingerprint, fingerprint

ROWS = 4096

_FIND = """
SELECT datafile_id, download_id, target, place, size, version, source_version, crc32, sha256
  FROM replica WHERE datafile_id = ANY(%s::bigint[]) AND expires > now() AND target = ANY(%s)
 ORDER BY datafile_id, expires DESC
"""
_NOW_OF = """
UPDATE replica r SET source_version = w.version
  FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS w (datafile, download, version)
 WHERE r.datafile_id = w.datafile AND r.download_id = w.download
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A replica. `version` is that of the bytes at the target, `source_version` that in the main storage then."""

    datafile: int
    download: int
    target: str
    place: str
    size: int
    version: str
    source_version: str
    crc32: int | None
    sha256: bytes | None


class Damaged(BeamcatError):
    """A replica holds other bytes than it should."""


class Replicas:
    """Finds replicas, and brings files back from them."""

    def __init__(self, database: Database, main: MainStorage, targets: Mapping[str, Target]) -> None:
        self._database = database
        self._main = main
        self._targets = {name: target for name, target in targets.items() if isinstance(target, HoldsReplicas)}

    async def bring_all(self, copied: bytes | None, runs: Sequence[Run]) -> bool:
        """Bring back the absent files of a dataset whose copy in the archive has that fingerprint; all of them or none.

        False when they have to come from the archive.
        """
        if copied is None or not self._targets:
            return False
        chosen: list[tuple[Run, int, Kept]] = []
        versions = []
        for run in runs:
            known = await self._find(run)
            absent = [place for place, etag in enumerate(run.entries.etags) if not etag]
            if any(int(run.ids[place]) not in known for place in absent):
                return False
            chosen += [(run, place, known[int(run.ids[place])][0]) for place in absent]
            versions.append(_as_replicated(run, {place: known[int(run.ids[place])][0] for place in absent}))
        if fingerprint(versions) != copied:
            return False
        return await self._bring(chosen)

    async def bring_each(self, copied: Mapping[int, bytes | None], runs: Sequence[Run]) -> set[int]:
        """Bring back those absent datafiles whose copies have these fingerprints; the ids of those that are there."""
        brought: set[int] = set()
        if not self._targets:
            return brought
        for run in runs:
            known = await self._find(run)
            for place, etag in enumerate(run.entries.etags):
                identifier = int(run.ids[place])
                for kept in [] if etag else known.get(identifier, []):
                    version = _as_replicated(part_of(run, [place]), {0: kept})
                    is_copy = file_fingerprint(version, 0) == copied.get(identifier)
                    if is_copy and await self._bring([(run, place, kept)]):
                        brought.add(identifier)
                        break
        return brought

    async def _find(self, run: Run) -> dict[int, list[Kept]]:
        """The live replicas of the absent files of a run, those that live longest first."""
        absent = [int(run.ids[place]) for place, etag in enumerate(run.entries.etags) if not etag]
        found: dict[int, list[Kept]] = {}
        for first in range(0, len(absent), ROWS):
            async with self._database.connection() as connection:
                cursor = await connection.execute(_FIND, (absent[first : first + ROWS], list(self._targets)))
                for row in await cursor.fetchall():
                    found.setdefault(row[0], []).append(Kept(*row))
        return found

    async def _bring(self, chosen: Sequence[tuple[Run, int, Kept]]) -> bool:
        """Put files back from their replicas; with one that cannot be read, none."""
        put: list[str] = []
        try:
            for _, _, kept in chosen:
                if not await self._targets[kept.target].holds(kept.place, kept.size, kept.version):
                    return False
            for run, place, kept in chosen:
                put.append(run.locations[place])
                await self._main.put_at(run.locations[place], self._pieces(kept), kept.size)
            stats = await self._main.stat(put)
        except (BeamcatError, OSError) as error:
            logger().warning("a replica cannot be read; the archive is asked", error=str(error))
            await self._main.delete(put)
            return False
        columns = (
            [kept.datafile for _, _, kept in chosen],
            [kept.download for _, _, kept in chosen],
            ["" if stat is None else stat.etag for stat in stats],
        )
        async with self._database.connection() as connection:
            await connection.execute(_NOW_OF, columns)
        logger().info("files were brought back from replicas", files=len(put))
        return True

    async def _pieces(self, kept: Kept) -> AsyncIterator[bytes]:
        """The bytes; raises `Damaged` at the end when they are not those of the replica."""
        size = crc = 0
        sha256 = hashlib.sha256() if kept.sha256 is not None else None
        async for piece in self._targets[kept.target].read_back(kept.place, kept.size):
            size, crc = size + len(piece), int(crc32(piece, crc))
            if sha256 is not None:
                sha256.update(piece)
            yield piece
        if size != kept.size:
            raise Unavailable(f"{kept.place} has {size} bytes instead of {kept.size}")
        if kept.crc32 not in {None, crc} or (sha256 is not None and sha256.digest() != kept.sha256):
            raise Damaged(f"{kept.place} at {kept.target} does not have the bytes of datafile {kept.datafile}")


def _as_replicated(run: Run, replicas: Mapping[int, Kept]) -> Run:
    """The run as it was when the replicas were made."""
    etags, sizes = list(run.entries.etags), run.entries.sizes.tolist()
    for place, kept in replicas.items():
        etags[place], sizes[place] = kept.source_version.encode(), kept.size
    return replace(run, entries=replace(run.entries, etags=etags, sizes=integers(sizes)))
