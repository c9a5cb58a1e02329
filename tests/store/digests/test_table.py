"""Digests are kept for the bytes they are of, and for no others."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from beamcat.database.pool import Database
from beamcat.store.archives.entries import UNKNOWN_CRC
from beamcat.store.digests.table import CRCS, ROWS, DigestTable
from beamcat.store.digests.values import Digests, FileVersion, Hashed, PieceDigests

FILE = FileVersion("1/2/a", 10, "e1")
WHOLE = Digests(7, 8, b"s" * 32, b"m" * 16, PieceDigests(16 << 20, b"p" * 64))


@pytest.fixture
def table(database: Database) -> DigestTable:
    return DigestTable(database, "main")


async def checked(table: DigestTable, location: str) -> bool:
    async with table.database.connection() as connection:
        row = await (
            await connection.execute("SELECT checked IS NOT NULL FROM file_digest WHERE location = %s", [location])
        ).fetchone()
    assert row is not None
    return bool(row[0])


async def test_what_is_stored_is_found_in_the_order_of_the_question(table: DigestTable) -> None:
    other = FileVersion("1/2/b", 0, "")
    assert await table.store([Hashed(FILE, WHOLE), Hashed(other, Digests(0))]) == []
    unknown = FileVersion("1/2/c", 10, "e1")
    assert await table.digests([other, unknown, FILE, other]) == [Digests(0), None, WHOLE, Digests(0)]
    assert (await table.crcs([other, unknown, FILE, other])).now.tolist() == [0, UNKNOWN_CRC, 7, 0]
    assert await table.digests([]) == []
    assert (await table.crcs([])).now.tolist() == []


@pytest.mark.parametrize("other", [replace(FILE, etag="e2"), replace(FILE, size=11), replace(FILE, location="1/2/A")])
async def test_a_digest_of_other_bytes_is_never_used(table: DigestTable, other: FileVersion) -> None:
    await table.store([Hashed(FILE, WHOLE)])
    assert await table.digests([other]) == [None]
    assert (await table.crcs([other])).now.tolist() == [UNKNOWN_CRC]
    assert await DigestTable(table.database, "other").digests([FILE]) == [None]


async def test_earlier_bytes_of_the_same_size_are_told_apart(table: DigestTable) -> None:
    await table.store([Hashed(FILE, WHOLE)])
    found = await table.crcs([replace(FILE, etag="e2"), replace(FILE, size=11), FILE])
    assert found.earlier.tolist() == [7, UNKNOWN_CRC, UNKNOWN_CRC]


async def test_digests_of_new_bytes_take_the_place_of_the_old_ones(table: DigestTable) -> None:
    await table.store([Hashed(FILE, WHOLE)], confirmed=[FILE])
    assert await checked(table, FILE.location)
    for new in (replace(FILE, etag="e2"), replace(FILE, etag="e2", size=11)):
        assert await table.store([Hashed(new, Digests(9))]) == []
        assert await table.digests([FILE, new]) == [None, Digests(9)]
        assert not await checked(table, FILE.location)


async def test_more_digests_of_the_same_bytes_are_added(table: DigestTable) -> None:
    await table.store([Hashed(FILE, Digests(7, sha256=WHOLE.sha256))])
    assert not await checked(table, FILE.location)
    assert await table.store([Hashed(FILE, Digests(7, 8, md5=WHOLE.md5, pieces=WHOLE.pieces))]) == []
    assert await table.digests([FILE]) == [WHOLE]
    assert await checked(table, FILE.location)


@pytest.mark.parametrize("other", [Digests(6), Digests(7, sha256=b"t" * 32)])
async def test_what_contradicts_a_digest_is_told_and_changes_nothing(table: DigestTable, other: Digests) -> None:
    neighbour = Hashed(FileVersion("1/2/b", 1, "x"), Digests(1))
    await table.store([Hashed(FILE, WHOLE)])
    assert await table.store([Hashed(FILE, other), neighbour]) == [Hashed(FILE, other)]
    assert await table.digests([FILE, neighbour.file]) == [WHOLE, neighbour.digests]
    assert not await checked(table, FILE.location)
    await table.forget([FILE.location])
    assert await table.store([Hashed(FILE, other)]) == []


async def test_one_location_twice_in_a_batch_is_kept_once(table: DigestTable) -> None:
    assert await table.store([Hashed(FILE, Digests(1)), Hashed(FILE, WHOLE)]) == []
    assert await table.digests([FILE]) == [WHOLE]


async def test_thousands_at_once_from_several_writers(table: DigestTable) -> None:
    files = [FileVersion(f"1/{number}/é", number, f"e{number}") for number in range(ROWS + 500)]
    hashed = [Hashed(file, Digests(file.size, sha256=b"s" * 32)) for file in files]
    backwards = list(reversed(hashed))
    assert await asyncio.gather(*(table.store(some) for some in (hashed, backwards, hashed))) == [[], [], []]
    assert (await table.crcs(files)).now.tolist() == list(range(len(files)))


async def test_look_ups_use_the_key(table: DigestTable) -> None:
    async with table.database.connection() as connection:
        await connection.execute(
            "INSERT INTO file_digest (storage, location, size, etag, crc32, computed)"
            " SELECT 'main', '1/' || n, n, 'e', n, now() FROM generate_series(1, 100000) n"
        )
        await connection.execute("ANALYZE file_digest")
        asked = {"storage": "main", "locations": ["1/5"] * 1000, "sizes": [5] * 1000, "etags": ["e"] * 1000}
        plan = await (await connection.execute("EXPLAIN " + CRCS, asked)).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "file_digest_pkey" in text
    assert "Seq Scan" not in text
