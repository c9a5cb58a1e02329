"""Computes the digests that are missing, and keeps them as it goes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from beamcat.store.archives.entries import UNKNOWN_CRC
from beamcat.store.digests.reading import ChangedWhileRead, HashingReader, Told, Unread, untold
from beamcat.store.digests.table import ROWS, DigestTable
from beamcat.store.digests.values import Also, FileVersion, Hashed


class Hasher:
    """Fills the table of digests of a storage.

    Several may fill it at once. One that was killed is simply begun again: what was done two seconds before is kept.
    """

    def __init__(self, reader: HashingReader, table: DigestTable, also: Also = Also.USUAL) -> None:
        self._reader = reader
        self._table = table
        self._also = also

    def close(self) -> None:
        """Let the threads go."""
        self._reader.close()

    async def fill(self, files: Sequence[FileVersion], told: Told = untold) -> list[Unread]:
        """Make the CRC-32 of all files known, and the other digests of those that are read for it.

        `told` is told of the bytes of all files, also of those that need not be read. Returns the files that could not
        be read, or have changed: of these nothing is kept. Raises `Unavailable` when the storage does not answer.
        """
        unread: list[Unread] = []
        for first in range(0, len(files), ROWS):
            some = files[first : first + ROWS]
            crcs = (await self._table.crcs(some)).now
            missing = [some[index] for index in np.flatnonzero(crcs == UNKNOWN_CRC).tolist()]
            told(sum(file.size for file in some) - sum(file.size for file in missing))
            async with contextlib.aclosing(self._reader.batches(missing, self._also, told)) as batches:
                async for batch in batches:
                    other = await self._table.store([outcome for outcome in batch if isinstance(outcome, Hashed)])
                    unread += [outcome for outcome in batch if isinstance(outcome, Unread)]
                    unread += [Unread(each.file, ChangedWhileRead(each.file.location)) for each in other]
        return unread
