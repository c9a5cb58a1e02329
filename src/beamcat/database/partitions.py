"""Partitions of `datafile` and `datafile_parameter`: ranges of datafile ids, fixed when the catalogue was made."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection


async def ensure_datafile_partitions(conn: AsyncConnection[Any], highest_id: int) -> None:
    """Make sure that datafiles up to `highest_id` have a partition; does nothing for plain tables.

    One partition is made in advance, so this rarely has to make any. When it does, it waits for all who write
    datasets: call it before the transaction writes, and run the transaction by `Database.run`, which repeats it should
    it lose against another one.
    """
    await conn.execute("SELECT ensure_datafile_partitions(%s)", (highest_id,))
