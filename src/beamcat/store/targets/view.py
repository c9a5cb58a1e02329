"""What owners and administrators see of downloads that are brought to targets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from beamcat.database.pool import Connection, Database

MOST_FAILED = 100
"""Failed files of a download that are named."""
PAGE = 500

_SHOWN = """
SELECT r.download_id, r.target, r.state, r.files, r.size, r.files_done, r.bytes_done, r.eta, r.detail, r.access,
       r.expires, r.reclaimed, r.problem, r.destination,
       (SELECT count(*) FROM target_failure f WHERE f.download_id = r.download_id),
       ARRAY(SELECT f.name FROM target_failure f WHERE f.download_id = r.download_id ORDER BY f.datafile_id LIMIT %s)
  FROM target_request r WHERE r.download_id = ANY(%s::bigint[])
"""
_LISTED = """
SELECT r.download_id FROM target_request r
 WHERE r.download_id > %s AND (%s OR r.state NOT IN ('COMPLETE', 'CANCELED', 'FAILED', 'EXPIRED'))
   AND (%s::text IS NULL OR r.target = %s)
 ORDER BY r.download_id LIMIT %s
"""
_USERS = "SELECT id, user_name FROM download WHERE id = ANY(%s::bigint[])"
_CANCEL = """
UPDATE download d SET status = 'EXPIRED', problem = 'it was canceled by an administrator'
  FROM target_request r
 WHERE d.id = %s AND r.download_id = d.id AND d.status IN ('QUEUED', 'PREPARING', 'RESTORING', 'PAUSED')
RETURNING d.id
"""
_EXPIRE = """
UPDATE target_request SET expires = now() WHERE download_id = %s AND state = 'COMPLETE' RETURNING download_id
"""


@dataclass(frozen=True, slots=True)
class Brought:
    """How far a request to a target is. `access` is how its owner gets at the data, once it is complete."""

    download: int
    target: str
    state: str
    files: int | None
    size: int
    files_done: int
    bytes_done: int
    eta: datetime | None
    detail: str | None
    access: Mapping[str, Any] | None
    expires: datetime | None
    reclaimed: int | None
    problem: str | None
    destination: str | None
    failed: int
    failed_names: Sequence[str]
    """The first ones."""

    @property
    def shown(self) -> str | None:
        """One line about the access."""
        if self.access is None:
            return None
        told = (self.access.get(name) for name in ("text", "url", "path", "endpoint", "token"))
        return next((text for text in told if text), None)


async def brought(connection: Connection, downloads: Sequence[int]) -> dict[int, Brought]:
    """What there is to say of downloads, by their ids; nothing of those that are not brought to targets."""
    rows = await (await connection.execute(_SHOWN, (MOST_FAILED, list(downloads)))).fetchall()
    return {row[0]: Brought(*row) for row in rows}


async def listed(
    database: Database, *, ended: bool = False, target: str | None = None
) -> AsyncIterator[list[tuple[str, Brought]]]:
    """Requests with the names of their users, some hundred at a time; those that have `ended`, too, if wanted."""
    last = -1
    while True:
        async with database.snapshot() as connection:
            rows = await (await connection.execute(_LISTED, (last, ended, target, target, PAGE))).fetchall()
            ids = [identifier for (identifier,) in rows]
            if not ids:
                return
            known = await brought(connection, ids)
            users = dict(await (await connection.execute(_USERS, (ids,))).fetchall())
        yield [(users[identifier], known[identifier]) for identifier in ids]
        last = ids[-1]


async def cancel(database: Database, download: int) -> bool:
    """End a request that is under way; what was brought is removed. False when there is none."""
    async with database.connection() as connection:
        return await (await connection.execute(_CANCEL, (download,))).fetchone() is not None


async def expire(database: Database, download: int) -> bool:
    """Have what was brought removed now. False when there is nothing."""
    async with database.connection() as connection:
        return await (await connection.execute(_EXPIRE, (download,))).fetchone() is not None
