"""Which CRC-32 is believed, and which is not (data service specification, E.1.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beamcat.config import IdsSettings
from beamcat.database.pool import Database
from beamcat.store.archives.entries import UNKNOWN_CRC
from beamcat.store.digests.sources import CrcSources, catalogued_crc
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Digests, FileVersion, Hashed
from beamcat.store.storage.posix import PosixStorage

IN_TABLE, EARLIER, NEW = FileVersion("a", 3, "e1"), FileVersion("b", 3, "e2"), FileVersion("c", 3, "e1")
FILES = [IN_TABLE, EARLIER, NEW]
BEFORE = replace(EARLIER, etag="e1")


class KeepingStorage(PosixStorage):
    """Keeps digests itself, of `NEW` and `IN_TABLE` only."""

    async def digests(self, files: Sequence[FileVersion]) -> Sequence[Digests | None]:
        return [Digests(77) if file in (NEW, IN_TABLE) else None for file in files]


async def known(database: Database, storage: PosixStorage, checksums: Sequence[str], **settings: Any) -> list[int]:
    table = DigestTable(database, "main")
    await table.store([Hashed(IN_TABLE, Digests(1)), Hashed(BEFORE, Digests(0x2))])
    return (await CrcSources(table, storage, IdsSettings(**settings)).known(FILES, checksums)).tolist()


CRC32 = {"catalogue_checksums_are_crc32": True}
CHECKSUMS = ["ff", "2", "3"]


async def test_the_catalogue_is_not_believed_unless_the_facility_says_so(database: Database, tmp_path: Path) -> None:
    storage = PosixStorage(tmp_path)
    assert await known(database, storage, CHECKSUMS) == [1, UNKNOWN_CRC, UNKNOWN_CRC]
    assert await known(database, storage, CHECKSUMS, trust_catalogue_checksums=True) == [1, UNKNOWN_CRC, UNKNOWN_CRC]


async def test_a_checksum_counts_when_it_was_right_once_or_is_trusted(database: Database, tmp_path: Path) -> None:
    storage = PosixStorage(tmp_path)
    assert await known(database, storage, CHECKSUMS, **CRC32) == [1, 2, UNKNOWN_CRC]
    assert await known(database, storage, ["ff", "3", "3"], **CRC32) == [1, UNKNOWN_CRC, UNKNOWN_CRC]
    assert await known(database, storage, CHECKSUMS, trust_catalogue_checksums=True, **CRC32) == [1, 2, 3]


async def test_a_storage_that_keeps_digests_is_asked_before_the_catalogue(database: Database, tmp_path: Path) -> None:
    storage = KeepingStorage(tmp_path)
    assert await known(database, storage, CHECKSUMS, trust_catalogue_checksums=True, **CRC32) == [1, 2, 77]
    assert await known(database, storage, ["", "", ""]) == [1, UNKNOWN_CRC, 77]


@pytest.mark.parametrize(
    ("checksum", "crc"),
    [("d4a1185", 0xD4A1185), ("0", 0), ("00000001", 1), ("ffffffff", 0xFFFFFFFF)]
    + [(other, None) for other in ("", "FF", "123456789", "0x1", "1 ", "1\n", "xyz", "adler32:1", "-1", "d" * 32)],
)  # fmt: skip
def test_what_looks_like_a_crc(checksum: str, crc: int | None) -> None:
    assert catalogued_crc(checksum) == crc
