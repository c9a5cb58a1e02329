"""Whether the index knows of changes that the database has never seen: an older state of the catalogue was restored."""

from __future__ import annotations

from beamcat.database.pool import Connection

_LAST = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('event', 'position')::regclass), 0)"


async def is_of_later_state(connection: Connection, position: int | None) -> bool:
    """Whether an index at this position (none: there is none) is of a later state than the catalogue is."""
    if position is None:
        return False
    row = await (await connection.execute(_LAST)).fetchone()
    assert row is not None
    return position > int(row[0])
