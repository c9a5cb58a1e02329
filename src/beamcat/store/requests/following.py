"""How far requested downloads are, as their owners are shown it (data service specification, C.4, E.4, F.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError
from beamcat.store.requests.downloads import Download, DownloadStatus
from beamcat.store.requests.transports import is_fetched
from beamcat.store.units.progress import Progress

MOST_LOOKED_AT = 20
"""Downloads of one answer of which it is looked how far their data are on the way from tape."""

_POSITIONS = """
SELECT d.id, (SELECT count(*) FROM (
                SELECT FROM download o
                 WHERE o.status = 'QUEUED' AND NOT o.is_deleted
                   AND (o.priority < 1, o.priority, o.created, o.id) < (d.priority < 1, d.priority, d.created, d.id)
                 LIMIT 10000) ahead)
  FROM download d WHERE d.id = ANY(%s::bigint[])
"""
_KEPT = "SELECT id, files, layout IS NOT NULL, size FROM prepared WHERE id = ANY(%s::uuid[])"
_ARRIVED = """
SELECT DISTINCT ON (prepared_id) prepared_id, size, delivered, requests, cardinality(clients), last_byte,
       completed IS NOT NULL, confirmed IS NOT NULL,
       (SELECT array_agg(ARRAY[lower(r), upper(r)] ORDER BY r) FROM unnest(arrived) r)
  FROM delivery WHERE prepared_id = ANY(%s::uuid[]) ORDER BY prepared_id, started DESC
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What has reached its owner: of `size` bytes, `delivered`, in the intervals `ranges`."""

    size: int
    delivered: int
    requests: int
    clients: int
    last_byte: datetime | None
    complete: bool
    confirmed: bool
    ranges: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A prepared download that is there. `size` is None until it has been measured."""

    files: int
    size: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there is to say of a download.

    `ahead`: how many of the queue come before it. `kept`: what was prepared, None when it is there no longer, or not
    yet. `progress`: how far its data are on the way from tape.
    """

    download: Download
    ahead: int | None = None
    kept: Kept | None = None
    arrival: Arrival | None = None
    progress: Progress | None = None

    @property
    def has_lapsed(self) -> bool:
        """Whether it was ready, and what was prepared for it has been given up since."""
        download = self.download
        return download.status is DownloadStatus.COMPLETE and is_fetched(download.transport) and self.kept is None


class Tells(Protocol):
    """What is needed of the data service."""

    async def prepared_progress(self, identifier: UUID) -> Progress:
        """How far a prepared download is on its way from tape."""
        ...


class Following:
    """Follows downloads."""

    def __init__(self, database: Database, data: Tells) -> None:
        self._database = database
        self._data = data

    async def outlooks(self, downloads: Sequence[Download]) -> list[Outlook]:
        """What there is to say of them, in their order. Each question is put once, whatever their number."""
        queued = [each.id for each in downloads if each.status is DownloadStatus.QUEUED]
        prepared = [each.prepared for each in downloads if each.prepared is not None]
        async with self._database.snapshot() as connection:
            ahead = dict(await _rows(connection, _POSITIONS, queued))
            kept = {
                row[0]: Kept(row[1], row[3] if row[2] else None) for row in await _rows(connection, _KEPT, prepared)
            }
            arrived = {row[0]: _arrival(row) for row in await _rows(connection, _ARRIVED, prepared)}
        restoring = [
            each
            for each in downloads
            if each.status is DownloadStatus.RESTORING and each.prepared in kept and each.brought is None
        ]
        progress = {each.id: await self._progress(each) for each in restoring[:MOST_LOOKED_AT]}
        return [
            Outlook(
                each,
                ahead.get(each.id),
                None if each.prepared is None else kept.get(each.prepared),
                None if each.prepared is None else arrived.get(each.prepared),
                progress.get(each.id),
            )
            for each in downloads
        ]

    async def _progress(self, download: Download) -> Progress | None:
        """None when nobody can tell at the moment: it is the least of what is shown."""
        assert download.prepared is not None
        try:
            return await self._data.prepared_progress(download.prepared)
        except BeamcatError:
            return None


def _arrival(row: Sequence[Any]) -> Arrival:
    *values, ranges = row[1:]
    return Arrival(*[*values, [(first, stop) for first, stop in ranges or ()]])


async def _rows(connection: Connection, statement: str, ids: Sequence[int] | Sequence[UUID]) -> list[Any]:
    if not ids:
        return []
    return await (await connection.execute(statement.encode(), (list(ids),))).fetchall()
