"""Documents as they come from the database: ready JSON, of which nothing is read here."""

from __future__ import annotations

from collections.abc import AsyncIterator

from psycopg import sql

from beamcat.database.pool import Connection

AT_ONCE = 2_000
"""Documents that are handed on together."""


async def made(connection: Connection, statement: str) -> AsyncIterator[list[bytes]]:
    """The documents of a statement of `Documents`, some thousand at a time.

    They come by COPY in a form of CSV that quotes nothing: its quote and delimiter are control characters, which JSON
    never holds as they are.
    """
    copying = f"COPY ({statement}) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
    gathered: list[bytes] = []
    async with connection.cursor() as cursor, cursor.copy(sql.SQL(copying)) as rows:
        async for row in rows:
            gathered.append(bytes(row))
            if len(gathered) == AT_ONCE:
                yield gathered
                gathered = []
    if gathered:
        yield gathered
