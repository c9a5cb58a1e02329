"""Connections."""

from __future__ import annotations

from beamcat.database.pool import Database


async def test_a_moment_is_an_int_in_binary_and_a_datetime_in_text(database: Database) -> None:
    async with database.connection() as conn, conn.cursor(binary=True) as cursor:
        await cursor.execute("SELECT timestamptz '2000-01-01 00:00:01Z'")
        assert await cursor.fetchone() == (1_000_000,)


async def test_two(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute(
            "INSERT INTO facility (create_id, create_time, mod_id, mod_time, name) VALUES ('a', now(), 'a', now(), 'x')"
        )
