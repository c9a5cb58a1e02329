"""The table of digests: one row for each location of a storage, true as long as size and etag are those of the row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from beamcat.database.pool import Connection, Database
from beamcat.store.archives.entries import UNKNOWN_CRC, Integers
from beamcat.store.digests.values import Digests, FileVersion, Hashed, PieceDigests

ROWS = 4096
"""Files of one statement."""

_ASKED = """unnest(%(locations)s::text[], %(sizes)s::bigint[], %(etags)s::text[])
       WITH ORDINALITY AS w (location, size, etag, number)"""

CRCS = f"""
SELECT (w.number - 1)::int, d.crc32, d.etag = w.etag
  FROM {_ASKED}
  JOIN file_digest d ON d.storage = %(storage)s AND d.location = w.location AND d.size = w.size
"""  # noqa: S608
DIGESTS = f"""
SELECT (w.number - 1)::int, d.crc32, d.adler32, d.sha256, d.md5, d.piece_length, d.pieces
  FROM {_ASKED}
  JOIN file_digest d ON d.storage = %(storage)s AND d.location = w.location AND d.size = w.size AND d.etag = w.etag
"""  # noqa: S608

_SAME = "(d.size = excluded.size AND d.etag = excluded.etag)"
# Rows are locked in the order of their locations, so that two who store the same wait for each other in turn.
STORE = f"""
INSERT INTO file_digest AS d
       (storage, location, size, etag, crc32, adler32, sha256, md5, piece_length, pieces, computed, checked)
SELECT %(storage)s, w.location, w.size, w.etag, w.crc32, w.adler32, w.sha256, w.md5, w.piece_length, w.pieces,
       now(), CASE WHEN w.confirmed THEN now() END
  FROM unnest(%(locations)s::text[], %(sizes)s::bigint[], %(etags)s::text[], %(crc32)s::bigint[],
              %(adler32)s::bigint[], %(sha256)s::bytea[], %(md5)s::bytea[], %(piece_length)s::bigint[],
              %(pieces)s::bytea[], %(confirmed)s::boolean[])
       AS w (location, size, etag, crc32, adler32, sha256, md5, piece_length, pieces, confirmed)
 ORDER BY w.location COLLATE "C"
    ON CONFLICT (storage, location) DO UPDATE
   SET size = excluded.size,
       etag = excluded.etag,
       crc32 = excluded.crc32,
       adler32 = coalesce(excluded.adler32, CASE WHEN {_SAME} THEN d.adler32 END),
       sha256 = coalesce(excluded.sha256, CASE WHEN {_SAME} THEN d.sha256 END),
       md5 = coalesce(excluded.md5, CASE WHEN {_SAME} THEN d.md5 END),
       piece_length = coalesce(excluded.piece_length, CASE WHEN {_SAME} THEN d.piece_length END),
       pieces = coalesce(excluded.pieces, CASE WHEN {_SAME} THEN d.pieces END),
       computed = CASE WHEN {_SAME} THEN d.computed ELSE excluded.computed END,
       checked = CASE WHEN {_SAME} THEN excluded.computed ELSE excluded.checked END
 WHERE NOT ({_SAME} AND (d.crc32 <> excluded.crc32 OR coalesce(d.sha256 <> excluded.sha256, false)))
RETURNING location
"""  # noqa: S608
FORGET = "DELETE FROM file_digest WHERE storage = %s AND location = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Crcs:
    """CRC-32s of files, in the order of the question, `UNKNOWN_CRC` for those that nobody knows.

    `earlier` are those of bytes of the same size that were at the location before.
    """

    now: Integers
    earlier: Integers


class DigestTable:
    """The digests of one storage, which is named as in the settings."""

    def __init__(self, database: Database, storage: str) -> None:
        self.database = database
        self.storage = storage

    async def crcs(self, files: Sequence[FileVersion]) -> Crcs:
        """The CRC-32s of files."""
        now, earlier = np.full(len(files), UNKNOWN_CRC, np.int64), np.full(len(files), UNKNOWN_CRC, np.int64)
        async with self.database.connection() as connection:
            for first in range(0, len(files), ROWS):
                asked = self._asked(files[first : first + ROWS])
                cursor = await connection.execute(CRCS, asked, binary=True)
                for number, crc, is_same in await cursor.fetchall():
                    (now if is_same else earlier)[first + number] = crc
        return Crcs(now, earlier)

    async def digests(self, files: Sequence[FileVersion]) -> list[Digests | None]:
        """All that is known of files; None for those of which nothing is."""
        found: list[Digests | None] = [None] * len(files)
        async with self.database.connection() as connection:
            for first in range(0, len(files), ROWS):
                asked = self._asked(files[first : first + ROWS])
                cursor = await connection.execute(DIGESTS, asked, binary=True)
                for number, crc32, adler32, sha256, md5, length, pieces in await cursor.fetchall():
                    pieced = None if length is None else PieceDigests(length, pieces)
                    found[first + number] = Digests(crc32, adler32, sha256, md5, pieced)
        return found

    async def store(self, found: Sequence[Hashed], confirmed: Collection[FileVersion] = ()) -> list[Hashed]:
        """Keep digests; those that contradict what is known of the very same bytes are not kept, but returned.

        More digests of the same bytes are added to what is known, and show that it was right; those of other bytes
        take its place. `confirmed` are the files whose digests are known to be right from elsewhere.
        """
        wrong: list[Hashed] = []
        for first in range(0, len(found), ROWS):
            by_location = {hashed.file.location: hashed for hashed in found[first : first + ROWS]}
            values = self._values(list(by_location.values()), confirmed)

            async def work(connection: Connection, values: dict[str, Any] = values) -> list[tuple[Any, ...]]:
                return await (await connection.execute(STORE, values)).fetchall()

            kept = {location for (location,) in await self.database.run(work)}
            wrong += [hashed for location, hashed in by_location.items() if location not in kept]
        return wrong

    async def forget(self, locations: Sequence[str]) -> None:
        """Forget what is known of locations, because their bytes are gone or known to be others."""
        async with self.database.connection() as connection:
            await connection.execute(FORGET, [self.storage, list(locations)])

    def _asked(self, files: Sequence[FileVersion]) -> dict[str, Any]:
        return {
            "storage": self.storage,
            "locations": [file.location for file in files],
            "sizes": [file.size for file in files],
            "etags": [file.etag for file in files],
        }

    def _values(self, found: Sequence[Hashed], confirmed: Collection[FileVersion]) -> dict[str, Any]:
        digests = [hashed.digests for hashed in found]
        return {
            **self._asked([hashed.file for hashed in found]),
            "crc32": [each.crc32 for each in digests],
            "adler32": [each.adler32 for each in digests],
            "sha256": [each.sha256 for each in digests],
            "md5": [each.md5 for each in digests],
            "piece_length": [each.pieces and each.pieces.length for each in digests],
            "pieces": [each.pieces and each.pieces.sha256 for each in digests],
            "confirmed": [hashed.file in confirmed for hashed in found],
        }
