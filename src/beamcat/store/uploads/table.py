"""The uploads that are under way or have just been finished: the statements on the table `upload`.

Whoever writes to an upload holds it for some seconds, and goes on holding it by writing down how far it has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, ErrorKind, NoSuchObject, ValidationFailed
from beamcat.store.uploads.incoming import Upload

_FIELDS = (
    "id, user_name, dataset_id, format_id, name, description, doi, file_created, file_modified, sha256, size,"
    " metadata, received, expires, datafile_id"
)
_LIVES = "(expires > now() OR datafile_id IS NOT NULL)"
_CREATE = f"""
INSERT INTO upload (id, user_name, dataset_id, format_id, name, description, doi, file_created, file_modified, sha256,
                    size, metadata, begun, expires)
SELECT %(id)s, %(user_name)s, %(dataset_id)s, %(format_id)s, %(name)s, %(description)s, %(doi)s, %(created)s,
       %(modified)s, %(sha256)s, %(size)s, %(metadata)s, now(), now() + %(life)s
 WHERE (SELECT count(*) FROM (SELECT FROM upload WHERE user_name = %(user_name)s AND datafile_id IS NULL
                               LIMIT %(most)s) others) < %(most)s
RETURNING {_FIELDS}
"""  # noqa: S608
_FIND = f"SELECT {_FIELDS} FROM upload WHERE id = %s AND user_name = %s AND {_LIVES}"  # noqa: S608
_LIST = f"""
SELECT {_FIELDS} FROM upload
 WHERE user_name = %(user_name)s AND datafile_id IS NULL AND expires > now() AND id > %(after)s
 ORDER BY id LIMIT %(most)s
"""  # noqa: S608
_HOLD = f"""
UPDATE upload SET holder = %(holder)s, until = now() + %(lease)s
 WHERE id = %(id)s AND user_name = %(user_name)s AND {_LIVES} AND (holder IS NULL OR until < now())
RETURNING {_FIELDS}
"""  # noqa: S608
_SAVE = """
UPDATE upload SET received = %(received)s, until = now() + %(lease)s, expires = now() + %(life)s
 WHERE id = %(id)s AND holder = %(holder)s
"""
_RENEW = "UPDATE upload SET until = now() + %(lease)s WHERE id = %(id)s AND holder = %(holder)s"
_EXPECT = "UPDATE upload SET sha256 = %(sha256)s WHERE id = %(id)s AND holder = %(holder)s"
_RELEASE = "UPDATE upload SET holder = NULL, until = NULL WHERE id = %s AND holder = %s"
_FINISH = (
    "UPDATE upload SET datafile_id = %s, expires = now() + %s WHERE id = %s AND holder = %s AND datafile_id IS NULL"
)
_DROPPED = "UPDATE upload SET waits = false WHERE id = ANY(%s)"
_DELETE = "DELETE FROM upload WHERE id = ANY(%s) AND holder = %s"
_OLD = """
UPDATE upload u SET holder = %(holder)s, until = now() + %(lease)s
  FROM (SELECT id FROM upload WHERE expires < now() AND (holder IS NULL OR until < now())
         ORDER BY expires LIMIT %(most)s FOR UPDATE SKIP LOCKED) old
 WHERE u.id = old.id
RETURNING u.id
"""
_USELESS = """
SELECT id FROM upload WHERE datafile_id IS NOT NULL AND waits AND (holder IS NULL OR until < now()) LIMIT %s
"""


class NoSuchUpload(NoSuchObject):
    """There is none, or it is somebody else's, or was given up."""

    def __init__(self) -> None:
        super().__init__("There is no such upload; it may have expired")


class UploadHeld(BeamcatError):
    """Somebody else writes to the upload."""

    kind = ErrorKind.UNAVAILABLE

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Another request writes to this upload; ask again in some seconds how far it has come")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class State:
    """An upload, and how far it has come. `received` are the bytes that are safe; `datafile_id` is what it has become.

    `metadata` is what the client has said, letter for letter.
    """

    id: UUID
    user_name: str
    upload: Upload
    size: int
    metadata: str
    received: int
    expires: datetime
    datafile_id: int | None

    @property
    def offset(self) -> int:
        """Where the client has to go on. The last byte is acknowledged by the datafile."""
        return self.received if self.datafile_id is not None else min(self.received, max(0, self.size - 1))


@dataclass(frozen=True, slots=True)
class Held:
    """An upload that the holder may write to."""

    state: State
    holder: UUID

    def with_received(self, received: int) -> Held:
        """The same, with so many bytes."""
        return replace(self, state=replace(self.state, received=received))


class UploadTable:
    """The uploads of all users. `lease` is how long one is held without a sign, `life` how long it waits to go on."""

    def __init__(self, database: Database, *, lease: timedelta, life: timedelta, most_per_user: int) -> None:
        self.lease = lease
        self.life = life
        self._database = database
        self._most_per_user = most_per_user

    async def create(self, user_name: str, upload: Upload, size: int, metadata: str) -> State:
        """A new upload. Raises `ValidationFailed` when the user has too many."""
        values = {
            "id": uuid4(),
            "user_name": user_name,
            "dataset_id": upload.dataset_id,
            "format_id": upload.format_id,
            "name": upload.name,
            "description": upload.description,
            "doi": upload.doi,
            "created": upload.created,
            "modified": upload.modified,
            "sha256": upload.sha256,
            "size": size,
            "metadata": metadata,
            "life": self.life,
            "most": self._most_per_user,
        }
        row = await self._one(_CREATE, values)
        if row is None:
            raise ValidationFailed(
                f"you have {self._most_per_user} uploads under way, which is as many as you may; finish or remove some"
            )
        return _state(row)

    async def find(self, identifier: UUID, user_name: str) -> State:
        """An upload of the user's. Raises `NoSuchUpload`."""
        row = await self._one(_FIND, (identifier, user_name))
        if row is None:
            raise NoSuchUpload
        return _state(row)

    async def unfinished(self, user_name: str, after: UUID, most: int) -> list[State]:
        """The user's unfinished uploads, in the order of their ids."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(_LIST, {"user_name": user_name, "after": after, "most": most})
            return [_state(row) for row in await cursor.fetchall()]

    async def hold(self, identifier: UUID, user_name: str) -> Held:
        """Hold an upload of the user's. Raises `NoSuchUpload`, and `UploadHeld` when somebody else does."""
        holder = uuid4()
        asked = {"holder": holder, "lease": self.lease, "id": identifier, "user_name": user_name}
        row = await self._one(_HOLD, asked)
        if row is None:
            await self.find(identifier, user_name)
            raise UploadHeld(max(1, round(self.lease.total_seconds() / 4)))
        return Held(_state(row), holder)

    async def save(self, held: Held, received: int) -> None:
        """So many bytes are safe. Raises `UploadHeld` when somebody else holds it by now."""
        await self._as_holder(_SAVE, held, received=received, lease=self.lease, life=self.life)

    async def renew(self, held: Held) -> None:
        """Go on holding it. Raises `UploadHeld` when somebody else holds it by now."""
        await self._as_holder(_RENEW, held, lease=self.lease)

    async def expect(self, held: Held, sha256: bytes) -> None:
        """Its bytes are announced to have this SHA-256."""
        await self._as_holder(_EXPECT, held, sha256=sha256)

    async def release(self, held: Held) -> None:
        """Let go of it."""
        async with self._database.connection() as connection:
            await connection.execute(_RELEASE, (held.state.id, held.holder))

    async def finish(self, connection: Connection, held: Held, datafile: int) -> None:
        """It is a datafile, in this transaction. Raises `UploadHeld` when somebody else has seen to that."""
        cursor = await connection.execute(_FINISH, (datafile, self.life, held.state.id, held.holder))
        if cursor.rowcount != 1:
            raise UploadHeld(1)

    async def dropped(self, identifiers: Sequence[UUID]) -> None:
        """Their bytes do not wait any more: they are files."""
        async with self._database.connection() as connection:
            await connection.execute(_DROPPED, (list(identifiers),))

    async def delete(self, identifiers: Sequence[UUID], holder: UUID) -> None:
        """Forget uploads that are held."""
        async with self._database.connection() as connection:
            await connection.execute(_DELETE, (list(identifiers), holder))

    async def old(self, most: int) -> tuple[list[UUID], UUID]:
        """Uploads that have waited for too long, and the holder that they have now."""
        holder = uuid4()
        async with self._database.connection() as connection:
            cursor = await connection.execute(_OLD, {"holder": holder, "lease": timedelta(minutes=5), "most": most})
            return [identifier for (identifier,) in await cursor.fetchall()], holder

    async def useless(self, most: int) -> list[UUID]:
        """Uploads that have become datafiles, but may still be there."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(_USELESS, (most,))
            return [identifier for (identifier,) in await cursor.fetchall()]

    async def _one(self, statement: str, asked: Any) -> tuple[Any, ...] | None:
        async with self._database.connection() as connection:
            return await (await connection.execute(statement.encode(), asked)).fetchone()

    async def _as_holder(self, statement: str, held: Held, **values: Any) -> None:
        asked = {"id": held.state.id, "holder": held.holder, **values}
        async with self._database.connection() as connection:
            cursor = await connection.execute(statement.encode(), asked)
        if cursor.rowcount != 1:
            raise UploadHeld(1)


def _state(row: Sequence[Any]) -> State:
    identifier, user_name, dataset, format_id, name, description, doi, created, modified, sha256, size, *rest = row
    digest = None if sha256 is None else bytes(sha256)
    upload = Upload(dataset, format_id, name, description, doi, created, modified, digest, size)
    return State(identifier, user_name, upload, size, *rest)
