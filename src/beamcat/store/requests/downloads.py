"""Requested downloads: what is kept of them, and how their status changes (data service specification, C.4).

QUEUED -> PREPARING -> RESTORING -> COMPLETE; EXPIRED when it cannot be had; PAUSED is set by people. Whatever brings
one forward is written together with the mail it causes, so that a crash in between loses neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from beamcat.database.pool import Connection, Database
from beamcat.errors import Forbidden, NoSuchObject, ValidationFailed
from beamcat.store.requests.items import Kind, Owner, Reference
from beamcat.store.requests.listing import Listing
from beamcat.store.targets.view import Brought, brought

Packed = Literal["zip", "tar", "files"]
"""What a request is wanted as; `files`: one by one, by a Metalink, with a ZIP file beside it."""

CHANNEL = "beamcat_downloads"
"""Who waits for work on downloads listens there."""

_FULL_NAME = 'SELECT full_name FROM "user" WHERE name = %s'
_INSERT = """
INSERT INTO download (id, facility_name, owner, user_name, full_name, transport, file_name, email, status, priority,
                      size, two_level, compress, form, prepared_id, created, completed)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now(), CASE WHEN %s THEN now() END)
"""
_INSERT_ITEMS = """
INSERT INTO download_item (download_id, entity_type, entity_id)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[])
"""
_IDS = "SELECT nextval(pg_get_serial_sequence('download', 'id')) FROM generate_series(1, %s)"
_MAIL = """
INSERT INTO download_mail (download_id, custom_value, due)
SELECT id, %s, now() FROM download WHERE id = ANY(%s::bigint[]) AND email IS NOT NULL AND NOT email_sent
ON CONFLICT DO NOTHING
"""
_COLUMNS = """
id, facility_name, owner, user_name, full_name, transport, file_name, email, email_sent, status, priority, size,
two_level, compress, prepared_id, created, completed, is_deleted, deleted, problem, form, reminded
"""
STATUS_AT = 9
"""Where the status is among them."""
PREPARED_AT = 14
"""Where the id of the prepared download is."""
_ITEMS = """
SELECT download_id, id, entity_type, entity_id FROM download_item
 WHERE download_id = ANY(%s::bigint[]) ORDER BY download_id, id
"""
_DELIVERED = """
SELECT DISTINCT ON (prepared_id) prepared_id, delivered, completed IS NOT NULL, last_byte FROM delivery
 WHERE prepared_id = ANY(%s::uuid[]) ORDER BY prepared_id, started DESC
"""
_STATUSES = "SELECT id, status FROM download WHERE id = ANY(%s::bigint[]) AND owner = %s AND facility_name = %s"
_DELETED = """
UPDATE download
   SET is_deleted = %(value)s, deleted = CASE WHEN %(value)s THEN coalesce(deleted, now()) END, next_look = now()
 WHERE id = %(id)s
"""
_SET = """
UPDATE download
   SET status = %(status)s, next_look = now(), tries = 0, failing_since = NULL, problem = NULL,
       prepared_id = CASE WHEN %(status)s IN ('QUEUED', 'PREPARING') THEN NULL ELSE prepared_id END,
       completed = CASE WHEN %(status)s = 'COMPLETE' THEN coalesce(completed, now()) END
 WHERE id = %(id)s
"""


class DownloadStatus(StrEnum):
    """How far a download is."""

    QUEUED = "QUEUED"
    PREPARING = "PREPARING"
    RESTORING = "RESTORING"
    COMPLETE = "COMPLETE"
    EXPIRED = "EXPIRED"
    PAUSED = "PAUSED"


@dataclass(frozen=True, slots=True)
class NewDownload:
    """What is requested. `prepared` is its prepared download, when it is there already."""

    facility: str
    owner: Owner
    transport: str
    file_name: str
    email: str | None
    status: DownloadStatus
    size: int
    references: Sequence[Reference]
    priority: int = 0
    two_level: bool = False
    compress: bool = False
    form: Packed = "zip"
    prepared: UUID | None = None


@dataclass(frozen=True, slots=True)
class DownloadItem:
    """One thing that is in a download."""

    id: int
    reference: Reference


@dataclass(frozen=True, slots=True)
class Delivered:
    """How many bytes of a download have arrived, whether those are all, and when the last one did."""

    bytes: int = 0
    complete: bool = False
    last_byte: datetime | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A requested download."""

    id: int
    facility: str
    owner: str
    user_name: str
    full_name: str
    transport: str
    file_name: str
    email: str | None
    email_sent: bool
    status: DownloadStatus
    priority: int
    size: int
    two_level: bool
    compress: bool
    prepared: UUID | None
    created: datetime
    completed: datetime | None
    is_deleted: bool
    deleted: datetime | None
    problem: str | None
    """Why it is EXPIRED, or has to wait; for administrators."""
    items: tuple[DownloadItem, ...]
    reminded: datetime | None = None
    """When its owner was told that it had come to a stop."""
    delivered: Delivered = Delivered()
    brought: Brought | None = None
    """How far it is on its way to its target; None for one that has none."""
    form: Packed = "zip"


class Downloads:
    """Keeps downloads. With `mails`, one is written for every download that is completed."""

    def __init__(self, database: Database, *, mails: bool, most_listed: int) -> None:
        self._database = database
        self._mails = mails
        self._most_listed = most_listed

    async def insert(self, connection: Connection, new: Sequence[NewDownload]) -> list[int]:
        """Write requests of one owner down, in the caller's transaction; their ids, in order."""
        if not new:
            return []
        user_name = new[0].owner.caller.name
        named = await (await connection.execute(_FULL_NAME, (user_name,))).fetchone()
        full_name = (named and named[0]) or user_name
        ids = [row[0] for row in await (await connection.execute(_IDS, (len(new),))).fetchall()]
        async with connection.cursor() as cursor:
            await cursor.executemany(
                _INSERT,
                [
                    (
                        *(identifier, each.facility, each.owner.key, user_name, full_name, each.transport),
                        *(each.file_name, each.email, each.status.value, each.priority, each.size, each.two_level),
                        *(each.compress, each.form, each.prepared, each.status is DownloadStatus.COMPLETE),
                    )
                    for identifier, each in zip(ids, new, strict=True)
                ],
            )
        items = [(owner, item) for owner, each in zip(ids, new, strict=True) for item in each.references]
        columns = (
            [owner for owner, _ in items],
            [item.kind.value for _, item in items],
            [item.id for _, item in items],
        )
        await connection.execute(_INSERT_ITEMS, columns)
        complete = [
            identifier for identifier, each in zip(ids, new, strict=True) if each.status is DownloadStatus.COMPLETE
        ]
        await self.write_mails(connection, complete)
        await announce(connection)
        return ids

    async def write_mails(self, connection: Connection, completed: Sequence[int], custom_value: str = "") -> None:
        """Have mails sent about downloads that this transaction completes, once each."""
        if self._mails and completed:
            await connection.execute(_MAIL, (custom_value, list(completed)))

    async def find(self, identifier: int) -> Download:
        """The download of that id; `NoSuchObject` when there is none."""
        found = await self._read("id = %s", (identifier,), "")
        if not found:
            raise NoSuchObject(f"there is no download {identifier}")
        return found[0]

    async def owned(self, identifier: int, owner: Owner) -> Download:
        """The same; `Forbidden` when it is somebody else's."""
        download = await self.find(identifier)
        if download.owner != owner.key:
            raise Forbidden(f"download {identifier} is not yours")
        return download

    async def list_owned(self, facility: str, owner: Owner, listing: Listing) -> list[Download]:
        """What of the owner's downloads a client asks for."""
        return await self._list("owner = %s AND facility_name = %s", (owner.key, facility), listing)

    async def latest(
        self, facility: str, owner: Owner, *, before: int | None, most: int, deleted: bool = False
    ) -> list[Download]:
        """The owner's newest downloads that have an id less than `before`; those that were `deleted` instead."""
        condition = f"{'is_deleted' if deleted else 'NOT is_deleted'} AND (%s::bigint IS NULL OR id < %s)"
        listing = Listing(condition, (before, before), "id DESC", 0, most)
        return await self.list_owned(facility, owner, listing)

    async def find_prepared(self, prepared: UUID) -> Download | None:
        """The download of a prepared one, for whoever has that id; None when nobody has requested it."""
        found = await self._read("prepared_id = %s", (prepared,), "ORDER BY id LIMIT 1")
        return found[0] if found else None

    async def list_all(self, facility: str, listing: Listing) -> list[Download]:
        """What of everybody's downloads a client asks for."""
        return await self._list("facility_name = %s", (facility,), listing)

    async def statuses(self, facility: str, owner: Owner, ids: Sequence[int]) -> list[DownloadStatus]:
        """The status of each; `NoSuchObject` unless all are the owner's."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_STATUSES, (list(ids), owner.key, facility))).fetchall()
        found = dict(rows)
        if missing := [identifier for identifier in ids if identifier not in found]:
            raise NoSuchObject(f"you have no download {missing[0]}")
        return [DownloadStatus(found[identifier]) for identifier in ids]

    async def set_deleted(self, identifier: int, *, value: bool) -> None:
        """Hide a download, or show it again. What is hidden is not worked on."""
        async with self._database.transaction() as connection:
            await connection.execute(_DELETED, {"id": identifier, "value": value})
            await announce(connection)

    async def set_status(self, identifier: int, status: DownloadStatus, custom_value: str = "") -> None:
        """Set the status by hand. What is to be restored but is not prepared yet, is prepared first."""
        if len(custom_value) > 10_000:
            raise ValidationFailed("a custom value may have 10000 characters")
        async with self._database.transaction() as connection:
            row = await (
                await connection.execute("SELECT prepared_id FROM download WHERE id = %s FOR UPDATE", (identifier,))
            ).fetchone()
            if row is None:
                raise NoSuchObject(f"there is no download {identifier}")
            if status is DownloadStatus.RESTORING and row[0] is None:
                status = DownloadStatus.PREPARING
            await connection.execute(_SET, {"id": identifier, "status": status.value})
            if status is DownloadStatus.COMPLETE:
                await self.write_mails(connection, [identifier], custom_value)
            await announce(connection)

    async def _list(self, condition: str, values: tuple[Any, ...], listing: Listing) -> list[Download]:
        tail = f"ORDER BY {listing.order} OFFSET %s LIMIT %s"
        most = self._most_listed if listing.limit is None else min(listing.limit, self._most_listed)
        return await self._read(
            f"{condition} AND ({listing.condition})", (*values, *listing.values), tail, listing.offset, most
        )

    async def _read(self, condition: str, values: Sequence[Any], tail: str, *more: int) -> list[Download]:
        text = f"SELECT {_COLUMNS} FROM download WHERE {condition} {tail}"  # noqa: S608 - conditions of ours
        async with self._database.snapshot() as connection:
            rows = await (await connection.execute(text.encode(), (*values, *more))).fetchall()
            found = await (await connection.execute(_ITEMS, ([row[0] for row in rows],))).fetchall()
            prepared = [row[PREPARED_AT] for row in rows if row[PREPARED_AT] is not None]
            deliveries = await (await connection.execute(_DELIVERED, (prepared,))).fetchall() if prepared else []
            targets = await brought(connection, [row[0] for row in rows])
        delivered = {identifier: Delivered(*rest) for identifier, *rest in deliveries}
        items: dict[int, list[DownloadItem]] = {}
        for owner, identifier, kind, entity in found:
            items.setdefault(owner, []).append(DownloadItem(identifier, Reference(Kind(kind), entity)))
        return [
            replace(
                _download(row, items.get(row[0], ()), delivered.get(row[PREPARED_AT], Delivered())),
                brought=targets.get(row[0]),
            )
            for row in rows
        ]


async def announce(connection: Connection) -> None:
    """Wake those who work on downloads, once this transaction is committed."""
    await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def _download(row: Sequence[Any], items: Sequence[DownloadItem], delivered: Delivered) -> Download:
    values: list[Any] = [DownloadStatus(value) if number == STATUS_AT else value for number, value in enumerate(row)]
    *most, form, reminded = values
    return Download(*[*most, tuple(items), reminded, delivered, None, form])
