"""Where the CRC-32 of a file is known from (data service specification, E.1.7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from beamcat.config import IdsSettings
from beamcat.store.archives.entries import UNKNOWN_CRC, Integers
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Digests, FileVersion
from beamcat.store.storage.contract import MainStorage

_CRC32 = re.compile(r"[0-9a-f]{1,8}")


@runtime_checkable
class HasDigests(Protocol):
    """A storage that keeps digests itself, as object stores, dCache and some file systems do."""

    async def digests(self, files: Sequence[FileVersion]) -> Sequence[Digests | None]:
        """The digests of the files, in their order; None for one whose CRC-32 the storage does not know.

        They have to be of the bytes that are meant: of that size, with that etag.
        """
        ...


class CrcSources:
    """Knows the CRC-32 of the files of a storage: from the table, from the storage itself, from the catalogue."""

    def __init__(self, table: DigestTable, storage: MainStorage, settings: IdsSettings) -> None:
        self._table = table
        self._own = storage if isinstance(storage, HasDigests) else None
        self._catalogued = settings.catalogue_checksums_are_crc32
        self._trusting = settings.trust_catalogue_checksums

    async def known(self, files: Sequence[FileVersion], checksums: Sequence[str]) -> Integers:
        """The CRC-32 of each file, `UNKNOWN_CRC` where nobody knows it. `checksums` are what the catalogue says.

        A checksum of the catalogue counts when it was right for bytes of that size which once were read there, or when
        the settings trust it: since it says nothing of the version of the bytes, it is asked last.
        """
        known = await self._table.crcs(files)
        crcs = known.now
        await self._ask_storage(files, crcs)
        if self._catalogued:
            for index in np.flatnonzero(crcs == UNKNOWN_CRC).tolist():
                said = catalogued_crc(checksums[index])
                if said is not None and (self._trusting or said == known.earlier[index]):
                    crcs[index] = said
        return crcs

    async def _ask_storage(self, files: Sequence[FileVersion], crcs: Integers) -> None:
        missing = np.flatnonzero(crcs == UNKNOWN_CRC).tolist()
        if self._own is None or not missing:
            return
        for index, digests in zip(missing, await self._own.digests([files[each] for each in missing]), strict=True):
            if digests is not None:
                crcs[index] = digests.crc32


def catalogued_crc(checksum: str) -> int | None:
    """What a checksum of the catalogue means, if it can be a CRC-32 as ids.server writes it; else None."""
    return int(checksum, 16) if _CRC32.fullmatch(checksum) else None
