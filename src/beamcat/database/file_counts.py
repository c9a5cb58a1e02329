"""`fileCount` and `fileSize` of datasets and investigations, kept by triggers if the settings say so."""

from __future__ import annotations

from beamcat.database.pool import Database


async def maintain_file_counts(database: Database, wanted: bool) -> None:
    """Have the numbers kept, or left to clients. Switching on counts all datafiles anew and may take long.

    Cheap when nothing changes: call it at every start.
    """
    async with database.transaction() as conn:
        await conn.execute("SET LOCAL statement_timeout = 0")
        await conn.execute("SELECT maintain_file_counts(%s)", (wanted,))
